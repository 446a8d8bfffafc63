/* Preloaded into the server. Records the writes and syncs of a data directory's files in order, and makes chosen syncs fail
 * as they would on a faulty disk.
 *
 *   POWER_DIRECTORY  the data directory, as an absolute path
 *   POWER_TRACE      the file to append to
 *   POWER_FAIL       a file that may appear. "NAME SKIP" makes a sync of that file fail after SKIP successful ones. The file
 *                    is then deleted. NAME is "." for the directory itself
 *
 * A record is a line `OPERATION NAME OFFSET LENGTH`. The bytes of a write follow it. Operations: C create, W write, T truncate
 * (to OFFSET), U unlink, S sync, F failed sync. As on Linux, a failed sync is reported once to each open handle.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define HANDLES 4096
#define FILES 16

struct file {
    char name[64];
    unsigned failures;
};

struct handle {
    struct file *file;
    unsigned failures_seen;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static struct handle handles[HANDLES];
static const char *directory;
static const char *fail;
static int trace = -1;
static int syncs_skipped;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    directory = getenv("POWER_DIRECTORY");
    fail = getenv("POWER_FAIL");
    const char *path = getenv("POWER_TRACE");
    if (path)
        trace = real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (!directory || trace < 0)
        abort();
}

/* The name of a file in the data directory that must survive a power cut. Null for any other path. */
static const char *name_of(const char *path) {
    size_t length = strlen(directory);
    if (strncmp(path, directory, length) != 0)
        return NULL;
    const char *name = path + length;
    if (*name == 0 || strcmp(name, "/") == 0)
        return ".";
    if (*name != '/' || strchr(++name, '/'))
        return NULL;
    return strncmp(name, "orders.db", 9) == 0 && !strstr(name, "-shm") ? name : NULL;
}

static struct file *file_of(const char *name) {
    for (int at = 0; at < FILES; at++) {
        if (files[at].name[0] == 0)
            strncpy(files[at].name, name, sizeof files[at].name - 1);
        if (strcmp(files[at].name, name) == 0)
            return &files[at];
    }
    abort();
}

static void note_bytes(const void *bytes, size_t length) {
    if (real_write(trace, bytes, length) != (ssize_t)length)
        abort();
}

static void note(char operation, const char *name, long long offset, size_t length) {
    char line[160];
    note_bytes(line, snprintf(line, sizeof line, "%c %s %lld %zu\n", operation, name, offset, length));
}

static struct file *of_handle(int fd) {
    return fd >= 0 && fd < HANDLES ? handles[fd].file : NULL;
}

static int open_noted(const char *path, int flags, mode_t mode) {
    const char *name = name_of(path);
    if (!name)
        return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
    int fd = real_open(path, flags, mode);
    if (fd >= HANDLES)
        abort();
    if (fd >= 0) {
        struct file *file = file_of(name);
        handles[fd] = (struct handle){file, file->failures};
        if (is_new)
            note('C', name, 0, 0);
        if (flags & O_TRUNC)
            note('T', name, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_noted(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_noted(path, flags, mode);
}

int close(int fd) {
    if (!of_handle(fd))
        return real_close(fd);
    pthread_mutex_lock(&lock);
    handles[fd].file = NULL;
    int done = real_close(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t write_noted(int fd, const void *bytes, size_t length, off_t offset, int moves) {
    pthread_mutex_lock(&lock);
    if (moves)
        offset = lseek(fd, 0, SEEK_CUR);
    ssize_t written = moves ? real_write(fd, bytes, length) : real_pwrite(fd, bytes, length, offset);
    if (written > 0) {
        note('W', handles[fd].file->name, offset, written);
        note_bytes(bytes, written);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return of_handle(fd) ? write_noted(fd, bytes, length, 0, 1) : real_write(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return of_handle(fd) ? write_noted(fd, bytes, length, offset, 0) : real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite(fd, bytes, length, offset);
}

int ftruncate(int fd, off_t size) {
    if (!of_handle(fd))
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int done = real_ftruncate(fd, size);
    if (done == 0)
        note('T', handles[fd].file->name, size, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off_t size) {
    return ftruncate(fd, size);
}

/* Whether this sync must fail. */
static int is_chosen(const char *name) {
    char text[80] = "", wanted[64] = "";
    int skip = 0;
    int fd = fail ? real_open(fail, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    real_close(fd);
    if (length <= 0 || sscanf(text, "%63s %d", wanted, &skip) != 2 || strcmp(wanted, name) != 0)
        return 0;
    if (syncs_skipped++ < skip)
        return 0;
    syncs_skipped = 0;
    real_unlink(fail);
    return 1;
}

static int sync_noted(int fd, int (*real)(int)) {
    pthread_mutex_lock(&lock);
    struct handle *handle = &handles[fd];
    int done = -1;
    if (is_chosen(handle->file->name)) {
        handle->file->failures++;
        note('F', handle->file->name, 0, 0);
    }
    if (handle->failures_seen != handle->file->failures) {
        handle->failures_seen = handle->file->failures;
        errno = EIO;
    } else {
        done = real(fd);
        if (done == 0)
            note('S', handle->file->name, 0, 0);
    }
    int why = errno;
    pthread_mutex_unlock(&lock);
    errno = why;
    return done;
}

int fsync(int fd) {
    return of_handle(fd) ? sync_noted(fd, real_fsync) : real_fsync(fd);
}

int fdatasync(int fd) {
    return of_handle(fd) ? sync_noted(fd, real_fdatasync) : real_fdatasync(fd);
}

int unlink(const char *path) {
    const char *name = name_of(path);
    if (!name)
        return real_unlink(path);
    pthread_mutex_lock(&lock);
    int done = real_unlink(path);
    if (done == 0)
        note('U', name, 0, 0);
    pthread_mutex_unlock(&lock);
    return done;
}
