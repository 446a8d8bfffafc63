//! Opening a connection to SQLite.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::{checksums, driver};

/// How long a write waits for another process's.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 64;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Reads alone.
    Read,
    /// Reads and writes.
    Write,
}

/// Opens the database of a file.
pub(crate) fn connect(file: &Path, wanted: Use) -> Result<Connection, Fault> {
    let access = match wanted {
        Use::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Use::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    checksums::register(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan that may depend on what is bound is made anew for each value: that costs more than the query.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if wanted == Use::Write {
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // What is deleted or moved is written over: orders name people, and are to be gone from the file too.
        connection.pragma_update(None, "secure_delete", true)?;
        // The log is written back beside the writer.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // A statement of many rows notes how to undo itself; a file for that would cost more than the rows.
        connection.pragma_update(None, "temp_store", "memory")?;
        // Negative: in KiB. Enough for the inner pages of a large index; and each commit looks at all of it, if briefly.
        connection.pragma_update(None, "cache_size", -8_192)?;
    }
    Ok(connection)
}

/// Writes something, and changes nothing.
pub(crate) fn touch(connection: &driver::Connection) -> Result<(), Fault> {
    // SQLite writes no page that stays the same.
    let touch =
        "update settings set value = value + 1 where name = 'touched' and sound(settings.intact)";
    connection.execute(touch, ())?;
    Ok(())
}
