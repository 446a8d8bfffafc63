//! Epochs show whether a feed cursor belongs to the history that the store has.
//!
//! Each process begins an epoch with the first block that it writes. So does each new connection to a PostgreSQL server. A cursor
//! names the latest epoch that its reader saw. A store that is restored to an earlier moment continues in a new epoch. A cursor from
//! after that moment then names an unknown epoch, or a position whose block has a later epoch than the cursor. This needs nothing
//! outside the store, and no action by the operator.

use wharfinger_core::order::ids::OrganisationId;

use super::end::Counters;
use super::read::{Order, blocks_up_to};
use super::rows;
use super::start::Start;
use crate::store::api::Epoch;
use crate::store::engine::driver::{Connection, OptionalExtension, params};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;

/// Begins an epoch and returns its number. The transaction must hold the write lock.
pub(crate) fn begin(connection: &Connection, now_ms: i64) -> Result<i64, Fault> {
    let insert = "insert into epochs (number, id, began_at_ms) \
                  select coalesce(max(number), 0) + 1, ?1, ?2 from epochs returning number";
    let mut id = [0; 8];
    getrandom::fill(&mut id).expect("the operating system gives random bytes");
    let id = i64::from_be_bytes(id);
    let mut insert = connection.prepare_cached(insert)?;
    Ok(insert.query_row(params![id, now_ms], |row| row.get(0))?)
}

/// The epoch of a cursor, compared with the epochs of the store.
pub(crate) struct Epochs {
    /// The latest epoch of the store.
    pub latest: Epoch,
    cursor: OfCursor,
}

/// How the epoch of a cursor relates to the epochs of the store.
#[derive(Clone, Copy)]
enum OfCursor {
    /// The reader has no cursor. Its positions are trusted.
    Trusted,
    /// The latest epoch: nothing was written in another one since.
    Latest,
    /// An earlier epoch, with this number.
    Earlier(i64),
    /// An epoch that is not in the store.
    Unknown,
}

impl Epochs {
    /// Looks up the epoch of a cursor. Without a cursor, the reader's positions are trusted.
    pub(crate) fn read(connection: &Connection, cursor: Option<Epoch>) -> Result<Self, Fault> {
        let select =
            "select id from epochs where sound(epochs.intact) order by number desc limit 1";
        let latest = connection.query_row(select, (), |row| row.get(0).map(Epoch))?;
        let cursor = match cursor {
            None => OfCursor::Trusted,
            Some(epoch) if epoch == latest => OfCursor::Latest,
            Some(epoch) => {
                let select = "select number from epochs where id = ?1 and sound(epochs.intact)";
                let number = connection.query_row(select, [epoch.0], |row| row.get(0));
                number
                    .optional()?
                    .map_or(OfCursor::Unknown, OfCursor::Earlier)
            }
        };
        Ok(Self { latest, cursor })
    }

    /// Whether the events of an organisation that a cursor has read, up to `position`, are those of the store. Also false if a
    /// purge has deleted the blocks needed to decide.
    pub(crate) fn has_read(
        &self,
        connection: &Connection,
        (organisation, position): (OrganisationId, u64),
        (counters, start): (&Counters, &Start),
    ) -> Result<bool, Fault> {
        if position == 0 {
            return Ok(true);
        }
        let is_there = position < counters.position;
        let number = match self.cursor {
            OfCursor::Trusted => return Ok(true),
            OfCursor::Latest | OfCursor::Earlier(_) if !is_there => return Ok(false),
            OfCursor::Latest => return Ok(true),
            OfCursor::Unknown => return Ok(false),
            OfCursor::Earlier(number) => number,
        };
        if counters.epoch <= number {
            return Ok(true);
        }
        let bound = i64::try_from(position).unwrap_or(i64::MAX);
        let block = blocks_up_to(connection, organisation, Order::Position, bound)?;
        if block < start.block {
            return Ok(false);
        }
        let id = BlockId::new(organisation, block);
        let head = rows::head(connection, id)?.ok_or_else(|| rows::missing(id))?;
        Ok(head.written.epoch <= number)
    }
}
