//! The files of a data directory: permissions, the lock of the process that holds it, and whether they were moved or deleted.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Fault;
use super::wal::frames;
use crate::store::api::StoreError;

/// The name of the database in the data directory.
pub(crate) const DATABASE: &str = "orders.db";
/// The file that a running server locks.
pub(crate) const LOCK: &str = "server.lock";
/// The directory in a data directory that an unfinished restore works in.
pub(crate) const RESTORING: &str = "restoring";
/// How often, and with what pause, the lock is tried again. A command that only checks whether the directory is held has the
/// lock for a moment.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS_MAX: usize = 10;
/// The mode of every file. Only the owner may read them, because orders contain personal data.
pub(crate) const PRIVATE: u32 = 0o600;

/// The shared-memory index of a database's log.
pub(crate) fn log_index_of(database: &Path) -> PathBuf {
    database.with_extension("db-shm")
}

/// Creates a data directory, readable only by its owner, if it does not exist. It survives a power cut.
///
/// # Errors
/// Those of the operating system.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    let directory = std::path::absolute(directory)?;
    let missing = directory.ancestors().take_while(|path| !path.exists());
    let missing: Vec<_> = missing.collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)?;
    for made in missing {
        if let Some(parent) = made.parent() {
            sync_directory(parent)?;
        }
    }
    Ok(())
}

/// Syncs the names in a directory to disk.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Creates an empty database file, readable only by its owner, if it does not exist. SQLite gives its other files the same mode.
pub(crate) fn create_database(file: &Path) -> io::Result<()> {
    let options = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .clone();
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a database and its other files readable only by their owner, whatever the umask or earlier programs did.
pub(crate) fn make_private(database: &Path) -> io::Result<()> {
    for file in [
        database.to_owned(),
        frames::path(database),
        log_index_of(database),
    ] {
        make_file_private(&file)?;
    }
    Ok(())
}

fn make_file_private(file: &Path) -> io::Result<()> {
    let mode = match std::fs::metadata(file) {
        Ok(found) => found.permissions().mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode == PRIVATE {
        return Ok(());
    }
    match std::fs::set_permissions(file, Permissions::from_mode(PRIVATE)) {
        // The file belongs to another user, who gave this user access.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// The bits of a mode by which others than the owner, and a group that only reads, have access.
const OPEN: u32 = 0o027;

/// The mode of a data directory, if other users have access to it. `None` too if it cannot be read.
#[must_use]
pub fn open_mode(directory: &Path) -> Option<u32> {
    let mode = std::fs::metadata(directory).ok()?.permissions().mode() & 0o7777;
    (mode & OPEN != 0).then_some(mode)
}

/// Refuses a data directory that is being restored, or whose restore was interrupted. A new store must not be made there.
pub(crate) fn refuse_half_restored(directory: &Path) -> Result<(), StoreError> {
    if directory.join(RESTORING).exists() {
        return Err(StoreError::Refused(format!(
            "{} has an unfinished restore; if no `wharfinger restore` is running, delete the directory and restore again",
            directory.display()
        )));
    }
    Ok(())
}

/// A lock on a data directory. Lasts until the process ends.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
    /// Never closed: when a process closes any handle of a file, it loses all locks that SQLite has on that file.
    _database: Option<ManuallyDrop<File>>,
}

/// Locks a data directory for a server or a copy. Locks the lock file and also the database, because the lock file may be
/// deleted. Call this before the store is opened. With `create`, an empty database is created if there is none.
///
/// # Errors
/// Another process holds the directory, or the files cannot be opened.
pub fn hold(directory: &Path, create: bool) -> Result<Hold, StoreError> {
    if create {
        refuse_half_restored(directory)?;
        make_directory(directory).map_err(|error| about(directory, &error))?;
    }
    let lock = directory.join(LOCK);
    let lock = lock_file(directory, &lock, true)?;
    let database = directory.join(DATABASE);
    let database = if create || database.is_file() {
        Some(ManuallyDrop::new(lock_file(directory, &database, create)?))
    } else {
        None
    };
    Ok(Hold {
        _lock: lock,
        _database: database,
    })
}

/// Locks a whole file. This does not interact with the locks that SQLite has on parts of it.
fn lock_file(directory: &Path, path: &Path, create: bool) -> Result<File, StoreError> {
    let about_file = |error: &io::Error| about(path, error);
    let opened = File::options()
        .create(create)
        .truncate(false)
        .write(true)
        .mode(PRIVATE)
        .open(path);
    let file = opened.map_err(|error| about_file(&error))?;
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if tries < LOOKS_MAX => {
                tries += 1;
                std::thread::sleep(LOOK);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Refused(format!(
                    "another server or copy is using the data directory {}; stop it first, or use another directory",
                    directory.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(about_file(&error)),
        }
    }
    make_file_private(path).map_err(|error| about_file(&error))?;
    Ok(file)
}

/// Whether a server or a copy holds a data directory. The check takes the lock for a moment; [`hold`] tries again in that case.
pub(crate) fn is_held(directory: &Path) -> bool {
    let lock = File::options().write(true).open(directory.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// An error of the operating system, with the path.
pub(crate) fn about(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// A file's device and inode. `None` if it does not exist.
type Identity = Option<(u64, u64)>;

/// The files of a database, as they were when it was opened.
#[derive(Debug)]
pub(crate) struct Places(Vec<(PathBuf, Identity)>);

impl Places {
    /// The files of an open database. Empty if the connection has no file.
    pub(crate) fn of(connection: &rusqlite::Connection) -> Self {
        let Some(path) = connection.path().filter(|path| !path.is_empty()) else {
            return Self(Vec::new());
        };
        let path = PathBuf::from(path);
        let files = [path.clone(), frames::path(&path), log_index_of(&path)];
        Self(files.map(|file| (file.clone(), identity(&file))).into())
    }

    /// Fails if one of the files was removed or replaced. Other processes would not see what is written to it.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        for (file, opened) in &self.0 {
            if identity(file) != *opened {
                return Err(Fault::Gone(file.clone()));
            }
        }
        Ok(())
    }

    /// Whether only the log was removed. Its content can then still be checkpointed.
    pub(crate) fn lacks_log_alone(&self) -> bool {
        let found: Vec<_> = self.0.iter().map(|(file, _)| identity(file)).collect();
        let opened: Vec<_> = self.0.iter().map(|(_, opened)| *opened).collect();
        matches!(
            (&*found, &*opened),
            ([database, None, index], [database_opened, Some(_), index_opened])
                if (database, index) == (database_opened, index_opened)
        )
    }
}

fn identity(file: &Path) -> Identity {
    let file = std::fs::metadata(file).ok()?;
    Some((file.dev(), file.ino()))
}
