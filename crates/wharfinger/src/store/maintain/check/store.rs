//! Checking a store: beside a running server, or alone and read-only. A snapshot on a read-only file system can be checked too.

use std::path::Path;

use rusqlite::{ErrorCode, OpenFlags};

use super::check;
use crate::store::Store;
use crate::store::api::{CheckReport, StoreError};
use crate::store::engine::connection::{Use, connect};
use crate::store::engine::driver::{Access, Connection};
use crate::store::engine::fault::Fault;
use crate::store::engine::home::Home;
use crate::store::engine::location::Location;
use crate::store::engine::memtable::SharedRuns;
use crate::store::engine::open::{database_file, reach_store};
use crate::store::engine::wal::frames;
use crate::store::engine::{checksums, schema};
use crate::store::maintain::copy;

impl Store {
    /// Checks the store of a location. Nothing is written to it.
    ///
    /// # Errors
    /// There is no store, or it cannot be read.
    pub fn check_at(location: &Location) -> Result<CheckReport, StoreError> {
        let (connection, damage) = match location {
            Location::Directory(directory) => {
                let file = database_file(directory)?;
                let damage = damage_of_log(&file)?;
                (
                    Connection::embedded(connect_read_only(&file)?, SharedRuns::default()),
                    damage,
                )
            }
            Location::Database(database) => (reach_store(database)?, None),
        };
        Ok(checked(&connection, damage)?)
    }

    /// Verifies the whole store. Each fault is one sentence. No faults mean that the store is intact.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        let file = match &self.home {
            Home::File(file, _) => Some(file.clone()),
            Home::Server(..) => None,
        };
        let read = move |connection: &Connection| {
            let damage = file.as_deref().map(damage_of_log).transpose()?.flatten();
            Ok(with_damage(check(connection)?, damage))
        };
        self.readers.read(read).await
    }
}

fn checked(connection: &Connection, damage: Option<String>) -> Result<CheckReport, Fault> {
    schema::require(connection)?;
    copy::refuse_unfinished(connection)?;
    let report = check(&*connection.begin(Access::Read)?)?;
    Ok(with_damage(report, damage))
}

fn with_damage(mut report: CheckReport, damage: Option<String>) -> CheckReport {
    report.faults.splice(..0, damage);
    report
}

/// The damage to the log of a database file, and how to repair it.
pub(in super::super) fn damage_of_log(file: &Path) -> Result<Option<String>, Fault> {
    let damage = frames::damage(file).map_err(|error| frames::unreadable(file, &error))?;
    Ok(damage.map(|damage| damage.told()))
}

/// Opens a database file for reading.
///
/// SQLite shares an index of the log with other processes, in a file beside the database. If it may not create that file, and
/// the file does not exist, no process has the database open.
pub(in super::super) fn connect_read_only(file: &Path) -> Result<rusqlite::Connection, Fault> {
    let connection = connect(file, Use::Read)?;
    let cannot_share = match schema::version(&connection) {
        Ok(_) => return Ok(connection),
        Err(Fault::Sql(error))
            if error.is_sqlite(&[ErrorCode::CannotOpen, ErrorCode::ReadOnly]) =>
        {
            error
        }
        Err(fault) => return Err(fault),
    };
    if file.with_extension("db-shm").exists() {
        return Err(cannot_share.into());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let has_log = std::fs::metadata(frames::path(file)).is_ok_and(|log| log.len() > 0);
    if has_log {
        // The index of the log is kept in memory, and no locks are taken.
        let connection = rusqlite::Connection::open_with_flags_and_vfs(file, flags, c"unix-none")?;
        checksums::register(&connection)?;
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        return Ok(connection);
    }
    connect_at_rest(file)
}

/// Opens a database file that nobody else has open, and whose log is empty. Makes no files beside it.
pub(in super::super) fn connect_at_rest(file: &Path) -> Result<rusqlite::Connection, Fault> {
    let escaped = [("%", "%25"), ("?", "%3f"), ("#", "%23")];
    let path = file.to_string_lossy().into_owned();
    let path = escaped
        .iter()
        .fold(path, |path, (from, to)| path.replace(from, to));
    let uri = format!("file:{path}?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = rusqlite::Connection::open_with_flags(uri, flags)?;
    checksums::register(&connection)?;
    Ok(connection)
}
