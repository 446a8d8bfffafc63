//! Writes one file.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use flate2::write::GzEncoder;

use crate::onward::sinks::settings::Compression;
use crate::store::sync_directory;

/// The mode of the files: the owner's group may read them, so that another program of the operator's can take them.
const MODE: u32 = 0o640;

/// Compressed bytes on their way to the file, with their number.
struct Counted {
    file: BufWriter<File>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Encoder {
    None(Counted),
    Gzip(GzEncoder<Counted>),
    Zstd(zstd::stream::Encoder<'static, Counted>),
}

/// An unfinished file.
pub(super) struct Writer {
    encoder: Encoder,
    path: PathBuf,
}

impl Writer {
    /// Creates a file that does not exist.
    pub(super) fn create(path: PathBuf, compression: Compression) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&path)?;
        let out = Counted {
            file: BufWriter::with_capacity(1 << 16, file),
            bytes: 0,
        };
        let encoder = match compression {
            Compression::None => Encoder::None(out),
            Compression::Gzip => Encoder::Gzip(GzEncoder::new(out, flate2::Compression::fast())),
            Compression::Zstd => Encoder::Zstd(zstd::stream::Encoder::new(out, 0)?),
        };
        Ok(Self { encoder, path })
    }

    /// Writes JSON as a line. Line breaks can only be white space there: in texts they are escaped.
    pub(super) fn line(&mut self, json: &[u8]) -> io::Result<()> {
        let mut json = Cow::Borrowed(json);
        if memchr::memchr2(b'\n', b'\r', &json).is_some() {
            for byte in json.to_mut() {
                if matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
        }
        let out: &mut dyn Write = match &mut self.encoder {
            Encoder::None(out) => out,
            Encoder::Gzip(out) => out,
            Encoder::Zstd(out) => out,
        };
        out.write_all(&json)?;
        out.write_all(b"\n")
    }

    /// The bytes that are in the file, apart from those that the compressor has not given out yet.
    pub(super) fn bytes(&self) -> u64 {
        match &self.encoder {
            Encoder::None(out) => out.bytes,
            Encoder::Gzip(out) => out.get_ref().bytes,
            Encoder::Zstd(out) => out.get_ref().bytes,
        }
    }

    /// Syncs the file to disk.
    pub(super) fn sync(self) -> io::Result<Synced> {
        let out = match self.encoder {
            Encoder::None(out) => out,
            Encoder::Gzip(out) => out.finish()?,
            Encoder::Zstd(out) => out.finish()?,
        };
        let file = out
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(Synced { path: self.path })
    }
}

/// A file that is on disk, under its partial name.
pub(super) struct Synced {
    path: PathBuf,
}

impl Synced {
    /// Gives it its final name. Fails if the file was removed meanwhile.
    pub(super) fn rename(self, name: &str) -> io::Result<()> {
        std::fs::rename(&self.path, self.path.with_file_name(name))?;
        match self.path.parent() {
            Some(directory) => sync_directory(directory),
            None => Ok(()),
        }
    }
}
