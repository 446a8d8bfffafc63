//! Merging recent changes into the tables, some in each transaction.

use super::txn::{Known, WriteTxn};
use super::writer::Writer;
use crate::store::api::StoreError;
use crate::store::engine::driver::{Access, Connection, Transaction};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::{Space, Value};
use crate::store::index::open_orders;
use crate::store::journal::{end, rows};
use crate::store::stock::overlay::Kept;

/// Changes that a transaction merges, at least.
const KEYS_MIN: usize = 256;
/// A transaction that adds more changes merges fewer than it adds: it holds the writer for long enough by itself.
const LARGE_KEYS: usize = 4_096;
/// Changes that such a transaction merges, and that others merge of what it owes. They take some milliseconds.
const SLICE_KEYS: usize = 1_024;
/// Changes that a transaction merges that does nothing else, when others wait for the end of all of it.
const KEYS_TOGETHER: usize = 8_192;
/// Changes that are merged at a time in a transaction that merges everything.
const PART_KEYS: usize = 4_096;
/// Changes that transactions may owe, at most. With more, the writer merges before it does anything else.
pub(super) const OWED_MAX: usize = 32_768;

/// Merges some changes, if there are so many that they are being merged. Returns how many changes transactions then owe.
///
/// Each transaction owes as many changes as it adds: until all are merged, as many others have come, which is the most that memory
/// must hold. A large transaction leaves most of that to later ones, so that small jobs do not wait for it. A transaction without
/// jobs merges only what is owed.
pub(super) fn some(txn: &mut WriteTxn<'_>) -> Result<usize, Fault> {
    let owed = txn.owed();
    let recent = txn.connection.recent();
    // On PostgreSQL they are merged beside the writer.
    let Some(recent) = recent.filter(|recent| !recent.is_on_server()) else {
        return Ok(0);
    };
    let changed = recent.changed();
    let own = match changed {
        0 => 0,
        _ => changed.max(KEYS_MIN),
    };
    let keys_max = match changed {
        0..=LARGE_KEYS => own + owed.min(SLICE_KEYS),
        _ => SLICE_KEYS,
    };
    let owed = own + owed;
    if keys_max == 0 {
        return Ok(0);
    }
    if recent.is_merging()? && merge(txn, keys_max)? {
        Ok(owed - keys_max)
    } else {
        Ok(0)
    }
}

/// Merges everything that was changed before. For work that reads or rewrites the tables themselves.
pub(crate) async fn all(writer: &Writer) -> Result<(), StoreError> {
    let Some(last) = writer.ask(1, begin).await? else {
        return Ok(());
    };
    while writer.ask(1, move |txn| go_on(txn, last)).await? {}
    Ok(())
}

/// As [`all`], on a connection that no writer uses.
pub(crate) fn all_alone(connection: &Connection) -> Result<(), Fault> {
    let alone = |merge: &dyn Fn(&mut WriteTxn<'_>) -> Result<Option<i64>, Fault>| {
        let transaction = connection.begin(Access::WRITE)?;
        wait_alone(&transaction)?;
        commit_alone(transaction, merge)
    };
    let mut left = alone(&begin)?;
    while let Some(last) = left {
        left = alone(&|txn| Ok(go_on(txn, last)?.then_some(last)))?;
    }
    Ok(())
}

/// Merges in a transaction that does nothing else, and commits it.
pub(super) fn commit_alone<T>(
    transaction: Transaction<'_>,
    merge: impl FnOnce(&mut WriteTxn<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut txn = WriteTxn::new(&transaction, Known::default(), Kept::default())?;
    let merged = merge(&mut txn)?;
    txn.finish()?;
    transaction.commit()?;
    Ok(merged)
}

/// Whoever merges recent changes on PostgreSQL, or rewrites what they are merged into, holds this lock. The number is "merge" in ASCII.
const MERGING: &str = "x'6d65726765'::bigint";

/// Waits on PostgreSQL until nobody is merging, and keeps others from it until the end of the transaction.
pub(super) fn wait_alone(connection: &Connection) -> Result<(), Fault> {
    if let Some(session) = connection.postgres() {
        let lock = format!("select pg_advisory_xact_lock({MERGING})");
        session.prepare(&lock)?.query_arrays(&[])?;
    }
    Ok(())
}

/// As [`wait_alone`], but does not wait. Returns whether nobody is merging.
pub(super) fn try_alone(connection: &Connection) -> Result<bool, Fault> {
    let lock = format!("select pg_try_advisory_xact_lock({MERGING})");
    Ok(connection.query_row(&lock, (), |row| row.get(0))?)
}

/// Merges all recent changes of a store on PostgreSQL. Nobody else may be merging: see [`wait_alone`].
pub(super) fn everything(txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
    if let Some(recent) = txn.connection.recent() {
        recent.merge_all()?;
        // In parts, so that they take little memory.
        while merge(txn, PART_KEYS)? {
            txn.index.write_and_forget()?;
        }
    }
    Ok(())
}

/// Begins to merge everything. Returns the number of the last row of the log, if it has one that is not merged.
fn begin(txn: &mut WriteTxn<'_>) -> Result<Option<i64>, Fault> {
    let Some(recent) = txn.connection.recent() else {
        return Ok(None);
    };
    if recent.is_on_server() {
        return everything(txn).map(|()| None);
    }
    let last = recent.merge_all()?;
    go_on(txn, last.unwrap_or_default())?;
    Ok(last)
}

/// Goes on merging, and deletes what is merged from the log. Returns whether there is more, up to a row of the log.
fn go_on(txn: &mut WriteTxn<'_>, last: i64) -> Result<bool, Fault> {
    let Some(recent) = txn.connection.recent() else {
        return Ok(false);
    };
    if !recent.is_merging()? {
        recent.merge_all()?;
    }
    if !merge(txn, KEYS_TOGETHER)? {
        recent.delete_merged()?;
    }
    recent.has_up_to(last)
}

/// Merges up to this many changes of earlier transactions. Returns whether more are to be merged.
fn merge(txn: &mut WriteTxn<'_>, keys_max: usize) -> Result<bool, Fault> {
    let Some(recent) = txn.connection.recent() else {
        return Ok(false);
    };
    recent.merge(keys_max, |changes| {
        let of = |space: Space| {
            let of_space = changes.iter().filter(move |(of, ..)| *of == space);
            of_space.map(|(_, key, value)| (*key, *value))
        };
        txn.index
            .merge_together(&Vec::from_iter(of(Space::Index)))?;
        let blocks = of(Space::Blocks).map(|of| stays(of).map(|(_, value)| value));
        rows::merge(txn.connection, &blocks.collect::<Result<Vec<_>, _>>()?)?;
        open_orders::merge(txn.connection, of(Space::Open))?;
        let counters = of(Space::Counters).map(stays);
        end::merge(txn.connection, &counters.collect::<Result<Vec<_>, _>>()?)
    })
}

/// A change of what is never removed.
fn stays<'r>((key, value): (&'r [u8], Value<'r>)) -> Result<(&'r [u8], &'r [u8]), Fault> {
    let value = value.ok_or_else(|| Fault::Damaged("a recent change removes what stays".into()))?;
    Ok((key, value))
}
