//! What is done before anything is acknowledged, where the store was not closed in order.
//!
//! A log that is not empty was left behind by a process that was killed, or whose disk failed. The system shows all that this
//! process wrote, but not all of it is on disk: some of it was never synced, and after a sync that failed Linux takes the pages for
//! written. They are lost if the power is cut, and neither a further sync nor a checkpoint notices it.
//!
//! So every byte of the log is written again, over itself, and synced. Nothing else is needed for the database file: pages that
//! were written to it, and not synced, are pages of this log, and the checkpoint writes all of them again. The exception is a process
//! that has had the store open all along, as its note of how far the log was written back is still taken for good.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{frames, write_back};
use crate::store::engine::connection::BUSY_TIMEOUT;
use crate::store::engine::fault::{Extent, Fault};

/// Bytes that are written again at once.
const PIECE_BYTES: usize = 1 << 20;

/// What is said where another process keeps the log from being written back from its begin.
const HELD_OPEN: &str = "the store was not closed cleanly, and another process, such as `wharfinger check`, still has it open; \
    wait until that process has ended, then start again";

/// Whether a log was left behind. Whoever is the last to close the store leaves none, unless it cannot be written back.
pub(crate) fn is_needed(file: &Path) -> bool {
    std::fs::metadata(frames::path(file)).is_ok_and(|log| log.len() > 0)
}

/// Has the log that was left behind written to disk, and then back to the database. Other processes may have the store open.
///
/// `is_holder`: this process holds the directory, so nobody else takes orders.
///
/// # Errors
/// [`Fault::Unsynced`]: the disk does not take it. [`Fault::Refused`]: part of it cannot be written back again.
pub(crate) fn recover(file: &Path, connection: &Connection, is_holder: bool) -> Result<(), Fault> {
    let log = frames::path(file);
    let began = Instant::now();
    // Under the lock of whoever writes, the log does not change.
    connection.execute_batch("begin immediate")?;
    let written = write_again(&log);
    connection.execute_batch("rollback")?;
    let bytes = written.map_err(Fault::Unsynced)?;
    if is_holder && write_back::is_partly_written_back(connection)? {
        return Err(Fault::Refused(HELD_OPEN.into()));
    }
    // From here on the log is on disk. A reader may need it for longer, and a full disk has no room to write it back to: neither has
    // to be waited for.
    connection.busy_timeout(Duration::ZERO)?;
    match write_back::write_back_and_empty(connection) {
        Err(Fault::Sql(error)) if error.extent() == Extent::Fatal => {
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

/// Writes a file over itself, so that the system has to bring all of it to disk; how long it is.
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
