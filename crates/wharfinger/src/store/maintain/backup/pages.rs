//! Copies a database file beside the process that writes to it, page by page, to the state of one moment.
//!
//! ```text
//! 1  follow the log; copy the whole file, with whatever checkpoints write to it meanwhile
//! 2  copy again what passed through the log and was checkpointed; repeat until that is little
//! 3  begin a read transaction: the log cannot restart now. Copy the last pages, those in the log from the log. End it
//! ```
//!
//! Only the third step holds the log, for a moment, however large the store is. No step takes a lock that a writer waits for.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::following::Following;
use super::hashes::PageHashes;
use crate::clock;
use crate::store::engine::driver::{Access, Connection};
use crate::store::engine::fault::Fault;
use crate::store::engine::files::{DATABASE, PRIVATE, log_index_of};
use crate::store::engine::memtable::SharedRuns;
use crate::store::engine::wal::follow::read_at;
use crate::store::engine::wal::frames;
use crate::store::engine::wal::snapshot::{LogEnd, Snapshot};
use crate::store::maintain::check::store::connect_read_only;

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;
/// Bytes after which the copy is written to disk. Otherwise the system writes gigabytes at once, and commits wait for that.
const SYNC_BYTES: u64 = 4 << 20;
/// Pages that are left for the last step.
const LAST_PAGES: usize = 2_048;
/// Rounds of the second step at most. What is written faster than it is copied is left for the last step.
const ROUNDS_MAX: usize = 50;
/// The offset of the number of pages in a database file.
const PAGE_COUNT_AT: u64 = 28;
/// How often the read transaction of the last step is begun again, to begin between two commits.
const BEGINNINGS_MAX: usize = 1_000;

/// What is copied, and how.
pub(super) struct Plan<'p> {
    /// The database file to copy.
    pub file: &'p Path,
    /// The directory that gets the copy.
    pub into: &'p Path,
    /// The pages of an earlier backup.
    pub base: Option<&'p PageHashes>,
    /// Whether pages that the earlier backup has are copied too. Otherwise the copy has holes.
    pub is_whole: bool,
}

/// A copy of a database file.
pub(super) struct PageCopy<T> {
    pub moment_ms: i64,
    pub hashes: PageHashes,
    /// What was read from the database in the transaction of the copy's moment.
    pub read: T,
}

/// Copies a database. `read` is called in the transaction of the copy's moment; `tell` with the bytes that are copied, and those of
/// the file.
pub(super) fn copy_pages<T>(
    plan: &Plan<'_>,
    tell: &mut dyn FnMut(u64, u64),
    read: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<PageCopy<T>, Fault> {
    let mut copying = Copying::begin(plan, tell)?;
    copying.whole_file()?;
    for _ in 0..ROUNDS_MAX {
        copying.look()?;
        let (is_lost, written) = {
            let mut follower = copying.following.get();
            (follower.take_lost(), follower.written())
        };
        if is_lost {
            copying.whole_file()?;
        } else if written > LAST_PAGES {
            copying.changed()?;
        } else {
            break;
        }
    }
    copying.finish(read)
}

/// A read transaction.
struct Held {
    connection: Connection,
    /// The index of the log. Dropped after the connection.
    index: Option<File>,
}

impl Held {
    fn begin(&self) -> Result<(), Fault> {
        self.connection.open(Access::Read)?;
        // SQLite begins when something is read.
        let select = "select count(*) from sqlite_schema";
        self.connection
            .query_row(select, (), |row| row.get::<i64>(0))?;
        Ok(())
    }
}

/// The state of a copy.
struct Copying<'p> {
    plan: &'p Plan<'p>,
    /// Open for longer than any connection of SQLite: closing it would release SQLite's locks.
    source: File,
    target: File,
    target_path: PathBuf,
    page: usize,
    following: Following,
    hashes: PageHashes,
    unsynced: u64,
    done: u64,
    all: u64,
    tell: &'p mut dyn FnMut(u64, u64),
}

impl<'p> Copying<'p> {
    fn begin(plan: &'p Plan<'p>, tell: &'p mut dyn FnMut(u64, u64)) -> Result<Self, Fault> {
        let of_source = cannot("read", plan.file);
        let following = Following::begin(plan.file)?;
        let source = File::open(plan.file).map_err(&of_source)?;
        let page = frames::page_size(plan.file).map_err(&of_source)?;
        let all = source.metadata().map_err(&of_source)?.len();
        let target_path = plan.into.join(DATABASE);
        let target = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(&target_path)
            .map_err(cannot("write", &target_path))?;
        Ok(Self {
            plan,
            source,
            target,
            target_path,
            page,
            following,
            hashes: PageHashes::new(u32::try_from(page).unwrap_or(0)),
            unsynced: 0,
            done: 0,
            all,
            tell,
        })
    }

    /// The first step.
    fn whole_file(&mut self) -> Result<(), Fault> {
        let pages = READ_BYTES / self.page;
        let mut piece = vec![0; pages * self.page];
        let mut next: u32 = 1;
        loop {
            let at = u64::from(next - 1) * self.page as u64;
            let length = self.read_piece(&mut piece, at)?;
            if length == 0 {
                return Ok(());
            }
            for page in piece[..length].chunks_exact(self.page) {
                self.put(next, page)?;
                next = next.saturating_add(1);
            }
            self.done += length as u64;
            (self.tell)(self.done, self.all.max(self.done));
        }
    }

    /// Reads whole pages. Returns the bytes that were read, 0 at the end of the file.
    fn read_piece(&self, piece: &mut [u8], at: u64) -> Result<usize, Fault> {
        let mut length = 0;
        while length < piece.len() {
            let read = self
                .source
                .read_at(&mut piece[length..], at + length as u64);
            match read.map_err(cannot("read", self.plan.file))? {
                0 => break,
                read => length += read,
            }
        }
        Ok(length - length % self.page)
    }

    /// The second step, once.
    fn changed(&mut self) -> Result<(), Fault> {
        let mut bytes = vec![0; self.page];
        let written = self.following.get().take_written();
        for page in sorted(written) {
            if self.read_page(page, &mut bytes)? {
                self.put(page, &bytes)?;
            }
        }
        Ok(())
    }

    /// The third step.
    fn finish<T>(
        mut self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<PageCopy<T>, Fault> {
        let (held, end) = self.hold()?;
        let moment_ms = clock::now_ms();
        let log = loop {
            let log = Snapshot::of(self.plan.file, end);
            let log = log.map_err(cannot("read", self.plan.file))?;
            // Once the follower is at the same log, it has noted all pages of earlier ones.
            self.look()?;
            if log.log() == self.following.get().log() {
                break log;
            }
        };
        let pages = match log.page_count() {
            Some(pages) => pages,
            None => self.page_count()?,
        };
        let mut last: BTreeSet<u32> = {
            let mut follower = self.following.get();
            if follower.take_lost() {
                (1..=pages).collect()
            } else {
                follower.noted().collect()
            }
        };
        last.extend(log.pages());
        last.extend(self.hashes.cut(pages));
        let mut bytes = vec![0; self.page];
        for page in last.into_iter().filter(|page| *page <= pages) {
            let is_in_log = log.read(page, &mut bytes);
            if is_in_log.map_err(cannot("read", self.plan.file))?
                || self.read_page(page, &mut bytes)?
            {
                self.put(page, &bytes)?;
            }
        }
        let read = read(&held.connection)?;
        drop(held);
        let missing = self.hashes.cut(pages);
        if let Some(page) = missing.first() {
            return Err(Fault::Damaged(format!(
                "the database file ends before page {page}"
            )));
        }
        let length = u64::from(pages) * self.page as u64;
        let written = self.target.set_len(length);
        let written = written.and_then(|()| self.target.sync_all());
        written.map_err(cannot("write", &self.target_path))?;
        Ok(PageCopy {
            moment_ms,
            hashes: self.hashes,
            read,
        })
    }

    /// Begins a read transaction. Returns the end of the log as the transaction sees it, or `None` if it is not known: then the log
    /// may have more.
    fn hold(&self) -> Result<(Held, Option<LogEnd>), Fault> {
        let connection = connect_read_only(self.plan.file)?;
        let held = Held {
            connection: Connection::embedded(connection, SharedRuns::default()),
            index: File::open(log_index_of(self.plan.file)).ok(),
        };
        let Some(index) = &held.index else {
            held.begin()?;
            return Ok((held, None));
        };
        let end = || LogEnd::of(index).map_err(cannot("read", &log_index_of(self.plan.file)));
        for _ in 0..BEGINNINGS_MAX {
            let before = end()?;
            held.begin()?;
            let after = end()?;
            if before == after {
                return Ok((held, after));
            }
            // The guard rolls back.
            drop(held.connection.opened());
        }
        held.begin()?;
        Ok((held, None))
    }

    fn look(&mut self) -> Result<(), Fault> {
        let looked = self.following.get().look();
        looked.map_err(cannot("read", &frames::path(self.plan.file)))
    }

    /// Reads a page of the database file. Returns false if the file does not have it.
    fn read_page(&self, page: u32, into: &mut [u8]) -> Result<bool, Fault> {
        let at = u64::from(page - 1) * self.page as u64;
        read_at(&self.source, into, at).map_err(cannot("read", self.plan.file))
    }

    /// How many pages the database has, according to its file.
    fn page_count(&self) -> Result<u32, Fault> {
        let mut count = [0; 4];
        let read = self.source.read_exact_at(&mut count, PAGE_COUNT_AT);
        read.map_err(cannot("read", self.plan.file))?;
        Ok(u32::from_be_bytes(count))
    }

    /// Writes a page to the copy, unless the earlier backup has it.
    fn put(&mut self, page: u32, bytes: &[u8]) -> Result<(), Fault> {
        let is_in_base = self.hashes.set(page, bytes, self.plan.base);
        if is_in_base && !self.plan.is_whole {
            return Ok(());
        }
        let of_target = cannot("write", &self.target_path);
        let at = u64::from(page - 1) * self.page as u64;
        self.target.write_all_at(bytes, at).map_err(&of_target)?;
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.target.sync_data().map_err(&of_target)?;
        }
        Ok(())
    }
}

fn sorted(pages: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
    pages.into_iter().collect()
}

/// A fault that names the file.
pub(super) fn cannot(what: &'static str, file: &Path) -> impl Fn(std::io::Error) -> Fault + use<> {
    let file = file.display().to_string();
    move |error| Fault::Refused(format!("cannot {what} {file}: {error}"))
}
