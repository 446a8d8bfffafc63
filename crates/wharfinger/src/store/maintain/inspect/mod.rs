//! Looks at a store for `wharfinger doctor` and `wharfinger support-bundle`, beside a running server or alone. Changes nothing: no
//! migration, no recovery.

mod content;
mod postgres;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::backup::record;
use super::check::store::{connect_at_rest, connect_read_only, damage_of_log};
use crate::store::Store;
use crate::store::api::{EngineFacts, Inspection, SqliteFacts, StoreError};
use crate::store::engine::driver::{Access, Connection};
use crate::store::engine::fault::Fault;
use crate::store::engine::location::Location;
use crate::store::engine::memtable::SharedRuns;
use crate::store::engine::open::{database_file, no_store, reach_any};
use crate::store::engine::wal::frames;
use crate::store::engine::{files, schema};
use crate::store::maintain::copy;

impl Store {
    /// Looks at the store of a location, also at one that this program cannot open.
    ///
    /// # Errors
    /// There is no store, or its database cannot be reached.
    pub fn inspect(location: &Location) -> Result<Inspection, StoreError> {
        match location {
            Location::Directory(directory) => {
                let file = database_file(directory)?;
                if is_at_rest(&file) {
                    let found = of_file(directory, &file, connect_at_rest);
                    // Unless a server has begun to write meanwhile, what was read is right.
                    if is_at_rest(&file) {
                        return found;
                    }
                }
                of_file(directory, &file, connect_read_only)
            }
            Location::Database(database) => {
                let connection = reach_any(database)?;
                let facts = postgres::facts(&connection)?;
                look(&connection, EngineFacts::Postgres(Box::new(facts)))
            }
        }
    }
}

/// Whether no process has a database open, and its log is empty.
fn is_at_rest(file: &Path) -> bool {
    let has_log = std::fs::metadata(frames::path(file)).is_ok_and(|log| log.len() > 0);
    !has_log && !file.with_extension("db-shm").exists()
}

/// Looks at a file. What is read from it directly is read before it is opened: when a process closes any handle of a file, it loses
/// all locks that SQLite has on that file.
fn of_file(
    directory: &Path,
    file: &Path,
    open: impl FnOnce(&Path) -> Result<rusqlite::Connection, Fault>,
) -> Result<Inspection, StoreError> {
    let journal_mode = journal_mode(file).map_err(|error| files::about(file, &error))?;
    let damage = damage_of_log(file)?;
    let connection = open(file)?;
    let number = |pragma: &str| -> Result<u64, Fault> {
        let value: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        Ok(value.cast_unsigned())
    };
    let facts = SqliteFacts {
        version: rusqlite::version(),
        journal_mode,
        page_bytes: number("page_size")?,
        pages: number("page_count")?,
        free_pages: number("freelist_count")?,
        log_bytes: std::fs::metadata(frames::path(file)).map_or(0, |log| log.len()),
        damage,
        is_held: files::is_held(directory),
    };
    let connection = Connection::embedded(connection, SharedRuns::default());
    look(&connection, EngineFacts::Sqlite(facts))
}

/// Looks at what is in the tables.
fn look(connection: &Connection, engine: EngineFacts) -> Result<Inspection, StoreError> {
    let schema = schema::versions(connection)?;
    if schema.found == 0 {
        return Err(no_store());
    }
    let is_known = schema.found == schema.known;
    let last_backup_ms = match is_known {
        true => record::read(connection)?,
        false => None,
    };
    let read = || {
        copy::refuse_unfinished(connection)?;
        let transaction = connection.begin(Access::Read)?;
        content::read(&transaction)
    };
    let readable = |read: Result<_, Fault>| read.map_err(|fault| fault.to_string());
    Ok(Inspection {
        schema,
        engine,
        last_backup_ms,
        content: is_known.then(|| readable(read())),
    })
}

/// The bytes of a database file that say how it keeps its journal, and what they are with a write-ahead log.
/// <https://www.sqlite.org/fileformat2.html#the_database_header>
const VERSIONS: std::ops::Range<usize> = 18..20;
const WITH_LOG: [u8; 2] = [2, 2];

/// How a file keeps its journal. SQLite itself tells it only of a file that is open for others too.
fn journal_mode(file: &Path) -> std::io::Result<&'static str> {
    let mut header = [0; VERSIONS.end];
    File::open(file)?.read_exact(&mut header)?;
    Ok(match header[VERSIONS] == WITH_LOG {
        true => "wal",
        false => "delete",
    })
}
