//! Looks at a store for `wharfinger doctor` and `wharfinger support-bundle`, beside a running server or alone. Changes nothing: no
//! migration, no recovery.

mod content;
mod last_backup;
mod postgres;

use std::path::Path;

use self::last_backup::last_backup;
use super::check::store::{connect_read_only, damage_of_log};
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
        let (connection, engine) = match location {
            Location::Directory(directory) => {
                let file = database_file(directory)?;
                let connection = connect_read_only(&file)?;
                let facts = sqlite(directory, &file, &connection)?;
                let connection = Connection::embedded(connection, SharedRuns::default());
                (connection, EngineFacts::Sqlite(facts))
            }
            Location::Database(database) => {
                let connection = reach_any(database)?;
                let facts = EngineFacts::Postgres(Box::new(postgres::facts(&connection)?));
                (connection, facts)
            }
        };
        let schema = schema::versions(&connection)?;
        if schema.found == 0 {
            return Err(no_store());
        }
        let is_known = schema.found == schema.known;
        let last_backup_ms = match is_known {
            true => last_backup(&connection)?,
            false => None,
        };
        let read = || {
            copy::refuse_unfinished(&connection)?;
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
}

/// What SQLite tells of a file.
fn sqlite(
    directory: &Path,
    file: &Path,
    connection: &rusqlite::Connection,
) -> Result<SqliteFacts, Fault> {
    let number = |pragma: &str| -> Result<u64, Fault> {
        let value: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        Ok(value.cast_unsigned())
    };
    let journal_mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(SqliteFacts {
        version: rusqlite::version(),
        journal_mode,
        page_bytes: number("page_size")?,
        pages: number("page_count")?,
        free_pages: number("freelist_count")?,
        log_bytes: std::fs::metadata(frames::path(file)).map_or(0, |log| log.len()),
        damage: damage_of_log(file)?,
        is_held: files::is_held(directory),
    })
}
