//! The committed pages of a write-ahead log at one moment, read without SQLite.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::follow::{open, read_at};
use super::frames::{self, FRAME_HEADER, Frame, HEADER, salts};

/// The offsets in the index of the log: the number of committed frames, and the salts.
const FRAMES_AT: u64 = 16;
const SALTS_AT: u64 = 32;

/// The end of a log: its salts, and the number of its committed frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnd {
    salts: u64,
    frames: u32,
}

impl LogEnd {
    /// Reads the end of the log from its index, as SQLite's readers see it. `None` if the index does not have it.
    ///
    /// The caller keeps the file of the index open for longer than any connection of SQLite: closing it would release SQLite's locks.
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) fn of(index: &File) -> io::Result<Option<Self>> {
        let (mut frames, mut salt) = ([0; 4], [0; 8]);
        if !read_at(index, &mut frames, FRAMES_AT)? || !read_at(index, &mut salt, SALTS_AT)? {
            return Ok(None);
        }
        Ok(Some(Self {
            salts: salts(&salt, 0),
            frames: u32::from_ne_bytes(frames),
        }))
    }
}

/// The committed pages of a log. The caller holds a read transaction, so that the log does not restart.
pub(crate) struct Snapshot {
    file: Option<File>,
    page: usize,
    /// The salts of the log. `None` if there is no log.
    salts: Option<u64>,
    /// The latest frame of each page.
    pages: HashMap<u32, u64>,
    /// How many pages the database has. `None` if the log has no commit.
    page_count: Option<u32>,
}

impl Snapshot {
    /// Reads the log of a database, and verifies every frame. With `end`, reads it up to there. If the log is another one, that of
    /// `end` was checkpointed completely, and the result is empty.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn of(database: &Path, end: Option<LogEnd>) -> io::Result<Self> {
        let mut snapshot = Self {
            file: None,
            page: 0,
            salts: None,
            pages: HashMap::new(),
            page_count: None,
        };
        let Some((file, header)) = open(&frames::path(database))? else {
            return Ok(snapshot);
        };
        (snapshot.page, snapshot.salts) = (header.page, Some(header.salts));
        let frames_max = match end {
            Some(end) if end.salts == header.salts => end.frames.into(),
            Some(_) => 0,
            None => u64::MAX,
        };
        let mut log = BufReader::with_capacity(1 << 20, &file);
        log.seek(SeekFrom::Start(HEADER as u64))?;
        let mut bytes = vec![0; FRAME_HEADER + header.page];
        let (mut sum, mut at) = (header.sums[0], 0);
        let mut unfinished = HashMap::new();
        while at < frames_max {
            match log.read_exact(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                read => read?,
            }
            let frame = Frame {
                bytes: &bytes,
                is_big_endian: header.is_big_endian,
            };
            if frame.salts() != header.salts || !frame.follows(sum) {
                break;
            }
            sum = frame.sum();
            unfinished.insert(frame.page_number(), at);
            at += 1;
            if frame.is_commit() {
                snapshot.pages.extend(unfinished.drain());
                snapshot.page_count = Some(frame.page_count());
            }
        }
        drop(log);
        snapshot.file = Some(file);
        Ok(snapshot)
    }

    /// The salts of the log that was read. `None` if there was none.
    pub(crate) fn log(&self) -> Option<u64> {
        self.salts
    }

    /// How many pages the database has. `None` if the database file says so.
    pub(crate) fn page_count(&self) -> Option<u32> {
        self.page_count
    }

    /// The numbers of the pages in the log.
    pub(crate) fn pages(&self) -> impl Iterator<Item = u32> {
        self.pages.keys().copied()
    }

    /// Reads a page. Returns false if the log does not have it.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn read(&self, page: u32, into: &mut [u8]) -> io::Result<bool> {
        let (Some(file), Some(&frame)) = (&self.file, self.pages.get(&page)) else {
            return Ok(false);
        };
        let at = HEADER as u64 + frame * (FRAME_HEADER + self.page) as u64 + FRAME_HEADER as u64;
        if read_at(file, into, at)? {
            Ok(true)
        } else {
            Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the log has become shorter",
            ))
        }
    }
}
