//! The log of a PostgreSQL database: reading what other servers have added, and adding.

use std::sync::Arc;

use super::SharedRuns;
use super::run::Run;
use super::runs::Runs;
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

/// Adds to the runs what the log has. Publishes that for other connections.
///
/// In a snapshot, `runs` must be from before it began, because they must not have what the snapshot does not show.
pub(super) fn read_into(
    connection: &Session,
    runs: &mut Arc<Runs>,
    (shared, is_snapshot): (&SharedRuns, bool),
) -> Result<(), Fault> {
    let select = connection.prepare(READ)?;
    loop {
        let followed = &runs.followed;
        let (oldest, numbers) = (followed.oldest(), followed.read_since());
        let rows = select.query_arrays(&[&followed.generation, &oldest, &numbers])?;
        let Some(first) = rows.first().map(Row::Postgres) else {
            return Err(Fault::Damaged("the table merges is empty".into()));
        };
        let (generation, oldest): (i64, i64) = (first.get(0)?, first.get(1)?);
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
        let mut read = Vec::new();
        for row in rows.iter().map(Row::Postgres) {
            let Some(number) = row.get::<Option<i64>>(2)? else {
                continue;
            };
            let run = Run::of_row(number, unpack(row.blob(4)?)?)?;
            read.push(((row.get(3)?, number), Arc::new(run)));
        }
        if !read.is_empty() || !is_snapshot {
            Arc::make_mut(runs).take_in(&read, oldest);
            shared.publish(runs, &read);
        }
        return Ok(());
    }
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
