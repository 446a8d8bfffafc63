//! Opening a database: the file of a data directory, or a PostgreSQL database. Migrates the schema.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::connection::{Use, connect};
use super::driver::{Connection, Target};
use super::fault::Fault;
use super::files::{self, DATABASE, about};
use super::home::Home;
use super::location::{Database, Location};
use super::memtable::SharedRuns;
use super::wal::frames::{self, Damage};
use super::wal::recovery;
use super::{schema, server};
use crate::store::api::StoreError;

/// SQLite up to 3.51.2 can corrupt a database in WAL mode. This program requires 3.53.
const SQLITE_VERSION_MIN: i32 = 3_053_000;

/// The database file of a data directory.
///
/// # Errors
/// There is no store in the directory.
pub(crate) fn database_file(directory: &Path) -> Result<PathBuf, StoreError> {
    let file = directory.join(DATABASE);
    // The tables are created by the first commit. An empty file is therefore not a store.
    match std::fs::metadata(&file) {
        Ok(found) if found.is_file() && found.len() > 0 => Ok(file),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::Unavailable(format!(
            "{}: {error}",
            file.display()
        ))),
        Ok(_) | Err(_) => Err(no_store()),
    }
}

pub(crate) fn no_store() -> StoreError {
    StoreError::Refused(
        "there is no store; create one with `wharfinger serve` or `wharfinger org create CODE --init`".into(),
    )
}

/// Refuses a database with a damaged log, because SQLite would drop and overwrite what it cannot read. `accepted` is the number
/// of lost frames that the user accepts.
fn refuse_damaged_log(file: &Path, accepted: u64) -> Result<Option<Damage>, StoreError> {
    let damage = frames::damage(file).map_err(|error| frames::unreadable(file, &error))?;
    match damage {
        Some(damage) if damage.lost != accepted => Err(StoreError::Refused(damage.told())),
        damage => Ok(damage),
    }
}

/// Opens the database of a data directory and migrates its schema.
///
/// If the store was not closed cleanly, it is recovered, either by the process that holds the directory or if no process holds
/// it.
pub(crate) fn open_file(
    directory: &Path,
    (is_holder, lost_frames): (bool, u64),
    runs: SharedRuns,
) -> Result<(PathBuf, Connection), StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        let found = rusqlite::version();
        return Err(StoreError::Refused(format!(
            "this program was built with SQLite {found}, which can lose data; 3.53 or newer is needed"
        )));
    }
    files::refuse_half_restored(directory)?;
    files::make_directory(directory).map_err(|error| about(directory, &error))?;
    let file: PathBuf = directory.join(DATABASE);
    let damage = refuse_damaged_log(&file, lost_frames)?;
    files::create_database(&file).map_err(|error| about(&file, &error))?;
    let mut connection = connect(&file, Use::Write)?;
    if recovery::is_needed(&file) && (is_holder || !files::is_held(directory)) {
        recovery::recover(&file, &connection, is_holder)?;
    }
    if let Some(damage) = damage {
        tracing::warn!("{damage}. They are given up because of --accept-lost-frames.");
        // Removes the damaged log, so that it is not reported again.
        connection
            .execute_batch("pragma wal_checkpoint(truncate)")
            .map_err(Fault::from)?;
    }
    schema::migrate(&mut connection)?;
    files::make_private(&file).map_err(|error| about(&file, &error))?;
    // SQLite syncs the directory too, but ignores errors.
    files::sync_directory(directory).map_err(|error| about(directory, &error))?;
    Ok((file, Connection::embedded(connection, runs)))
}

/// Connects to a PostgreSQL database, and checks that the server keeps what it acknowledges.
pub(crate) fn reach(
    database: &Database,
    runs: SharedRuns,
) -> Result<(Home, Connection), StoreError> {
    let target = Target::of(database)
        .map_err(|why| Fault::Refused(format!("invalid database URL: {why}")))?;
    let home = Home::Server(Arc::new(target), runs);
    let connection = home.connect(Use::Write)?;
    server::check(&connection)?;
    Ok((home, connection))
}

/// Connects to a PostgreSQL database for reading, whatever its state: it may be a standby, and may not keep what it acknowledges.
///
/// # Errors
/// It cannot be reached.
pub(crate) fn reach_any(database: &Database) -> Result<Connection, StoreError> {
    let target = Target::of(database)
        .map_err(|why| Fault::Refused(format!("invalid database URL: {why}")))?;
    let session = target.for_reading().connect().map_err(Fault::from)?;
    Ok(Connection::on_server(session, SharedRuns::default()))
}

/// Opens the database of an existing store and migrates its schema.
///
/// # Errors
/// There is no store.
pub(crate) fn open_tables_of_store(location: &Location) -> Result<Connection, StoreError> {
    match location {
        Location::Directory(directory) => {
            database_file(directory)?;
            open_tables(location)
        }
        Location::Database(database) => {
            let connection = reach_store(database)?;
            schema::migrate_on_server(&connection)?;
            Ok(connection)
        }
    }
}

/// Connects to a PostgreSQL database that contains a store, of any schema version.
///
/// # Errors
/// There is no store.
pub(crate) fn reach_store(database: &Database) -> Result<Connection, StoreError> {
    let (_, connection) = reach(database, SharedRuns::default())?;
    let select = "select to_regclass('schema_versions') is not null";
    let is_there = connection.query_row(select, (), |row| row.get(0));
    if is_there.map_err(Fault::from)? {
        Ok(connection)
    } else {
        Err(no_store())
    }
}

/// Opens a database and migrates its schema, whatever it contains. This process must hold the data directory.
pub(crate) fn open_tables(location: &Location) -> Result<Connection, StoreError> {
    match location {
        Location::Directory(directory) => {
            let opened = open_file(directory, (true, 0), SharedRuns::default());
            Ok(opened?.1)
        }
        Location::Database(database) => {
            let (_, connection) = reach(database, SharedRuns::default())?;
            schema::migrate_on_server(&connection)?;
            Ok(connection)
        }
    }
}
