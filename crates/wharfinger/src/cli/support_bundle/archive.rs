//! The archive: tar, compressed with gzip, readable only by its owner.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tempfile::NamedTempFile;

/// The folder of all files in the archive.
const FOLDER: &str = "wharfinger-support";

/// An archive that is being written. Only its owner can read it. Dropped unfinished, it leaves nothing.
pub(super) struct Archive {
    tar: tar::Builder<GzEncoder<NamedTempFile>>,
    names: Vec<String>,
    /// The name that the file gets when it is complete.
    path: PathBuf,
}

impl Archive {
    /// Begins the file. Nothing may have its name.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let cannot = || cannot_create(path);
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::from(ErrorKind::AlreadyExists)).with_context(cannot);
        }
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")));
        let file = file.with_context(cannot)?;
        Ok(Self {
            tar: tar::Builder::new(GzEncoder::new(file, Compression::default())),
            names: Vec::new(),
            path: path.to_owned(),
        })
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, text: &str, now: Timestamp) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        let path = format!("{FOLDER}/{name}");
        self.tar.append_data(&mut header, path, text.as_bytes())?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Writes the end, and gives the file its name. Returns the names of the files in it.
    pub(super) fn finish(self) -> Result<Vec<String>> {
        let file = self.tar.into_inner()?.finish()?;
        file.as_file().sync_all()?;
        let named = file.persist_noclobber(&self.path);
        named.with_context(|| cannot_create(&self.path))?;
        Ok(self.names)
    }
}

fn cannot_create(path: &Path) -> String {
    format!(
        "cannot create {}; name another file with --to",
        path.display()
    )
}
