//! Reads SQLite's write-ahead log without SQLite, to distinguish damage from an unfinished end.
//!
//! SQLite takes the first frame with a wrong checksum as the end of the log, and silently drops all later frames. After a power
//! cut that is right: only the last transaction can be unfinished, because each one is synced before the next one begins. But if
//! a frame of a later transaction follows, the bad frame was on disk once and is damaged. Damage in the last transaction, or in
//! the checksum right before it, cannot be distinguished from an unfinished write.
//!
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::store::engine::fault::Fault;

/// Bytes of the log's header.
pub(super) const HEADER: usize = 32;
/// Bytes of a frame's header. A page follows it.
pub(super) const FRAME_HEADER: usize = 24;
/// The magic number. Its lowest bit is the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;
/// The version of the format.
const VERSION: u32 = 3_007_000;
/// The offset of the page size in a database file.
const PAGE_SIZE_AT: usize = 16;

/// Committed frames that SQLite would drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The first frame with a wrong checksum, from 1. 0 if it is the header of the log.
    pub frame: u64,
    /// The number of lost frames.
    pub lost: u64,
    /// The number of commits among them.
    pub commits: u64,
}

impl Damage {
    /// The message for the user, with the remedy.
    pub(crate) fn told(&self) -> String {
        let lost = self.lost;
        format!(
            "{self}. Restore a backup, or give them up with `wharfinger serve --accept-lost-frames {lost}`"
        )
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.frame {
            0 => out.write_str("the write-ahead log is damaged in its header")?,
            frame => write!(out, "the write-ahead log is damaged in frame {frame}")?,
        }
        let Self { lost, commits, .. } = self;
        write!(
            out,
            "; {lost} frames with at least {commits} commits would be lost"
        )
    }
}

/// The path of a database's log.
pub(crate) fn path(database: &Path) -> PathBuf {
    database.with_extension("db-wal")
}

/// The fault when the log cannot be read.
pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    let log = path(file);
    Fault::Refused(format!("cannot read {}: {error}", log.display()))
}

/// Looks for damage in the log of a database. `None` if there is no damage or no log.
///
/// # Errors
/// Those of the operating system.
pub(crate) fn damage(database: &Path) -> std::io::Result<Option<Damage>> {
    let first = look(database)?;
    // Looks again, because another process may write and a frame may be read half written.
    Ok(if first.is_some() && look(database)? == first {
        first
    } else {
        None
    })
}

fn look(database: &Path) -> std::io::Result<Option<Damage>> {
    match File::open(path(database)) {
        Ok(log) => scan(BufReader::with_capacity(1 << 16, log), || {
            page_size(database)
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The page size that the database file states.
pub(in crate::store) fn page_size(database: &Path) -> std::io::Result<usize> {
    let mut head = [0; PAGE_SIZE_AT + 2];
    File::open(database)?.read_exact(&mut head)?;
    let [.., high, low] = head;
    Ok(match u16::from_be_bytes([high, low]) {
        1 => 1 << 16,
        size => usize::from(size),
    })
}

/// A cumulative checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum(u32, u32);

impl Sum {
    /// Reads the checksum stored at `at`, in 8 bytes.
    fn stored(bytes: &[u8], at: usize) -> Self {
        Self(number(bytes, at), number(bytes, at + 4))
    }

    /// Continues the checksum over `bytes`, whose length is a multiple of 8.
    fn over(self, bytes: &[u8], is_big_endian: bool) -> Self {
        let Self(mut first, mut second) = self;
        for pair in bytes.chunks_exact(8) {
            let word = |at| {
                let word = number(pair, at);
                if is_big_endian {
                    word
                } else {
                    word.swap_bytes()
                }
            };
            first = first.wrapping_add(word(0)).wrapping_add(second);
            second = second.wrapping_add(word(4)).wrapping_add(first);
        }
        Self(first, second)
    }
}

/// The big-endian number in the 4 bytes at `at`. 0 if there are too few bytes.
pub(super) fn number(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |&bytes| u32::from_be_bytes(bytes))
}

/// The header of the log.
pub(super) struct Header {
    /// Whether the header is intact.
    pub is_sound: bool,
    /// The byte order of the checksums.
    pub is_big_endian: bool,
    /// The size of a page, in bytes.
    pub page: usize,
    /// Two numbers that every frame of this log has. They change when the log restarts.
    pub salts: u64,
    /// The checksum that the first frame continues: as stored, and as computed.
    pub sums: [Sum; 2],
}

/// The two salts at `at`.
pub(super) fn salts(bytes: &[u8], at: usize) -> u64 {
    u64::from(number(bytes, at)) << 32 | u64::from(number(bytes, at + 4))
}

impl Header {
    pub(super) fn of(bytes: &[u8; HEADER]) -> Self {
        let magic = number(bytes, 0);
        let page = usize::try_from(number(bytes, 8)).unwrap_or(0);
        let is_big_endian = if magic & !1 == MAGIC {
            magic & 1 == 1
        } else {
            cfg!(target_endian = "big")
        };
        let sums = [
            Sum::stored(bytes, HEADER - 8),
            Sum::default().over(&bytes[..HEADER - 8], is_big_endian),
        ];
        Self {
            is_sound: magic & !1 == MAGIC
                && number(bytes, 4) == VERSION
                && page.is_power_of_two()
                && (512..=1 << 16).contains(&page)
                && sums[0] == sums[1],
            is_big_endian,
            page,
            salts: salts(bytes, 16),
            sums,
        }
    }
}

/// A frame.
pub(super) struct Frame<'b> {
    /// The frame's header and its page.
    pub bytes: &'b [u8],
    /// The byte order of the checksum.
    pub is_big_endian: bool,
}

impl Frame<'_> {
    pub(super) fn salts(&self) -> u64 {
        salts(self.bytes, 8)
    }

    pub(super) fn is_commit(&self) -> bool {
        self.page_count() != 0
    }

    /// The number of the page in it.
    pub(super) fn page_number(&self) -> u32 {
        number(self.bytes, 0)
    }

    /// How many pages the database has, if the frame ends a transaction. Otherwise 0.
    pub(super) fn page_count(&self) -> u32 {
        number(self.bytes, 4)
    }

    pub(super) fn sum(&self) -> Sum {
        Sum::stored(self.bytes, 16)
    }

    /// Whether the frame's checksum continues that of the previous frame.
    pub(super) fn follows(&self, before: Sum) -> bool {
        let sum = before.over(&self.bytes[..8], self.is_big_endian);
        sum.over(&self.bytes[FRAME_HEADER..], self.is_big_endian) == self.sum()
    }
}

/// Checks all frames of a log.
fn scan(
    mut log: impl Read,
    page_size: impl FnOnce() -> std::io::Result<usize>,
) -> std::io::Result<Option<Damage>> {
    let mut header = [0; HEADER];
    // A log that is empty, or whose first write was cut off, has no commits.
    if !read_whole(&mut log, &mut header)? || header == [0; HEADER] {
        return Ok(None);
    }
    let mut header = Header::of(&header);
    if !header.is_sound {
        header.page = page_size()?;
        header.is_big_endian = cfg!(target_endian = "big");
    }
    let mut bytes = vec![0; FRAME_HEADER + header.page];
    let mut walk = Walk::new(header);
    while read_whole(&mut log, &mut bytes)? {
        walk.frame(&Frame {
            bytes: &bytes,
            is_big_endian: walk.header.is_big_endian,
        });
    }
    Ok(walk.behind.and_then(Behind::damage))
}

/// Fills a buffer. Returns false if the file ends before that.
fn read_whole(log: &mut impl Read, into: &mut [u8]) -> std::io::Result<bool> {
    match log.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The state of a scan.
struct Walk {
    header: Header,
    sum: Sum,
    /// The number of frames so far.
    frames: u64,
    /// The number of frames up to the latest intact commit.
    committed: u64,
    behind: Option<Behind>,
}

/// The first bad frame, and what follows it.
struct Behind {
    damage: Damage,
    /// Whether a frame of a later transaction was found.
    is_proven: bool,
    /// The checksum of the previous frame, and whether that frame is a commit. `None` if it does not belong to this log.
    before: Option<(Sum, bool)>,
}

impl Walk {
    fn new(header: Header) -> Self {
        Self {
            sum: header.sums[0],
            header,
            frames: 0,
            committed: 0,
            behind: None,
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        self.frames += 1;
        let is_first_without_header = self.behind.is_none() && !self.header.is_sound;
        if is_first_without_header {
            self.header.salts = frame.salts();
        }
        let is_current = frame.salts() == self.header.salts;
        if let Some(behind) = &mut self.behind {
            behind.frame(frame, is_current);
        } else if is_first_without_header {
            // Without the header, only the frames identify the log: each one continues the checksum of the previous one.
            let is_proven = self.header.sums.iter().any(|&sum| frame.follows(sum));
            let mut behind = Behind::new(0, 1, frame, is_current);
            behind.is_proven = is_proven;
            behind.before = Some((frame.sum(), true));
            self.behind = Some(behind);
        } else if is_current && frame.follows(self.sum) {
            self.sum = frame.sum();
            if frame.is_commit() {
                self.committed = self.frames;
            }
        } else {
            let lost = self.frames - self.committed;
            self.behind = Some(Behind::new(self.frames, lost, frame, is_current));
        }
    }
}

impl Behind {
    fn new(at: u64, lost: u64, frame: &Frame<'_>, is_current: bool) -> Self {
        let is_commit = is_current && frame.is_commit();
        Self {
            damage: Damage {
                frame: at,
                lost,
                commits: is_commit.into(),
            },
            is_proven: false,
            before: is_current.then(|| (frame.sum(), is_commit)),
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, is_current: bool) {
        if !is_current {
            // Left from before the log restarted, or bad too.
            self.before = None;
            return;
        }
        self.damage.lost += 1;
        self.damage.commits += u64::from(frame.is_commit());
        if let Some((sum, is_commit)) = self.before {
            self.is_proven |= is_commit && frame.follows(sum);
        }
        self.before = Some((frame.sum(), frame.is_commit()));
    }

    fn damage(self) -> Option<Damage> {
        self.is_proven.then_some(self.damage)
    }
}

#[cfg(test)]
mod tests;
