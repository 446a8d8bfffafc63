//! The log of a PostgreSQL database: reading what other servers have added, and adding.

use std::sync::Arc;

use tokio_postgres::types::ToSql;

use super::SharedRuns;
use super::followed::Followed;
use super::run::Run;
use super::runs::{ReadRow, Runs};
use crate::store::engine::driver::{self, Row, Session};
use crate::store::engine::fault::Fault;
use crate::store::format::varint::unpack;

/// The rows that were not read yet, unless rows were merged since. The first columns are always there.
const READ: &str = "select generation, cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint), \
    number, transaction_id, changes from merges left join recent_changes \
    on generation = ?1 and transaction_id >= ?2 and number <> all(?3::bigint[]) and sound(recent_changes.intact) \
    where sound(merges.intact) order by number";
const ADD: &str = "insert into recent_changes (number, changes) values (nextval('recent_numbers'), ?1) returning number, transaction_id";
const DELETE: &str = "delete from recent_changes where number = any(?1::bigint[])";
const MERGED: &str = "update merges set generation = generation + 1";

/// What was read of the log.
pub(super) struct Read {
    pub generation: i64,
    /// All transactions with lesser ids had ended.
    pub oldest: i64,
    /// The rows that were not known, in the order of their numbers. Empty if the log is of another generation than was known.
    pub rows: Vec<ReadRow>,
}

/// Adds to the runs what the log has. Publishes that for other connections.
pub(super) fn read_into(
    connection: &Session,
    runs: &mut Arc<Runs>,
    shared: (&SharedRuns, bool),
) -> Result<(), Fault> {
    catch_up(runs, shared, |known| read(connection, known))
}

/// Adds to the runs what `read` finds.
///
/// In a snapshot, `runs` must be from before it began, because they must not have what the snapshot does not show.
pub(super) fn catch_up(
    runs: &mut Arc<Runs>,
    (shared, is_snapshot): (&SharedRuns, bool),
    read: impl Fn(&Followed) -> Result<Read, Fault>,
) -> Result<(), Fault> {
    loop {
        let Read {
            generation,
            oldest,
            rows,
        } = read(&runs.followed)?;
        if generation != runs.followed.generation {
            // This or another process has merged rows into the tables.
            let published = shared.get();
            let is_useful = !is_snapshot && published.followed.generation == generation;
            *runs = if is_useful {
                published
            } else {
                Arc::new(Runs::of_generation(generation))
            };
            continue;
        }
        if !rows.is_empty() || !is_snapshot {
            Arc::make_mut(runs).take_in(&rows, oldest);
            shared.publish(runs, &rows);
        }
        return Ok(());
    }
}

fn read(connection: &Session, known: &Followed) -> Result<Read, Fault> {
    let values: [&(dyn ToSql + Sync); 3] =
        [&known.generation, &known.oldest(), &known.read_since()];
    let found = connection.prepare(READ)?.query_arrays(&values)?;
    let Some(first) = found.first().map(Row::Postgres) else {
        return Err(Fault::Damaged("the table merges is empty".into()));
    };
    let mut read = Read {
        generation: first.get(0)?,
        oldest: first.get(1)?,
        rows: Vec::new(),
    };
    for row in found.iter().map(Row::Postgres) {
        if let Some(number) = row.get::<Option<i64>>(2)? {
            let run = Run::of_row(number, unpack(row.blob(4)?)?)?;
            read.rows.push(((row.get(3)?, number), Arc::new(run)));
        }
    }
    Ok(read)
}

/// Adds a row. Returns its transaction and its number.
pub(super) fn add(connection: &Session, packed: &[u8]) -> driver::Result<(i64, i64)> {
    let rows = connection.prepare(ADD)?.query_arrays(&[&packed])?;
    let row = rows
        .first()
        .map(Row::Postgres)
        .ok_or(driver::Error::NoRows)?;
    Ok((row.get(1)?, row.get(0)?))
}

/// Deletes the rows that are merged, and notes that there were some.
pub(super) fn delete(connection: &Session, numbers: &[i64]) -> driver::Result<()> {
    connection.prepare(DELETE)?.execute_arrays(&[&numbers])?;
    connection.prepare(MERGED)?.execute_arrays(&[])?;
    Ok(())
}

#[cfg(test)]
mod tests;
