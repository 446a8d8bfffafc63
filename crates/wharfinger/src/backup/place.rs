//! Where backups are written to and read from. A backup gets its name when it is complete and on disk.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use super::{DIRECTORY_MODE, FILE_MODE};

/// How the name of an archive ends.
const ARCHIVE: &str = ".tar.zst";
/// Endings of other archives, which this program does not write.
const OTHER_ARCHIVES: [&str; 7] = [".tar", ".gz", ".tgz", ".zst", ".zip", ".xz", ".bz2"];
/// The file in an unfinished backup that its process locks.
const LOCK: &str = "wharfinger-backup.lock";
/// How the name of the directory of an unfinished backup ends.
const UNFINISHED: &str = ".partial";
/// How often a directory is made again that another process took for one that was left behind.
const TRIES: usize = 100;

/// Where a backup is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output, as an archive.
    Standard,
    /// A new archive.
    Archive(PathBuf),
    /// A new directory.
    Directory(PathBuf),
}

impl Target {
    /// The target that a user names: `-`, a name that ends in `.tar.zst`, or a directory.
    ///
    /// # Errors
    /// It exists, or has the ending of another kind of archive.
    pub fn named(to: &Path) -> Result<Self> {
        if to == Path::new("-") {
            return Ok(Self::Standard);
        }
        if to.symlink_metadata().is_ok() {
            bail!("{} exists already; name a new backup", to.display());
        }
        // Also in capitals, and in names that are not UTF-8.
        let name = to.file_name().unwrap_or_default().to_ascii_lowercase();
        if ends_with(&name, ARCHIVE) {
            return Ok(Self::Archive(to.to_owned()));
        }
        if OTHER_ARCHIVES.iter().any(|ending| ends_with(&name, ending)) {
            bail!(
                "the name of an archive ends in {ARCHIVE}, and {} does not",
                to.display()
            );
        }
        Ok(Self::Directory(to.to_owned()))
    }
}

fn ends_with(name: &OsStr, ending: &str) -> bool {
    name.as_encoded_bytes().ends_with(ending.as_bytes())
}

/// Where a backup is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input, an archive.
    Standard,
    /// An archive.
    Archive(PathBuf),
    /// A directory.
    Directory(PathBuf),
}

impl Source {
    /// The backup that a user names.
    ///
    /// # Errors
    /// It is not there.
    pub fn named(from: &Path) -> Result<Self> {
        if from == Path::new("-") {
            return Ok(Self::Standard);
        }
        let found = std::fs::metadata(from);
        let found = found.with_context(|| format!("cannot read the backup {}", from.display()))?;
        Ok(if found.is_dir() {
            Self::Directory(from.to_owned())
        } else {
            Self::Archive(from.to_owned())
        })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Standard => out.write_str("standard input"),
            Self::Archive(path) | Self::Directory(path) => path.display().fmt(out),
        }
    }
}

/// The directory of a backup that is being made, for whoever ends the process.
#[derive(Clone, Debug, Default)]
pub struct Unfinished(Arc<Mutex<Option<PathBuf>>>);

impl Unfinished {
    /// Removes the directory, if there is one. Returns whether there was. The process must end now.
    #[must_use]
    pub fn remove(&self) -> bool {
        let path = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &*path else {
            return false;
        };
        // The backup still writes into it, so it may be not empty once more.
        for _ in 0..TRIES {
            match std::fs::remove_dir_all(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                Ok(()) | Err(_) => break,
            }
        }
        true
    }

    fn set(&self, path: Option<PathBuf>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }
}

/// The directory of an unfinished backup. Removed when dropped. What a killed process left is removed by the next one.
pub(super) struct Workplace {
    path: PathBuf,
    unfinished: Unfinished,
    _lock: File,
}

impl Workplace {
    /// Makes a directory beside the target, or in `temporary` for standard output.
    ///
    /// # Errors
    /// It cannot be made, or another process writes the same backup.
    pub(super) fn make(target: &Target, temporary: &Path, unfinished: &Unfinished) -> Result<Self> {
        let (parent, name) = match target {
            Target::Standard => (
                temporary.to_owned(),
                format!("wharfinger-{}", uuid::Uuid::now_v7()).into(),
            ),
            Target::Archive(path) | Target::Directory(path) => {
                let path = std::path::absolute(path)?;
                let name = path.file_name().context("the target has no name")?;
                let parent = path.parent().map(Path::to_owned).unwrap_or_default();
                (parent, name.to_owned())
            }
        };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(UNFINISHED);
        let path = parent.join(hidden);
        let make = || -> Result<Self> {
            sweep(&parent)?;
            for _ in 0..TRIES {
                // Held from before there is a directory until it can be removed.
                let mut known = unfinished.0.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(lock) = locked(&path)? {
                    *known = Some(path.clone());
                    let unfinished = unfinished.clone();
                    return Ok(Self {
                        path,
                        unfinished,
                        _lock: lock,
                    });
                }
            }
            bail!("other processes remove {} again and again", path.display())
        };
        make().with_context(|| format!("cannot write a backup in {}", parent.display()))
    }

    /// The path of something in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the directory of the parts.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn parts(&self) -> Result<PathBuf> {
        let parts = self.join("parts");
        let made = DirBuilder::new().mode(DIRECTORY_MODE).create(&parts);
        made.with_context(|| format!("cannot make the directory {}", parts.display()))?;
        Ok(parts)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // The next backup tries again.
        drop(std::fs::remove_dir_all(&self.path));
        self.unfinished.set(None);
    }
}

/// Makes a directory, and locks the file in it that says that a process works there. `None` if another process removed it meanwhile:
/// until it is locked, it looks like one that was left behind.
fn locked(path: &Path) -> Result<Option<File>> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        // An empty one was left by a process that was killed at once. The directory of one that works is never empty for long.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if std::fs::remove_dir(path).is_err() {
                bail!("another process writes {}", path.display());
            }
            return Ok(None);
        }
        made => made?,
    }
    let file = path.join(LOCK);
    let lock = match new_file(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        made => made?,
    };
    lock.lock()?;
    let own = lock.metadata()?;
    let is_own = std::fs::metadata(&file)
        .is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()));
    Ok(is_own.then_some(lock))
}

/// Removes what killed processes left in a directory.
fn sweep(parent: &Path) -> Result<()> {
    for entry in std::fs::read_dir(parent)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if !name.as_encoded_bytes().starts_with(b".") || !ends_with(name, UNFINISHED) {
            continue;
        }
        // Only what has the lock file was made by this program.
        // Others may have put anything there: a pipe would make this process wait.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let mut open = OpenOptions::new();
        open.write(true).custom_flags(flags.bits().cast_signed());
        let Ok(lock) = open.open(path.join(LOCK)) else {
            continue;
        };
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            continue;
        }
        match std::fs::remove_dir_all(&path) {
            // Another process has removed it too.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

/// Makes a file that only its owner can read.
///
/// # Errors
/// It exists, or cannot be made.
pub(super) fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Gives what is complete and synced its name. Never replaces anything.
///
/// # Errors
/// Something has the name, or it cannot be given.
pub(super) fn publish(made: &Path, target: &Path) -> Result<()> {
    let flags = rustix::fs::RenameFlags::NOREPLACE;
    let here = rustix::fs::CWD;
    let renamed = match rustix::fs::renameat_with(here, made, here, target, flags) {
        // The file system does not know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if target.symlink_metadata().is_ok() {
                bail!("{} exists already", target.display());
            }
            std::fs::rename(made, target)
        }
        renamed => renamed.map_err(Into::into),
    };
    renamed.with_context(|| format!("cannot give the backup the name {}", target.display()))?;
    let target = std::path::absolute(target)?;
    if let Some(parent) = target.parent() {
        crate::store::sync_directory(parent)
            .with_context(|| format!("cannot sync {}", parent.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each process first removes what killed ones have left, and must not take the others for such.
    #[test]
    fn directories_made_at_the_same_moment_leave_each_other_alone() {
        let home = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let home = home.path();
                scope.spawn(move || {
                    for round in 0..300 {
                        let target = Target::Directory(home.join(format!("{worker}-{round}")));
                        let unfinished = Unfinished::default();
                        let work = Workplace::make(&target, home, &unfinished).unwrap();
                        work.parts().unwrap();
                        assert!(work.join(LOCK).exists(), "{worker}, {round}");
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_of_others() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for left in [".old.partial", ".own.partial", ".other.partial"] {
            std::fs::create_dir(at(left)).unwrap();
        }
        std::fs::write(at(".old.partial").join(LOCK), "").unwrap();
        std::fs::write(at(".other.partial").join("mine"), "").unwrap();
        let target = Target::Directory(at("own"));
        let unfinished = Unfinished::default();
        let work = Workplace::make(&target, home.path(), &unfinished).unwrap();
        assert!(!at(".old.partial").exists() && at(".other.partial").exists());
        let again = Workplace::make(&target, home.path(), &Unfinished::default());
        let why = format!("{:#}", again.err().expect("it is refused"));
        assert!(why.contains("another process writes"), "{why}");
        assert!(unfinished.remove());
        assert!(!at(".own.partial").exists());
        drop(work);
        assert!(!unfinished.remove());
    }
}
