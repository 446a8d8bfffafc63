//! The length of the write-ahead log, and which readers keep it from restarting.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::clock;
use crate::runtime::metrics::METRICS;

/// The writer checkpoints the log itself when it is this many times its target length.
const BEHIND_TIMES: i32 = 4;
/// The writer waits for readers of the log when it is this many times its target length: 1 GiB. Each read searches the index of
/// the log, and each start reads the whole log.
const WAITING_TIMES: i32 = 32;
/// The log is checkpointed each time that it has grown by this fraction of its target length. The database file is synced at the
/// end, and a commit whose own sync comes at that time waits for the disk: so there should never be much to sync.
const GROWTH_PARTS: i32 = 8;
/// Bytes of a page in the log, including the frame header.
const PAGE_BYTES: i64 = 4_096 + 24;
/// The bytes of the log's index file that readers of the log lock.
const READ_LOCKS: std::ops::RangeInclusive<u64> = 124..=127;

/// The length of the log as of the latest commit.
pub(crate) struct Log {
    /// The target length in pages, which it exceeds only while somebody reads from it or it grows faster than it is checkpointed.
    pages_max: i32,
    pages: AtomicI32,
    /// The length in pages at which the checkpoint thread runs, and at which the writer checkpoints itself.
    write_back_at: AtomicI32,
    catch_up_at: AtomicI32,
    /// The length in pages at which the next warning is logged. 0 if no warning is active.
    warn_at: AtomicI32,
}

impl Log {
    /// A log with a target length of `pages_max` pages.
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

    /// Records the length in pages after a commit. Returns whether the log should be checkpointed.
    pub(crate) fn grows(&self, pages: i32) -> bool {
        METRICS.set_log_bytes(i64::from(pages).saturating_mul(PAGE_BYTES));
        if pages < self.pages.swap(pages, Ordering::Relaxed) {
            self.begins_anew();
        }
        if pages < self.write_back_at.load(Ordering::Relaxed) {
            return false;
        }
        let next = pages.saturating_add(self.growth());
        self.write_back_at.store(next, Ordering::Relaxed);
        true
    }

    /// By how many pages the log grows between two checkpoints.
    fn growth(&self) -> i32 {
        (self.pages_max / GROWTH_PARTS).max(1)
    }

    fn begins_anew(&self) {
        self.write_back_at.store(self.growth(), Ordering::Relaxed);
        let behind = self.pages_max.saturating_mul(BEHIND_TIMES);
        self.catch_up_at.store(behind, Ordering::Relaxed);
        if self.warn_at.swap(0, Ordering::Relaxed) > 0 {
            METRICS.set_log_held_since_ms(0);
            tracing::info!("The long read has ended, and the write-ahead log restarted.");
        }
    }

    /// Whether the log grows faster than it is checkpointed.
    pub(crate) fn is_behind(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.catch_up_at.load(Ordering::Relaxed)
    }

    /// Whether the log is so long that the writer waits for its readers.
    pub(crate) fn is_too_long(&self) -> bool {
        let bound = self.pages_max.saturating_mul(WAITING_TIMES);
        self.pages.load(Ordering::Relaxed) >= bound
    }

    /// Records that the writer has checkpointed the log except for `left` pages. These pages are left because somebody reads an
    /// older state. If many are left, the cause is one long read, and a warning is logged.
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

/// The other processes that read from the log of a database, as process id and name. Empty if the system does not show them.
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
        // For example "7: POSIX  ADVISORY  READ 4711 fd:01:1234 124 124".
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_checkpointed_each_time_it_has_grown_by_a_part_of_its_length() {
        let log = Log::new(80);
        let grows = |pages: &[i32]| Vec::from_iter(pages.iter().map(|pages| log.grows(*pages)));
        assert_eq!(
            grows(&[9, 10, 11, 19, 20, 50, 59, 60]),
            [false, true, false, false, true, true, false, true]
        );
        assert!(!log.is_behind());
        assert_eq!(grows(&[5, 10]), [false, true], "the log has restarted");
        log.grows(80 * BEHIND_TIMES);
        assert!(log.is_behind());
    }
}
