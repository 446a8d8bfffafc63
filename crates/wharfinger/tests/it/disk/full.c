/* Preloaded into a server: while a marker file exists, every write to its database fails with the error number in that file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int refuses(int descriptor) {
    char link[64], path[4096], number[16] = {0};
    int marker = open(getenv("FULL_DISK"), O_RDONLY);
    if (marker < 0) return 0;
    ssize_t length = read(marker, number, sizeof number - 1);
    close(marker);
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t end = readlink(link, path, sizeof path - 1);
    if (length <= 0 || end <= 0) return 0;
    path[end] = 0;
    if (!strstr(path, "/orders.db") && !strstr(path, "/room.probe")) return 0;
    errno = atoi(number);
    return 1;
}

#define WRITER(name, parameters, arguments)                               \
    ssize_t name parameters {                                             \
        static ssize_t(*real) parameters;                                 \
        if (refuses(descriptor)) return -1;                               \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);             \
        return real arguments;                                            \
    }

WRITER(write, (int descriptor, const void *bytes, size_t count), (descriptor, bytes, count))
WRITER(pwrite, (int descriptor, const void *bytes, size_t count, off_t at), (descriptor, bytes, count, at))
WRITER(pwrite64, (int descriptor, const void *bytes, size_t count, off64_t at), (descriptor, bytes, count, at))
