//! Recovery of a store that was not closed cleanly, before anything is acknowledged.
//!
//! A log that is not empty was left by a process that was killed or whose disk failed. This process can read all that was
//! written, but not all of it may be on disk: some was never synced, and after a failed sync Linux marks the pages as clean.
//! They are lost at a power cut, and neither another sync nor a checkpoint notices.
//!
//! Recovery therefore rewrites every byte of the log in place, and syncs it. The database file needs nothing else: pages that
//! were written to it without a sync are in this log, and the checkpoint writes them all again. There is one exception: if
//! another process has kept the store open, SQLite still trusts the record of how far the log was checkpointed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{frames, write_back};
use crate::store::engine::connection::BUSY_TIMEOUT;
use crate::store::engine::fault::{Fault, Severity};

/// Bytes that are rewritten at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The message if another process keeps the log from being checkpointed from its beginning.
const HELD_OPEN: &str = "the store was not closed cleanly, and another process, such as `wharfinger check`, still has it open; \
    wait until that process has ended, then start again";

/// Whether a log was left. The last process to close the store removes the log, unless it cannot be checkpointed.
pub(crate) fn is_needed(file: &Path) -> bool {
    std::fs::metadata(frames::path(file)).is_ok_and(|log| log.len() > 0)
}

/// Rewrites and syncs a log that was left, then checkpoints it. Other processes may have the store open.
///
/// `is_holder`: this process holds the directory, so no other process accepts orders.
///
/// # Errors
/// [`Fault::Unsynced`]: the disk failed. [`Fault::Refused`]: part of the log cannot be checkpointed again.
pub(crate) fn recover(file: &Path, connection: &Connection, is_holder: bool) -> Result<(), Fault> {
    let log = frames::path(file);
    let began = Instant::now();
    // While this process holds the write lock, the log does not change.
    connection.execute_batch("begin immediate")?;
    let written = write_again(&log);
    connection.execute_batch("rollback")?;
    let bytes = written.map_err(Fault::Unsynced)?;
    if is_holder && write_back::is_partly_written_back(connection)? {
        return Err(Fault::Refused(HELD_OPEN.into()));
    }
    // From here on the log is on disk. The checkpoint may fail because a reader needs the log or the disk is full. Neither is
    // worth waiting for.
    connection.busy_timeout(Duration::ZERO)?;
    match write_back::write_back_and_empty(connection) {
        Err(Fault::Sql(error)) if error.severity() == Severity::Fatal => {
            return Err(Fault::Unsynced(io::Error::other(error.to_string())));
        }
        Err(fault) => {
            tracing::warn!(%fault, "Could not checkpoint the recovered log yet.");
        }
        Ok(()) => {}
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    tracing::info!(
        bytes,
        duration_ms = began.elapsed().as_millis(),
        "The store was not closed cleanly; its log was synced again and checkpointed."
    );
    Ok(())
}

/// Rewrites a file in place and syncs it, so that the system must write all of it to disk. Returns its length.
fn write_again(path: &Path) -> io::Result<u64> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        let length = file.read_at(&mut piece, at)?;
        if length == 0 {
            file.sync_all()?;
            return Ok(at);
        }
        file.write_all_at(&piece[..length], at)?;
        at += u64::try_from(length).unwrap_or(u64::MAX);
    }
}
