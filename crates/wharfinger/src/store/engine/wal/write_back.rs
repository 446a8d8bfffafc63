//! Checkpoints: write the log back to the database file, as far as readers allow or completely.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::engine::connection::{Use, connect};
use crate::store::engine::fault::Fault;

/// How long one attempt to empty the log may block writers, the pause between attempts, and how long attempts go on.
const EMPTYING_HOLDS: Duration = Duration::from_millis(200);
const EMPTYING_PAUSE: Duration = Duration::from_millis(50);
const EMPTYING_WAITS: Duration = Duration::from_secs(10);

/// Checkpoints as much as possible without blocking anybody. Returns how many pages are left of those that the log had at the
/// beginning.
pub(crate) fn checkpoint(connection: &Connection) -> Result<i64, Fault> {
    pages_left(connection, "pragma wal_checkpoint(passive)")
}

/// How many pages of the log are not checkpointed yet.
pub(crate) fn pages_to_checkpoint(connection: &Connection) -> Result<i64, Fault> {
    pages_left(connection, "pragma wal_checkpoint(noop)")
}

/// Checkpoints the whole log, and waits for readers that still need it. Returns how many pages are left.
pub(crate) fn checkpoint_all(connection: &Connection) -> Result<i64, Fault> {
    pages_left(connection, "pragma wal_checkpoint(restart)")
}

/// Checkpoints the whole log, including what other processes wrote, and truncates it. Returns whether that succeeded. Waits for
/// readers that still need the log, but blocks writers only for a moment at a time.
pub(crate) fn empty_log(file: &Path) -> Result<bool, Fault> {
    let connection = connect(file, Use::Write)?;
    connection.busy_timeout(EMPTYING_HOLDS)?;
    let until = Instant::now() + EMPTYING_WAITS;
    loop {
        // Writers are blocked only once everything is written back, until nobody reads from the log.
        if checkpoint(&connection)? == 0 && is_emptied(&connection)? {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(EMPTYING_PAUSE);
    }
}

/// Whether a part of the log was checkpointed, but not all. That part is not synced: SQLite syncs at the end of a checkpoint.
pub(crate) fn is_partly_written_back(connection: &Connection) -> Result<bool, Fault> {
    let mut look = connection.prepare_cached("pragma wal_checkpoint(noop)")?;
    let is_partly = look.query_row([], |row| {
        let (log, written): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(0 < written && written < log)
    })?;
    Ok(is_partly)
}

/// Checkpoints as much as readers allow, and truncates the log if that was everything. Does not wait if the connection's busy
/// timeout is zero.
pub(crate) fn write_back_and_empty(connection: &Connection) -> Result<(), Fault> {
    if checkpoint(connection)? == 0 {
        is_emptied(connection)?;
    }
    Ok(())
}

/// Rewrites the whole database through the log (`vacuum`). The temporary copy is in memory if the database is small, or else in
/// a file.
pub(crate) fn compact(file: &Path, is_small: bool) -> Result<(), Fault> {
    let connection = connect(file, Use::Write)?;
    if !is_small {
        connection.pragma_update(None, "temp_store", "file")?;
    }
    connection.execute_batch("vacuum")?;
    Ok(())
}

/// Truncates the log if possible. Returns false if a reader or another checkpoint prevents it.
fn is_emptied(connection: &Connection) -> Result<bool, Fault> {
    let mut empty = connection.prepare_cached("pragma wal_checkpoint(truncate)")?;
    let is_busy: bool = empty.query_row([], |row| row.get(0))?;
    Ok(!is_busy)
}

fn pages_left(connection: &Connection, checkpoint: &str) -> Result<i64, Fault> {
    let mut checkpoint = connection.prepare_cached(checkpoint)?;
    let left = checkpoint.query_row([], |row| {
        let (log, written): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(log - written)
    })?;
    Ok(left)
}
