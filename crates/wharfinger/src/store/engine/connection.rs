//! Opening a connection to SQLite.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::{checksums, driver};

/// The longest wait for another process's write.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most prepared statements that a connection caches.
const STATEMENTS_MAX: usize = 64;

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Reads only.
    Read,
    /// Reads and writes.
    Write,
}

/// Opens a database file.
pub(crate) fn connect(file: &Path, wanted: Use) -> Result<Connection, Fault> {
    let access = match wanted {
        Use::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Use::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    checksums::register(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Plans must not depend on bound values. SQLite would prepare such statements again for each value, which costs more than
    // the query.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if wanted == Use::Write {
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // Overwrites deleted content with zeros. Orders contain personal data, which must disappear from the file too.
        connection.pragma_update(None, "secure_delete", true)?;
        // Another thread checkpoints the log.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // SQLite keeps a statement journal for statements of many rows. A file for that would cost more than the rows.
        connection.pragma_update(None, "temp_store", "memory")?;
        // In KiB, because negative. Large enough for the inner pages of a large index. Each commit briefly looks at the whole
        // cache.
        connection.pragma_update(None, "cache_size", -8_192)?;
    }
    Ok(connection)
}

/// Writes something that nobody reads, without waiting for others that do the same.
pub(crate) fn touch(connection: &driver::Connection) -> Result<(), Fault> {
    // SQLite does not write pages that stay the same, so the value must change.
    let free = connection.lock_free_rows();
    let touch = format!(
        "update settings set value = value + 1 where name in \
         (select name from settings where name = 'touched' and sound(settings.intact) {free})"
    );
    if connection.execute(&touch, ())? == 0 && connection.postgres().is_some() {
        // Another transaction is writing this row. An entry of the log alone still has the commit wait for the disk.
        let log = "select 1 from pg_logical_emit_message(true, 'wharfinger', 'touched')";
        connection.prepare_cached(log)?.exists(())?;
    }
    Ok(())
}
