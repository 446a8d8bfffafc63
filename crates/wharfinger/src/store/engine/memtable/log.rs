//! The log of recent changes: a row for each commit, packed.
//!
//! Rows that are merged into the tables are deleted by later commits, each about as many bytes as it adds. SQLite overwrites what it
//! deletes with zeros; this way it gets the pages back in the same transaction, and writes them once. A row with the number 0 says
//! up to which number rows are merged, so that nobody takes one for recent.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::run::Run;
use super::runs::Runs;
use crate::store::engine::driver;
use crate::store::engine::fault::Fault;
use crate::store::format::varint::{read_signed, unpack, write_signed};

/// The row that says up to which number rows are merged.
const MERGED: i64 = 0;

/// The rows of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// Up to this number, rows are merged.
    pub merged: i64,
    /// The numbers of the first and the last of the other rows.
    pub numbers: Option<(i64, i64)>,
}

impl Log {
    /// Reads which rows there are.
    pub(super) fn read(connection: &Connection) -> Result<Self, Fault> {
        let select =
            "select changes from recent_changes where number = ?1 and sound(recent_changes.intact)";
        let mut select = connection.prepare_cached(select)?;
        let packed = select.query_row([MERGED], |row| row.get::<_, Vec<u8>>(0));
        let merged = match packed.optional()? {
            Some(packed) => read_signed(&mut packed.as_slice())?,
            None => MERGED,
        };
        let select = "select (select number from recent_changes where number > ?1 order by number limit 1), \
                      (select number from recent_changes where number > ?1 order by number desc limit 1)";
        let mut select = connection.prepare_cached(select)?;
        let numbers: (Option<i64>, Option<i64>) =
            select.query_row([merged], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            merged,
            numbers: numbers.0.zip(numbers.1),
        })
    }
}

/// Compares the runs with the rows of the log, and reads those that are missing.
pub(super) fn compare(
    connection: &Connection,
    runs: &mut Arc<Runs>,
    keys_max: usize,
) -> Result<(), Fault> {
    let (found, known) = (Log::read(connection)?, runs.log());
    if found == known {
        return Ok(());
    }
    let begins_alike = match (found.numbers, known.numbers) {
        (Some((first, last)), Some((known_first, known_last))) => {
            first == known_first && known_last < last
        }
        (Some(_) | None, None) => true,
        (None, Some(_)) => false,
    };
    let mut current = if found.merged == known.merged && begins_alike {
        Runs::clone(runs)
    } else {
        // Another process has merged rows into the tables.
        Runs::of_merged(found.merged)
    };
    read_into(connection, &mut current, keys_max)?;
    *runs = Arc::new(current);
    Ok(())
}

/// Adds the rows that the runs lack.
fn read_into(connection: &Connection, runs: &mut Runs, keys_max: usize) -> Result<(), Fault> {
    let log = runs.log();
    let mut after = log.numbers.map_or(log.merged, |(_, last)| last);
    let select = "select number, changes from recent_changes where number > ?1 and sound(recent_changes.intact) \
                  order by number limit 1";
    let mut select = connection.prepare_cached(select)?;
    loop {
        let next = select.query_row([after], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
        let Some((number, packed)) = next.optional()? else {
            return Ok(());
        };
        runs.push(Run::of_row(number, unpack(&packed)?)?, keys_max);
        after = number;
    }
}

/// Adds a row. Returns its number.
pub(super) fn add(connection: &Connection, packed: &[u8]) -> driver::Result<i64> {
    let insert = "insert into recent_changes (changes) values (?1)";
    Ok(connection.prepare_cached(insert)?.insert([packed])?)
}

/// Notes up to which number rows are merged.
pub(super) fn note_merged(connection: &Connection, merged: i64) -> Result<(), Fault> {
    let write = "insert into recent_changes (number, changes) values (?1, ?2) \
                 on conflict (number) do update set changes = excluded.changes";
    let mut packed = Vec::new();
    write_signed(&mut packed, merged);
    connection
        .prepare_cached(write)?
        .execute((MERGED, packed))?;
    Ok(())
}

/// Deletes merged rows, the first ones, until this many bytes of them are deleted.
pub(super) fn delete_some(
    connection: &Connection,
    merged: i64,
    bytes: usize,
) -> driver::Result<()> {
    let select = "select number, length(changes) from recent_changes where number > ?1 and number <= ?2 \
                  order by number limit 1";
    let mut select = connection.prepare_cached(select)?;
    let delete = "delete from recent_changes where number = ?1";
    let mut delete = connection.prepare_cached(delete)?;
    let mut left = bytes;
    while left > 0 {
        let next = select.query_row((MERGED, merged), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
        let Some((number, length)) = next.optional()? else {
            return Ok(());
        };
        delete.execute([number])?;
        left = left.saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
    }
    Ok(())
}

/// Deletes all merged rows, and the note about them.
pub(super) fn delete_all(connection: &Connection, merged: i64) -> Result<(), Fault> {
    let delete = "delete from recent_changes where number <= ?1";
    connection.prepare_cached(delete)?.execute([merged])?;
    Ok(())
}

/// Whether there are rows up to a number, merged or not.
pub(super) fn has_up_to(connection: &Connection, number: i64) -> Result<bool, Fault> {
    let select = "select 1 from recent_changes where number <= ?1";
    Ok(connection.prepare_cached(select)?.exists([number])?)
}
