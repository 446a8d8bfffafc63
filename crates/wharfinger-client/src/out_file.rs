//! Output that is complete or not there: a file gets its name when everything is in it.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Standard output, or a file that is being written under a temporary name in its directory. Dropped before
/// [`OutFile::finish`], the file is removed, and one that had its name before stays as it was.
pub enum OutFile<'o> {
    /// Standard output.
    Standard(BufWriter<&'o mut dyn Write>),
    /// A file, and the name that it gets.
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl<'o> OutFile<'o> {
    /// Begins a file, or takes standard output if none is named.
    ///
    /// # Errors
    /// No file can be made in that directory.
    pub fn begin(file: Option<&Path>, out: &'o mut dyn Write) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::Standard(BufWriter::new(out)));
        };
        let begin = || -> Result<NamedTempFile> {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                Some(_) | None => Path::new("."),
            };
            let name = file.file_name().context("it names no file")?;
            let mut prefix = std::ffi::OsString::from(".");
            prefix.push(name);
            prefix.push(".");
            let mut made = tempfile::Builder::new();
            Ok(made.prefix(&prefix).suffix(".part").tempfile_in(folder)?)
        };
        let made = begin().with_context(|| cannot_write(file))?;
        Ok(Self::File(BufWriter::new(made), file.to_owned()))
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
            Self::File(out, file) => {
                let finish = || -> Result<()> {
                    let made = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                    made.as_file().sync_all()?;
                    readable(made.as_file())?;
                    made.persist(&file)?;
                    Ok(())
                };
                finish().with_context(|| cannot_write(&file))
            }
        }
    }
}

fn cannot_write(file: &Path) -> String {
    format!("cannot write {}", file.display())
}

/// A temporary file is only for its user. What it becomes is an ordinary file.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o640))
}

#[cfg(not(unix))]
fn readable(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}

impl Write for OutFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File(out, _) => out.flush(),
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
