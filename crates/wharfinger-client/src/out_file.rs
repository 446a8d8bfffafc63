//! Output that is complete or not there: a file gets its name when everything is in it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::places::{Place, open_direct, place_of};
use crate::terminal::shown;

/// Standard output, or a file that is being written under the name `.NAME.part` in its directory. Dropped before
/// [`OutFile::finish`], the part is removed, and a file that had its name before stays as it was. After a kill, the next run
/// replaces the part.
pub enum OutFile<'o> {
    /// Standard output.
    Standard(BufWriter<&'o mut dyn Write>),
    /// A device or a pipe, and its name.
    Direct(BufWriter<File>, PathBuf),
    /// A file, and the part that becomes it.
    File(BufWriter<File>, Part),
}

impl<'o> OutFile<'o> {
    /// Begins a file, or takes standard output if none is named.
    ///
    /// # Errors
    /// No file can be made in that directory, or another process writes the same file.
    pub fn begin(file: Option<&Path>, out: &'o mut dyn Write) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::Standard(BufWriter::new(out)));
        };
        let begin = || -> Result<Self> {
            match place_of(file)? {
                Place::Direct => {
                    let opened = open_direct(file)?;
                    Ok(Self::Direct(BufWriter::new(opened), file.to_owned()))
                }
                Place::Replaced(place) => {
                    let (made, part) = Part::begin(place)?;
                    Ok(Self::File(BufWriter::new(made), part))
                }
            }
        };
        begin().with_context(|| cannot_write(file))
    }

    /// Writes JSON on one line. Line breaks can only be between its tokens.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_line(&mut self, json: &str) -> io::Result<()> {
        if json.contains(['\n', '\r']) {
            let line = json.replace(['\n', '\r'], " ");
            return writeln!(self, "{line}");
        }
        writeln!(self, "{json}")
    }

    /// Writes everything out, and gives the file its name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Standard(mut out) => Ok(out.flush()?),
            Self::Direct(mut out, file) => out.flush().with_context(|| cannot_write(&file)),
            Self::File(out, part) => {
                let name = cannot_write(&part.place);
                let finish = || -> Result<()> {
                    let made = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                    made.sync_all()?;
                    part.finish()?;
                    Ok(())
                };
                finish().context(name)
            }
        }
    }
}

fn cannot_write(file: &Path) -> String {
    format!("cannot write {}", shown(&file.display().to_string()))
}

/// An unfinished file. Removed when dropped.
pub struct Part {
    part: PathBuf,
    /// The name that it gets.
    place: PathBuf,
    is_finished: bool,
}

impl Part {
    /// Makes a part that only this process writes. One that a killed process left behind is removed.
    fn begin(place: PathBuf) -> Result<(File, Self)> {
        let mut name = OsString::from(".");
        name.push(place.file_name().context("it names no file")?);
        name.push(".part");
        let part = place.with_file_name(name);
        // Orders are not for everybody: others cannot read it, whatever the umask says.
        let made = claim(&part, 0o640)?;
        let is_finished = false;
        Ok((
            made,
            Self {
                part,
                place,
                is_finished,
            },
        ))
    }

    fn finish(mut self) -> io::Result<()> {
        std::fs::rename(&self.part, &self.place)?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            drop(std::fs::remove_file(&self.part));
        }
    }
}

/// Makes an unfinished file that only this process writes, with this mode under the umask. One that a killed process left behind
/// is removed.
///
/// # Errors
/// It cannot be made, or another process writes it ([`ErrorKind::WouldBlock`]).
pub(crate) fn claim(part: &Path, mode: u32) -> io::Result<File> {
    let made = match create(part, mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            remove_left_behind(part)?;
            create(part, mode)
        }
        made => made,
    }?;
    // From here on the part belongs to this process, unless another one took it for one that was left behind.
    if !can_lock(&made) || !is_at(&made, part) {
        return Err(is_written());
    }
    Ok(made)
}

/// Creates a file. Never opens one that is there, and never follows a link.
#[cfg_attr(not(unix), expect(unused_variables, reason = "modes are of Unix"))]
fn create(part: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options.open(part)
}

/// Removes a part whose process is gone.
fn remove_left_behind(part: &Path) -> io::Result<()> {
    let is_file = std::fs::symlink_metadata(part).is_ok_and(|there| there.is_file());
    // Kept open, so that it stays locked until it is removed.
    let opened = is_file.then(|| OpenOptions::new().write(true).open(part));
    if let Some(Ok(opened)) = &opened
        && !can_lock(opened)
    {
        return Err(is_written());
    }
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_written() -> io::Error {
    let why = "another process writes it; wait until it is done";
    io::Error::new(ErrorKind::WouldBlock, why)
}

/// Locks a file, unless another process has. Not every file system has locks; there, all are free.
fn can_lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Whether a file is the one that has this name.
#[cfg(unix)]
fn is_at(file: &File, name: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(opened), Ok(named)) = (file.metadata(), std::fs::symlink_metadata(name)) else {
        return false;
    };
    (opened.dev(), opened.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn is_at(_file: &File, _name: &Path) -> bool {
    true
}

impl Write for OutFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Direct(out, _) | Self::File(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Direct(out, _) | Self::File(out, _) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_complete_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.csv");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let mut out = Vec::new();
        std::fs::write(&file, "old").unwrap();
        let mut begun = OutFile::begin(Some(&file), &mut out).unwrap();
        begun.write_all(b"half").unwrap();
        begun.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        drop(begun);
        assert_eq!(names(), 1, "nothing is left behind");
        let mut begun = OutFile::begin(Some(&file), &mut out).unwrap();
        begun.write_all(b"whole").unwrap();
        begun.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "whole");
        assert_eq!(names(), 1);
    }

    fn write(file: &Path, text: &str) {
        let mut out = Vec::new();
        let mut begun = OutFile::begin(Some(file), &mut out).unwrap();
        begun.write_all(text.as_bytes()).unwrap();
        begun.finish().unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_replaced_and_what_another_run_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.csv");
        let part = folder.path().join(".orders.csv.part");
        let other = folder.path().join("other");
        std::fs::write(&part, "left behind by a longer run").unwrap();
        write(&file, "whole");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "whole");
        assert!(!part.exists());
        let (mut out, mut out_two) = (Vec::new(), Vec::new());
        let begun = OutFile::begin(Some(&file), &mut out).unwrap();
        let second = OutFile::begin(Some(&file), &mut out_two);
        let said = format!("{:#}", second.err().unwrap());
        assert!(said.contains("another process writes it"), "{said}");
        assert!(part.exists());
        drop(begun);
        assert!(!part.exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(&other, "untouched").unwrap();
            std::os::unix::fs::symlink(&other, &part).unwrap();
            write(&file, "again");
            assert_eq!(std::fs::read_to_string(&other).unwrap(), "untouched");
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            let umask = {
                let plain = std::fs::metadata(&other).unwrap().permissions().mode();
                !plain & 0o666
            };
            assert_eq!(mode & 0o777, 0o640 & !umask);
        }
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_links_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, null] = ["file", "link", "null"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("file", &link).unwrap();
        std::os::unix::fs::symlink("/dev/null", &null).unwrap();
        for _ in 0..2 {
            write(&link, "whole");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "whole");
            assert!(link.is_symlink());
        }
        write(&null, "nothing");
        assert!(null.is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        let mut out = Vec::new();
        let error = OutFile::begin(Some(folder.path()), &mut out).err().unwrap();
        assert!(format!("{error:#}").contains("cannot write"), "{error:#}");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let mut out = Vec::new();
        let file = Path::new("/no/such/directory/orders.csv");
        let error = OutFile::begin(Some(file), &mut out).err().unwrap();
        let said = format!("{error:#}");
        assert!(
            said.starts_with("cannot write /no/such/directory/orders.csv: "),
            "{said}"
        );
    }
}
