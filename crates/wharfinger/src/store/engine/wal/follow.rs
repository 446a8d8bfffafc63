//! Follows the write-ahead log of a store in use, from another process and without locks.
//!
//! A backup copies the database file while checkpoints write to it. A copied page may be torn, or older than another one. But each
//! page that a checkpoint writes was in the log before. The follower notes the page of every frame that passes through the log,
//! beginning with the frames that are in it at the start. Pages that it has not noted did not change.
//!
//! A log that was checkpointed completely restarts: new frames overwrite the old ones from the front, with other salts. What was
//! added to the old log after the last look is still behind the new frames, unless these are more already. If anything may have been
//! missed, the follower says so.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::frames::{self, FRAME_HEADER, HEADER, Header, number, salts};

/// Notes which pages of a database change.
pub(crate) struct Follower {
    log: PathBuf,
    seen: Option<Seen>,
    /// Pages with a frame in the current log. Their latest state may be in the log alone.
    in_log: HashSet<u32>,
    /// Pages with a frame in an earlier log. The database file has them as they were then, or later.
    written: HashSet<u32>,
    is_lost: bool,
}

/// How much of a log was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    salts: u64,
    page: usize,
    /// The number of frames, up to a commit.
    frames: u64,
    /// The length of the file.
    bytes: u64,
}

impl Seen {
    /// The first salt. It grows by one with each restart.
    fn generation(salts: u64) -> u32 {
        (salts >> 32) as u32
    }

    fn head(&self, file: &File, frame: u64) -> io::Result<Option<[u8; FRAME_HEADER]>> {
        let at = HEADER as u64 + frame * (FRAME_HEADER + self.page) as u64;
        let mut heads = [[0; FRAME_HEADER]; 2];
        // Twice, because it may have been read while it was written.
        for head in &mut heads {
            if !read_at(file, head, at)? {
                return Ok(None);
            }
        }
        Ok((heads[0] == heads[1]).then_some(heads[0]))
    }
}

impl Follower {
    /// Begins to follow the log of a database.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn begin(database: &Path) -> io::Result<Self> {
        let mut follower = Self {
            log: frames::path(database),
            seen: None,
            in_log: HashSet::new(),
            written: HashSet::new(),
            is_lost: false,
        };
        if let Some((file, header)) = open(&follower.log)? {
            follower.adopt(&file, &header)?;
        }
        Ok(follower)
    }

    /// Notes what was added to the log since the last look.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        match (self.seen, open(&self.log)?) {
            (None, None) => {}
            (Some(seen), Some((file, header))) if seen.salts == header.salts => {
                self.read_on(&file, seen)?;
            }
            (Some(seen), Some((file, header))) => {
                if !self.read_rest(&file, seen, &header)? {
                    self.is_lost = true;
                }
                self.written.extend(self.in_log.drain());
                self.adopt(&file, &header)?;
            }
            // The log was removed or emptied after an unknown number of frames, or there may have been one before this one.
            (_, found) => {
                self.is_lost = true;
                self.written.extend(self.in_log.drain());
                self.seen = None;
                if let Some((file, header)) = found {
                    self.adopt(&file, &header)?;
                }
            }
        }
        Ok(())
    }

    /// The salts of the log that was seen last. `None` if there was none.
    pub(crate) fn log(&self) -> Option<u64> {
        self.seen.map(|seen| seen.salts)
    }

    /// All pages that were noted and not taken.
    pub(crate) fn noted(&self) -> impl Iterator<Item = u32> {
        self.written.union(&self.in_log).copied()
    }

    /// Takes the pages of earlier logs. The database file has them as they were when this returns, or later.
    pub(crate) fn take_written(&mut self) -> HashSet<u32> {
        std::mem::take(&mut self.written)
    }

    /// How many pages [`Self::take_written`] would return.
    pub(crate) fn written(&self) -> usize {
        self.written.len()
    }

    /// Whether pages may have changed that were not noted. Asking forgets it.
    pub(crate) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.is_lost)
    }

    fn adopt(&mut self, file: &File, header: &Header) -> io::Result<()> {
        let seen = Seen {
            salts: header.salts,
            page: header.page,
            frames: 0,
            bytes: 0,
        };
        self.read_on(file, seen)
    }

    /// Notes the committed frames of a log after those that were seen.
    fn read_on(&mut self, file: &File, mut seen: Seen) -> io::Result<()> {
        let mut unfinished = Vec::new();
        let mut at = seen.frames;
        while let Some(head) = seen.head(file, at)? {
            if salts(&head, 8) != seen.salts {
                break;
            }
            unfinished.push(number(&head, 0));
            at += 1;
            let is_commit = number(&head, 4) != 0;
            if is_commit {
                self.in_log.extend(unfinished.drain(..));
                seen.frames = at;
            }
        }
        seen.bytes = file.metadata()?.len();
        self.seen = Some(seen);
        Ok(())
    }

    /// Notes the frames that were added to a log before it restarted. Returns whether none can have been missed.
    fn read_rest(&mut self, file: &File, seen: Seen, now: &Header) -> io::Result<bool> {
        let generations = Seen::generation(now.salts).wrapping_sub(Seen::generation(seen.salts));
        let is_shorter = file.metadata()?.len() < seen.bytes;
        if generations != 1 || now.page != seen.page || is_shorter || seen.frames == 0 {
            return Ok(false);
        }
        self.read_on(file, seen)?;
        // Frames are overwritten from the front. If the first one that was read now is still there, so were all others.
        let first = seen.head(file, seen.frames)?;
        Ok(first.is_none_or(|head| {
            let later =
                Seen::generation(salts(&head, 8)).wrapping_sub(Seen::generation(seen.salts));
            later == 0 || later > u32::MAX / 2
        }))
    }
}

/// Opens a log and reads its header. `None` if there is none, or if it is just being written.
pub(super) fn open(log: &Path) -> io::Result<Option<(File, Header)>> {
    let file = match File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = [0; HEADER];
    if !read_at(&file, &mut bytes, 0)? {
        return Ok(None);
    }
    let header = Header::of(&bytes);
    Ok(header.is_sound.then_some((file, header)))
}

/// Fills a buffer. Returns false if the file ends before that.
pub(in crate::store) fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(into, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
