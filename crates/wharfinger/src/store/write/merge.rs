//! Merging recent changes into the tables, some in each transaction.

use super::txn::{Known, WriteTxn};
use super::writer::Writer;
use crate::store::api::StoreError;
use crate::store::engine::driver::{Access, Connection};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::index::open_orders;
use crate::store::journal::{end, rows};
use crate::store::stock::overlay::Kept;

/// Changes that a transaction merges, at least. Otherwise it merges as many as it adds: until all are merged, as many others have
/// come, which is the most that memory must hold. More would delay the answers of this transaction.
const KEYS_MIN: usize = 256;
/// Changes that a transaction merges that does nothing else.
const KEYS_TOGETHER: usize = 8_192;

/// Merges some changes, if there are so many that they are being merged: about as many as this transaction adds, so that the
/// work is spread evenly.
pub(super) fn some(txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
    let Some(recent) = txn.connection.recent() else {
        return Ok(());
    };
    if !recent.is_merging()? {
        return Ok(());
    }
    let keys_max = recent.changed().max(KEYS_MIN);
    merge(txn, keys_max)
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
        let mut txn = WriteTxn::new(&transaction, Known::default(), Kept::default())?;
        let left = merge(&mut txn)?;
        txn.finish()?;
        transaction.commit()?;
        Ok::<_, Fault>(left)
    };
    let mut left = alone(&begin)?;
    while let Some(last) = left {
        left = alone(&|txn| Ok(go_on(txn, last)?.then_some(last)))?;
    }
    Ok(())
}

/// Begins to merge everything. Returns the number of the last row of the log, if it has one.
fn begin(txn: &mut WriteTxn<'_>) -> Result<Option<i64>, Fault> {
    let Some(recent) = txn.connection.recent() else {
        return Ok(None);
    };
    let last = recent.merge_all()?;
    merge(txn, KEYS_TOGETHER)?;
    Ok(last)
}

/// Goes on merging. Returns whether there is more, up to a row of the log.
fn go_on(txn: &mut WriteTxn<'_>, last: i64) -> Result<bool, Fault> {
    merge(txn, KEYS_TOGETHER)?;
    match txn.connection.recent() {
        Some(recent) => Ok(recent.first()?.is_some_and(|first| first <= last)),
        None => Ok(false),
    }
}

/// Merges up to this many changes of earlier transactions.
fn merge(txn: &mut WriteTxn<'_>, keys_max: usize) -> Result<(), Fault> {
    let Some(recent) = txn.connection.recent() else {
        return Ok(());
    };
    let (mut blocks, mut counters, mut open) = (Vec::new(), Vec::new(), Vec::new());
    recent.merge(keys_max, |space, key, value| {
        match (space, value) {
            (Space::Index, value) => txn.index.merge(key, value)?,
            (Space::Open, value) => open.push((key.to_vec(), value.map(<[u8]>::to_vec))),
            (Space::Blocks, Some(value)) => blocks.push(value.to_vec()),
            (Space::Counters, Some(value)) => counters.push((key.to_vec(), value.to_vec())),
            (Space::Blocks | Space::Counters, None) => {
                return Err(Fault::Damaged("a recent change removes what stays".into()));
            }
        }
        Ok(())
    })?;
    rows::merge(txn.connection, &blocks)?;
    open_orders::merge(txn.connection, &open)?;
    end::merge(txn.connection, &counters)
}
