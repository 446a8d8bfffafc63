//! Where backups are written to and read from. A backup gets its name when it is complete and on disk.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
        let name = to
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(ARCHIVE) {
            return Ok(Self::Archive(to.to_owned()));
        }
        if OTHER_ARCHIVES.iter().any(|ending| name.ends_with(ending)) {
            bail!(
                "the name of an archive ends in {ARCHIVE}, and {} does not",
                to.display()
            );
        }
        Ok(Self::Directory(to.to_owned()))
    }
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

/// The directory of an unfinished backup. Removed when dropped. What a killed process left is removed by the next one.
pub(super) struct Workplace {
    path: PathBuf,
    _lock: File,
}

impl Workplace {
    /// Makes a directory beside the target, or in `temporary` for standard output.
    ///
    /// # Errors
    /// It cannot be made, or another process writes the same backup.
    pub(super) fn make(target: &Target, temporary: &Path) -> Result<Self> {
        let (parent, name) = match target {
            Target::Standard => (
                temporary.to_owned(),
                format!("wharfinger-{}", uuid::Uuid::now_v7()),
            ),
            Target::Archive(path) | Target::Directory(path) => {
                let path = std::path::absolute(path)?;
                let name = path.file_name().context("the target has no name")?;
                let parent = path.parent().map(Path::to_owned).unwrap_or_default();
                (parent, name.to_string_lossy().into_owned())
            }
        };
        let make = || -> Result<Self> {
            sweep(&parent)?;
            let path = parent.join(format!(".{name}{UNFINISHED}"));
            match DirBuilder::new().mode(DIRECTORY_MODE).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    bail!("another process writes {}", path.display())
                }
                made => made?,
            }
            let lock = new_file(&path.join(LOCK))?;
            lock.lock()?;
            Ok(Self { path, _lock: lock })
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
    }
}

/// Removes what killed processes left in a directory.
fn sweep(parent: &Path) -> Result<()> {
    for entry in std::fs::read_dir(parent)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !name.starts_with('.') || !name.ends_with(UNFINISHED) {
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
        if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            std::fs::remove_dir_all(&path)?;
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
