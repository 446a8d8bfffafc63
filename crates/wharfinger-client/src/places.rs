//! Where output goes that a user named: a file that is replaced as a whole, or a device or pipe that is written into.

use std::io;
use std::path::{Path, PathBuf};

/// Symbolic links that are followed one after the other, at most.
const LINKS_MAX: usize = 40;

/// The place that a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file that is there or is not there yet. It is replaced as a whole.
    Replaced(PathBuf),
    /// A device, a pipe or an open file of this process. It is written into, because replacing it would destroy it.
    Direct,
}

/// Finds the place. Follows symbolic links, so that the file they lead to is replaced, and not the link.
///
/// # Errors
/// The links have no end.
pub(crate) fn place_of(file: &Path) -> io::Result<Place> {
    if std::fs::metadata(file).is_ok_and(|there| !there.is_file()) {
        return Ok(Place::Direct);
    }
    let mut place = file.to_owned();
    for _ in 0..LINKS_MAX {
        // Such as /dev/stdout when it is a file. The process that opened it expects to find the output in it.
        if place.starts_with("/proc") || place.starts_with("/dev/fd") {
            return Ok(Place::Direct);
        }
        let Ok(target) = std::fs::read_link(&place) else {
            return Ok(Place::Replaced(place));
        };
        place = match place.parent() {
            Some(folder) => folder.join(target),
            None => target,
        };
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Opens a place that is written into.
///
/// # Errors
/// It cannot be opened for writing, such as a directory.
pub(crate) fn open_direct(file: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(true).open(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_and_devices_are_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, far] = ["file", "link", "far"].map(|name| folder.path().join(name));
        symlink("file", &link).unwrap();
        symlink(&link, &far).unwrap();
        for there in [false, true] {
            if there {
                std::fs::write(&file, "x").unwrap();
            }
            for name in [&file, &link, &far] {
                assert_eq!(place_of(name).unwrap(), Place::Replaced(file.clone()));
            }
        }
        let null = folder.path().join("null");
        symlink("/dev/null", &null).unwrap();
        for name in [&null, Path::new("/dev/null"), folder.path()] {
            assert_eq!(place_of(name).unwrap(), Place::Direct);
        }
        let round = folder.path().join("round");
        symlink("round", &round).unwrap();
        assert!(place_of(&round).is_err());
    }
}
