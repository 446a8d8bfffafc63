//! Files that only their user can read: profiles, cursors, secrets.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::places::{Place, open_direct, place_of};

/// Replaces a file as a whole. Follows symbolic links, and writes into devices and pipes. After a crash, it has the old content or the new one. Makes its directory if there is none.
///
/// # Errors
/// The file cannot be written.
pub fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> Result<()> {
        let place = match place_of(file)? {
            Place::Direct => return Ok(open_direct(file)?.write_all(bytes)?),
            Place::Replaced(place) => place,
        };
        let folder = place.parent().context("it has no directory")?;
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        std::fs::create_dir_all(folder)?;
        // A temporary file has the mode 0600.
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(bytes)?;
        new.as_file().sync_all()?;
        new.persist(&place)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

/// Reads a file. `None` if it does not exist.
///
/// # Errors
/// The file cannot be read.
pub fn read(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// The user's directory for files of a kind: what the variable of the XDG Base Directory Specification names, or its default in
/// the home directory. `None` if no home directory is known.
#[must_use]
pub fn folder(variable: &str, in_home: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    let folder = folder.filter(|folder| folder.is_absolute());
    folder.or_else(|| Some(std::env::home_dir()?.join(in_home)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn devices_and_links_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, null] = ["file", "link", "null"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("file", &link).unwrap();
        std::os::unix::fs::symlink("/dev/null", &null).unwrap();
        replace(&link, b"one").unwrap();
        replace(&link, b"two").unwrap();
        assert_eq!(read(&file).unwrap().as_deref(), Some("two"));
        replace(&null, b"nothing").unwrap();
        assert!(link.is_symlink() && null.is_symlink());
    }
}
