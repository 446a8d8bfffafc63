//! A file whose name ends in `.part` until it is complete.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::out_file::claim;
use crate::terminal::shown;

/// A file that gets its name when it is complete.
pub(super) struct PartFile {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
}

impl PartFile {
    /// Begins the file that will have this name. A file that has the name is not changed.
    ///
    /// # Errors
    /// The file cannot be written, or another process writes it.
    pub(super) fn begin(path: PathBuf) -> Result<Self> {
        let part = with_ending(&path, ".part");
        let file = match claim(&part, 0o666) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!(
                "another process writes {}; wait until it is done",
                name(&part)
            ),
            claimed => claimed.with_context(|| {
                format!(
                    "cannot write {}; name another directory with --out",
                    name(&part)
                )
            })?,
        };
        Ok(Self {
            path,
            part,
            file: BufWriter::with_capacity(64 << 10, file),
        })
    }

    /// Writes everything to the disk. The file keeps its unfinished name, and its time is now.
    ///
    /// # Errors
    /// The file cannot be written, for example because the disk is full.
    #[expect(
        clippy::disallowed_methods,
        reason = "the times of the files are compared with each other, and with nothing that a server says"
    )]
    pub(super) fn complete(&mut self) -> Result<()> {
        self.flush()?;
        let file = self.file.get_ref();
        let done = file.set_modified(SystemTime::now());
        done.and_then(|()| file.sync_all())
            .map_err(|error| self.failed(&error))?;
        Ok(())
    }

    /// Names a complete file. If it is not wanted, removes it, and one that had the name before. Returns the name.
    ///
    /// # Errors
    /// The file cannot be renamed or removed.
    pub(super) fn finish(self, is_wanted: bool) -> Result<Option<String>> {
        if !is_wanted {
            remove(&self.path)?;
            return self.leave(false);
        }
        std::fs::rename(&self.part, &self.path)
            .with_context(|| format!("cannot write {}", name(&self.path)))?;
        Ok(Some(self.path.display().to_string()))
    }

    /// Keeps the file under its unfinished name, or removes it. Returns the name.
    ///
    /// # Errors
    /// The file cannot be written or removed.
    pub(super) fn leave(mut self, is_wanted: bool) -> Result<Option<String>> {
        if !is_wanted {
            remove(&self.part)?;
            return Ok(None);
        }
        self.flush()?;
        Ok(Some(self.part.display().to_string()))
    }

    /// An error with the name of the file.
    fn failed(&self, error: &Error) -> Error {
        let part = name(&self.part);
        Error::new(error.kind(), format!("cannot write {part}: {error}"))
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes);
        written.map_err(|error| self.failed(&error))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.file.flush();
        flushed.map_err(|error| self.failed(&error))
    }
}

/// Adds to the whole name.
pub(super) fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(ending);
    name.into()
}

/// Removes a file, if there is one.
///
/// # Errors
/// The file cannot be removed.
pub(super) fn remove(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", name(file)))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A name for a message.
pub(super) fn name(file: &Path) -> String {
    shown(&file.display().to_string()).into_owned()
}
