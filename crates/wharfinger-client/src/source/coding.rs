//! A file or standard input as plain bytes: gzip and zstd are undone, and a byte order mark is skipped.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

use super::{Progress, is_stdin};
use crate::terminal::shown;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// How workbooks of spreadsheets begin: the new ones, which are ZIP archives, and those of before 2007.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", &[0xd0, 0xcf, 0x11, 0xe0]];
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const UTF_16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// The bytes of a file after decompression, without a byte order mark.
pub struct Decoded {
    reader: Box<dyn Read + Send>,
    /// How much of the file is read.
    pub progress: Progress,
    /// The file's name, safe for a terminal.
    pub name: String,
}

impl Decoded {
    /// Opens a file. `-` is standard input.
    ///
    /// # Errors
    /// It cannot be read, is UTF-16, or a workbook of a spreadsheet.
    pub fn open(file: &Path) -> Result<Self> {
        if is_stdin(file) {
            return Self::of(Box::new(io::stdin()), "standard input".into(), None);
        }
        let name = shown(&file.display().to_string()).into_owned();
        let opened = File::open(file).with_context(|| format!("cannot read {name}"))?;
        let about = opened.metadata()?;
        if about.is_dir() {
            bail!("{name} is a directory; name the files in it");
        }
        let bytes_total = about.is_file().then_some(about.len());
        Self::of(Box::new(opened), name, bytes_total)
    }

    /// Reads from any reader. The name is for messages.
    pub(super) fn of(
        reader: Box<dyn Read + Send>,
        name: String,
        bytes_total: Option<u64>,
    ) -> Result<Self> {
        let progress = Progress {
            bytes_total,
            ..Progress::default()
        };
        let counted = Counted {
            reader,
            progress: progress.clone(),
        };
        let (first, counted) = peeked(Box::new(counted), 4, &name)?;
        if WORKBOOKS.iter().any(|mark| first.starts_with(mark)) {
            bail!(
                "{name} is an Excel workbook or a ZIP archive, which cannot be read; in Excel, use \"Save as\" and choose \"CSV UTF-8\", or \
                 unpack the archive"
            );
        }
        let plain: Box<dyn Read + Send> = if first.starts_with(GZIP) {
            Box::new(MultiGzDecoder::new(counted))
        } else if first.starts_with(ZSTD) {
            Box::new(zstd::stream::read::Decoder::new(counted)?)
        } else {
            counted
        };
        let (first, mut reader) = peeked(plain, BYTE_ORDER_MARK.len(), &name)?;
        if UTF_16_MARKS.iter().any(|mark| first.starts_with(mark)) {
            bail!("{name} is UTF-16; save it as UTF-8");
        }
        if first == BYTE_ORDER_MARK {
            reader.read_exact(&mut [0; BYTE_ORDER_MARK.len()])?;
        }
        Ok(Self {
            reader,
            progress,
            name,
        })
    }

    /// Refuses to read on after so many bytes.
    pub(super) fn at_most(mut self, bytes_max: u64) -> Self {
        self.reader = Box::new(AtMost {
            reader: self.reader,
            bytes_left: bytes_max,
        });
        self
    }
}

/// A reader that fails after some bytes.
struct AtMost {
    reader: Box<dyn Read + Send>,
    bytes_left: u64,
}

impl Read for AtMost {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        let left = self.bytes_left.checked_sub(read as u64);
        self.bytes_left = left.ok_or_else(|| io::Error::other("it is too large; split it"))?;
        Ok(read)
    }
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}

/// Reads the first bytes, and puts them back.
fn peeked(
    mut reader: Box<dyn Read + Send>,
    bytes_max: usize,
    name: &str,
) -> Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut first = Vec::new();
    let read = reader
        .by_ref()
        .take(bytes_max as u64)
        .read_to_end(&mut first);
    read.with_context(|| format!("cannot read {name}"))?;
    let reader = Box::new(Cursor::new(first.clone()).chain(reader));
    Ok((first, reader))
}

/// Counts the bytes read.
struct Counted {
    reader: Box<dyn Read + Send>,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.progress.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
