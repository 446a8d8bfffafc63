//! Epochs show whether a feed cursor belongs to the history that the store has.
//!
//! Each process begins an epoch with the first block that it writes. So does each new connection to a PostgreSQL server. A cursor
//! names the latest epoch that its reader saw, and stamps up to which the reader has read. A store that is restored to an earlier
//! moment continues in a new epoch, which knows the greatest stamp before it. A cursor from after that moment then names an unknown
//! epoch, or greater stamps than there were before the epoch that follows its own. This needs nothing outside the store, and no
//! action by the operator.

use super::{end, stamps};
use crate::store::api::Epoch;
use crate::store::engine::driver::{Connection, OptionalExtension, params};
use crate::store::engine::fault::Fault;

/// Begins an epoch and returns its number. The transaction must hold the write lock.
pub(crate) fn begin(connection: &Connection, now_ms: i64) -> Result<i64, Fault> {
    let after_stamp = end::latest_stamp(connection)?;
    // A server that was restored or replaced by other means than its own may have an older sequence.
    stamps::continue_after(connection, after_stamp)?;
    let insert = "insert into epochs (number, id, began_at_ms, after_stamp) \
                  select coalesce(max(number), 0) + 1, ?1, ?2, ?3 from epochs returning number";
    let mut id = [0; 8];
    getrandom::fill(&mut id).expect("the operating system gives random bytes");
    let id = i64::from_be_bytes(id);
    let mut insert = connection.prepare_cached(insert)?;
    Ok(insert.query_row(params![id, now_ms, after_stamp], |row| row.get(0))?)
}

/// The latest epoch of the store.
pub(crate) fn latest(connection: &Connection) -> Result<Epoch, Fault> {
    let select = "select id from epochs where sound(epochs.intact) order by number desc limit 1";
    Ok(connection.query_row(select, (), |row| row.get(0).map(Epoch))?)
}

/// What a store has of the history that a reader saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// All of it.
    All,
    /// Blocks up to this stamp. The store was restored to a moment before later ones.
    UpTo(i64),
    /// Nothing of which one can be sure.
    Unknown,
}

/// Compares the history of a reader, whose latest epoch was `epoch` and who may have read blocks up to `stamp`, with that of the
/// store. `seen` is a stamp that the store is known to have.
pub(crate) fn shared(
    connection: &Connection,
    (epoch, stamp): (Epoch, i64),
    seen: i64,
) -> Result<Shared, Fault> {
    let select = "select number from epochs where id = ?1 and sound(epochs.intact)";
    let number = connection.query_row(select, [epoch.0], |row| row.get::<i64>(0));
    let Some(number) = number.optional()? else {
        return Ok(Shared::Unknown);
    };
    let select = "select after_stamp from epochs where number > ?1 and sound(epochs.intact) order by number limit 1";
    let next = connection.query_row(select, [number], |row| row.get(0));
    let after = match next.optional()? {
        Some(after) => after,
        None if stamp <= seen => return Ok(Shared::All),
        None => end::latest_stamp(connection)?,
    };
    Ok(if stamp <= after {
        Shared::All
    } else {
        Shared::UpTo(after)
    })
}
