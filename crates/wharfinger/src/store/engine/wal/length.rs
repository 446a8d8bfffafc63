//! The length of the write-ahead log, and who keeps it from restarting.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::clock;
use crate::serve::metrics::METRICS;

/// How many times as long as it should be the log may get before the writer writes it back itself.
const BEHIND_TIMES: i32 = 4;
/// How many times as long as it should be the log may get before the writer waits for those who read from it: 1 GiB. Each read
/// looks through the index of the log, and a start reads all of it.
const WAITING_TIMES: i32 = 32;
/// While the log cannot begin anew, it is written back again each time that it has grown by this part of what it should be.
const GROWTH_PARTS: i32 = 8;
/// Bytes of a page in the log, with its header.
const PAGE_BYTES: i64 = 4_096 + 24;
/// The bytes of the index of the log that are locked by who reads from the log.
const READ_LOCKS: std::ops::RangeInclusive<u64> = 124..=127;

/// The log, as of the latest commit.
pub(crate) struct Log {
    /// How many pages it should have.
    pages_max: i32,
    pages: AtomicI32,
    /// The length from which on it is to be written back beside the writer, and by the writer.
    write_back_at: AtomicI32,
    catch_up_at: AtomicI32,
    /// The length from which on it is warned of.
    warn_at: AtomicI32,
}

impl Log {
    /// A log that should have so many pages.
    pub(crate) fn new(pages_max: i32) -> Self {
        let log = Self {
            pages_max,
            pages: AtomicI32::new(0),
            write_back_at: AtomicI32::new(0),
            catch_up_at: AtomicI32::new(0),
            warn_at: AtomicI32::new(0),
        };
        log.begins_anew();
        log
    }

    /// Notes how many pages it has after a commit; whether it is to be written back.
    pub(crate) fn grows(&self, pages: i32) -> bool {
        METRICS.set_log_bytes(i64::from(pages).saturating_mul(PAGE_BYTES));
        if pages < self.pages.swap(pages, Ordering::Relaxed) {
            self.begins_anew();
        }
        if pages < self.write_back_at.load(Ordering::Relaxed) {
            return false;
        }
        let growth = (self.pages_max / GROWTH_PARTS).max(1);
        let next = pages.saturating_add(growth);
        self.write_back_at.store(next, Ordering::Relaxed);
        true
    }

    fn begins_anew(&self) {
        self.write_back_at.store(self.pages_max, Ordering::Relaxed);
        let behind = self.pages_max.saturating_mul(BEHIND_TIMES);
        self.catch_up_at.store(behind, Ordering::Relaxed);
        if self.warn_at.swap(0, Ordering::Relaxed) > 0 {
            METRICS.set_log_held_since_ms(0);
            tracing::info!("The long read has ended, and the write-ahead log restarted.");
        }
    }

    /// Whether it grows faster than it is written back.
    pub(crate) fn is_behind(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.catch_up_at.load(Ordering::Relaxed)
    }

    /// Whether it is so long that the writer waits for those who read from it.
    pub(crate) fn is_too_long(&self) -> bool {
        let bound = self.pages_max.saturating_mul(WAITING_TIMES);
        self.pages.load(Ordering::Relaxed) >= bound
    }

    /// Notes that the writer has written it back but for some pages. Those are left because somebody still reads what was
    /// before them; where they are many, it is one long read.
    pub(crate) fn is_written_back(&self, left: i64, file: Option<&Path>) {
        let pages = self.pages.load(Ordering::Relaxed);
        let next = pages.saturating_add(self.pages_max);
        self.catch_up_at.store(next, Ordering::Relaxed);
        let warn_at = self.warn_at.load(Ordering::Relaxed);
        if left < i64::from(self.pages_max) || pages < warn_at {
            return;
        }
        if warn_at == 0 {
            METRICS.set_log_held_since_ms(clock::now_ms());
        }
        let twice = pages.saturating_mul(2).max(1);
        self.warn_at.store(twice, Ordering::Relaxed);
        let held_by = file.map(readers).unwrap_or_default();
        tracing::warn!(
            log_bytes = i64::from(pages).saturating_mul(PAGE_BYTES),
            held_by = if held_by.is_empty() {
                "a read of this server".to_owned()
            } else {
                held_by.join(", ")
            },
            "A long read transaction, such as `wharfinger check`, keeps the write-ahead log from restarting. The log grows until \
             the read ends. From 1 GiB, orders wait for it."
        );
    }
}

/// The other processes that read from the log of a database, as far as the system tells: their ids and names.
fn readers(file: &Path) -> Vec<String> {
    let index = file.with_extension("db-shm");
    let (Ok(index), Ok(locks)) = (
        std::fs::metadata(index),
        std::fs::read_to_string("/proc/locks"),
    ) else {
        return Vec::new();
    };
    let own = std::process::id().to_string();
    let mut found: Vec<String> = Vec::new();
    for line in locks.lines() {
        // As in "7: POSIX  ADVISORY  READ 4711 fd:01:1234 124 124".
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "READ", process, inode, first, _] = words.as_slice() else {
            continue;
        };
        let inode = inode
            .rsplit(':')
            .next()
            .and_then(|inode| inode.parse().ok());
        let is_read = first.parse().is_ok_and(|first| READ_LOCKS.contains(&first));
        if inode == Some(index.ino()) && is_read && **process != *own {
            let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
            let name = name.unwrap_or_default();
            found.push(format!("{process} ({})", name.trim()));
        }
    }
    found.sort();
    found.dedup();
    found
}
