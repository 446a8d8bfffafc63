//! Writing the log back to the database file: as much as readers allow, or all of it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::engine::connection::{Use, connect};
use crate::store::engine::fault::Fault;

/// How long emptying the log may keep others from writing, how long it waits in between, and how long it tries.
const EMPTYING_HOLDS: Duration = Duration::from_millis(200);
const EMPTYING_PAUSE: Duration = Duration::from_millis(50);
const EMPTYING_WAITS: Duration = Duration::from_secs(10);

/// Writes back as much as can be without anybody waiting; how many pages are left.
pub(crate) fn checkpoint(connection: &Connection) -> Result<i64, Fault> {
    pages_left(connection, "pragma wal_checkpoint(passive)")
}

/// Writes all of it back, and waits for readers that still need the log.
pub(crate) fn checkpoint_all(connection: &Connection) -> Result<i64, Fault> {
    pages_left(connection, "pragma wal_checkpoint(restart)")
}

/// Writes all of the log back, also what other processes have written, and leaves it empty; whether that could be done. Readers
/// that still need it are waited for, but without keeping others from writing for more than a moment.
pub(crate) fn empty_log(file: &Path) -> Result<bool, Fault> {
    let connection = connect(file, Use::Write)?;
    connection.busy_timeout(EMPTYING_HOLDS)?;
    let until = Instant::now() + EMPTYING_WAITS;
    loop {
        // Only once all is written back are writers kept waiting, until nobody reads from the log.
        if checkpoint(&connection)? == 0 && is_emptied(&connection)? {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(EMPTYING_PAUSE);
    }
}

/// Whether some of the log was written back, and not all. What was is not synced then: that is done at the end.
pub(crate) fn is_partly_written_back(connection: &Connection) -> Result<bool, Fault> {
    let mut look = connection.prepare_cached("pragma wal_checkpoint(noop)")?;
    let is_partly = look.query_row([], |row| {
        let (log, written): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(0 < written && written < log)
    })?;
    Ok(is_partly)
}

/// Writes back as much of the log as readers let go of, and leaves it empty if they let go of all. Waits for nobody where the
/// connection does not wait.
pub(crate) fn write_back_and_empty(connection: &Connection) -> Result<(), Fault> {
    if checkpoint(connection)? == 0 {
        is_emptied(connection)?;
    }
    Ok(())
}

/// Writes the database anew, by way of the log. A copy is made meanwhile: in memory where the database is small.
pub(crate) fn compact(file: &Path, is_small: bool) -> Result<(), Fault> {
    let connection = connect(file, Use::Write)?;
    if !is_small {
        connection.pragma_update(None, "temp_store", "file")?;
    }
    connection.execute_batch("vacuum")?;
    Ok(())
}

/// Whether the log is empty now; another one who writes it back is in the way, as a reader may be.
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
