//! The tables, and how a data directory of an earlier version is brought up to date.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Fault;

/// The steps from an empty file to today's tables; `user_version` counts those that were taken.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/0001_first.sql")];

/// Brings the tables up to date; refuses those of a later version than is known here.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    // Another process may be about it too: the version counts only under the write lock.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let Some(missing) = MIGRATIONS.get(found..) else {
        let known = MIGRATIONS.len();
        return Err(Fault::Refused(format!(
            "the data directory has schema {found}, and this program knows only up to {known}: use a newer program"
        )));
    };
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> Result<usize, Fault> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version)
        .map_err(|_| Fault::Refused("the data directory is not one of this program".into()))
}
