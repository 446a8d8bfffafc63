//! The end of an organisation's journal: the counters of what comes next.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;

/// How far an organisation's journal extends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalEnd {
    /// The number of the next block.
    pub block: u32,
    /// The position of the next event.
    pub position: u64,
}

impl JournalEnd {
    /// The end of an empty journal.
    pub(crate) const START: Self = Self {
        block: 1,
        position: 1,
    };
}

/// The counters of an organisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    /// The number of its next block.
    pub block: u32,
    /// The position of its next event.
    pub position: u64,
    /// The next order number to assign.
    pub number: u64,
    /// When the latest block was written.
    pub last_ms: i64,
    /// The latest time of any block.
    pub latest_ms: i64,
    /// The number of the last block whose time is earlier than that of a block before it. 0 if there is none.
    pub back_block: u32,
    /// The epoch of the latest block.
    pub epoch: i64,
}

impl Counters {
    /// How far the journal extends.
    pub(crate) fn end(&self) -> JournalEnd {
        JournalEnd {
            block: self.block,
            position: self.position,
        }
    }
}

/// Reads the counters of an organisation. Returns the initial counters if none are stored.
pub(crate) fn read_counters(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Counters, Fault> {
    let select = "select next_block, next_position, next_number, last_ms, latest_ms, back_block, epoch from counters \
                  where organisation = ?1 and sound(counters.intact)";
    let found = connection
        .prepare_cached(select)?
        .query_row([organisation.0], |row| {
            Ok(Counters {
                block: row.get(0)?,
                position: row.get::<i64>(1)?.cast_unsigned(),
                number: row.get::<i64>(2)?.cast_unsigned(),
                last_ms: row.get(3)?,
                latest_ms: row.get(4)?,
                back_block: row.get(5)?,
                epoch: row.get(6)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or(Counters {
        block: 1,
        position: 1,
        number: 1,
        last_ms: 0,
        latest_ms: 0,
        back_block: 0,
        epoch: 0,
    }))
}
