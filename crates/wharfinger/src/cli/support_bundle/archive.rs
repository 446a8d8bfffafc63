//! The archive: tar, compressed with gzip, readable only by its owner.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

/// The folder of all files in the archive.
const FOLDER: &str = "wharfinger-support";

/// An archive that is being written.
pub(super) struct Archive {
    tar: tar::Builder<GzEncoder<File>>,
    names: Vec<String>,
    unfinished: Unfinished,
}

/// The path of an archive without its end. The file is removed when this is dropped.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            drop(std::fs::remove_file(path));
        }
    }
}

impl Archive {
    /// Creates the file. It must not exist.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.with_context(|| {
            format!(
                "cannot create {}; name another file with --to",
                path.display()
            )
        })?;
        Ok(Self {
            tar: tar::Builder::new(GzEncoder::new(file, Compression::default())),
            names: Vec::new(),
            unfinished: Unfinished(Some(path.to_owned())),
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

    /// Writes the end. Returns the names of the files.
    pub(super) fn finish(mut self) -> Result<Vec<String>> {
        let file = self.tar.into_inner()?.finish()?;
        file.sync_all()?;
        self.unfinished.0 = None;
        Ok(self.names)
    }
}
