//! The schema, and the migration of older stores.

use rusqlite::TransactionBehavior;

use super::checksums;
use super::driver::{Access, Connection, Engine, OptionalExtension};
use super::fault::Fault;
use crate::store::api::SchemaVersions;

/// The migrations of a file, from empty to the current schema. `user_version` is the number of applied ones.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_first.sql"),
    include_str!("../../../migrations/sqlite/0002_destinations.sql"),
    include_str!("../../../migrations/sqlite/0003_mended_batches.sql"),
    include_str!("../../../migrations/sqlite/0004_test_keys.sql"),
    include_str!("../../../migrations/sqlite/0005_console_sessions.sql"),
    include_str!("../../../migrations/sqlite/0006_stats.sql"),
    include_str!("../../../migrations/sqlite/0007_rejections.sql"),
    include_str!("../../../migrations/sqlite/0008_held_orders.sql"),
];
/// The migrations on PostgreSQL. The table `schema_versions` lists the applied ones.
pub(crate) const MIGRATIONS_ON_SERVER: &[&str] = &[
    include_str!("../../../migrations/postgres/0001_first.sql"),
    include_str!("../../../migrations/postgres/0002_destinations.sql"),
    include_str!("../../../migrations/postgres/0003_mended_batches.sql"),
    include_str!("../../../migrations/postgres/0004_test_keys.sql"),
    include_str!("../../../migrations/postgres/0005_console_sessions.sql"),
    include_str!("../../../migrations/postgres/0006_stats.sql"),
    include_str!("../../../migrations/postgres/0007_rejections.sql"),
    include_str!("../../../migrations/postgres/0008_held_orders.sql"),
    include_str!("../../../migrations/postgres/0009_recent_changes.sql"),
];

/// Migrates a file to the current schema. Refuses a schema of a later version than this program knows.
pub(crate) fn migrate(connection: &mut rusqlite::Connection) -> Result<(), Fault> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    // Another process may migrate too. The version is reliable only under the write lock.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    for migration in missing(MIGRATIONS, found, "data directory")? {
        transaction.execute_batch(migration)?;
    }
    let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()?;
    Ok(())
}

/// The version of the current schema of an engine.
pub(crate) fn known(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => MIGRATIONS.len(),
        Engine::Postgres => MIGRATIONS_ON_SERVER.len(),
    }
}

/// Refuses a store that does not have the current schema.
pub(crate) fn require(connection: &Connection) -> Result<(), Fault> {
    let (found, known, what) = match connection {
        Connection::Sqlite(connection) => (version(connection)?, MIGRATIONS, "data directory"),
        Connection::Postgres(_) => (
            version_on_server(connection)?,
            MIGRATIONS_ON_SERVER,
            "database",
        ),
    };
    match missing(known, found, what)? {
        [] => Ok(()),
        [..] if found == 0 => Err(Fault::Refused(format!("there is no store in the {what}"))),
        [..] => Err(Fault::Refused(format!(
            "the {what} has schema version {found}, but this program needs {}; start a server on it first",
            known.len()
        ))),
    }
}

/// The version of a store, and the one that this program creates. The first is 0 if it is not a store.
pub(crate) fn versions(connection: &Connection) -> Result<SchemaVersions, Fault> {
    let (found, known) = match connection {
        Connection::Sqlite(connection) => (version(connection)?, MIGRATIONS),
        Connection::Postgres(_) => {
            let select = "select to_regclass('schema_versions') is not null";
            let is_store = connection.query_row(select, (), |row| row.get::<bool>(0))?;
            let found = if is_store {
                version_on_server(connection)?
            } else {
                0
            };
            (found, MIGRATIONS_ON_SERVER)
        }
    };
    Ok(SchemaVersions {
        found,
        known: known.len(),
    })
}

/// The number of migrations applied to a file. 0 if it is not a store.
pub(crate) fn version(connection: &rusqlite::Connection) -> Result<usize, Fault> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version)
        .map_err(|_| Fault::Refused("the data directory was not created by this program".into()))
}

/// Migrates a PostgreSQL database to the current schema. Refuses a schema of a later version than this program knows.
pub(crate) fn migrate_on_server(connection: &Connection) -> Result<(), Fault> {
    // Nobody waits for a lock if there is nothing to do.
    let select = "select to_regclass('schema_versions') is not null";
    let has_versions = connection.query_row(select, (), |row| row.get::<bool>(0))?;
    if has_versions && version_on_server(connection)? == MIGRATIONS_ON_SERVER.len() {
        return Ok(());
    }
    // Servers that start at the same time wait here for each other.
    let transaction = connection.begin(Access::WRITE)?;
    // A migration may take any time.
    transaction.execute_batch("set local statement_timeout = 0")?;
    transaction.execute_batch(
        "create table if not exists schema_versions (version bigint primary key, taken_at timestamptz not null default now())",
    )?;
    let found = version_on_server(&transaction)?;
    for (at, migration) in missing(MIGRATIONS_ON_SERVER, found, "database")?
        .iter()
        .enumerate()
    {
        transaction.execute_batch(migration)?;
        let version = i64::try_from(found + at + 1).unwrap_or(i64::MAX);
        let insert = "insert into schema_versions (version) values (?1)";
        transaction.execute(insert, [version])?;
    }
    transaction.commit()?;
    Ok(())
}

fn version_on_server(connection: &Connection) -> Result<usize, Fault> {
    let select = "select max(version) from schema_versions";
    let found: Option<Option<i64>> = connection
        .query_row(select, (), |row| row.get(0))
        .optional()?;
    Ok(usize::try_from(found.flatten().unwrap_or(0)).unwrap_or(usize::MAX))
}

/// The migrations that were not applied yet.
fn missing<'m>(known: &'m [&'m str], found: usize, what: &str) -> Result<&'m [&'m str], Fault> {
    known.get(found..).ok_or_else(|| {
        let known = known.len();
        Fault::Refused(format!(
            "the {what} has schema version {found}, but wharfinger {} knows only versions up to {known}; use a newer program",
            env!("CARGO_PKG_VERSION")
        ))
    })
}

/// The names of the tables and indexes of the current schema of a file, with the statements that create them.
pub(crate) fn of_today() -> Result<Vec<(String, String)>, Fault> {
    let connection = empty()?;
    let select = "select name, sql from sqlite_schema where sql is not null";
    let mut select = connection.prepare(select)?;
    let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An empty store in memory.
fn empty() -> Result<rusqlite::Connection, Fault> {
    let mut connection = rusqlite::Connection::open_in_memory()?;
    checksums::register(&connection)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// An empty store in memory, for tests.
#[cfg(test)]
pub(crate) fn in_memory() -> Connection {
    Connection::embedded(
        empty().expect("tables can be made in memory"),
        super::memtable::SharedRuns::default(),
    )
}
