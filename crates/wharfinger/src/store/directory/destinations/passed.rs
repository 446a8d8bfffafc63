//! Up to which position a cursor has passed the events of an organisation.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::api::FeedCursor;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal;
use crate::store::journal::end::Counters;
use crate::store::journal::read::first_written_after;
use crate::store::journal::rows;

/// The position of the last event of an organisation that a reader with this cursor has read; 0 if there is none. `None` is the
/// cursor of who has read nothing.
pub(crate) fn passed_position(
    connection: &Connection,
    cursor: Option<&FeedCursor>,
    (organisation, counters): (OrganisationId, &Counters),
) -> Result<u64, Fault> {
    let Some(cursor) = cursor else { return Ok(0) };
    let mut unfinished = cursor.lagging.iter();
    if let Some((_, position)) = unfinished.find(|(of, _)| *of == organisation) {
        return Ok(*position);
    }
    let stamp = cursor.passed_stamp(organisation);
    let end = counters.position - 1;
    if counters.stamp <= stamp {
        return Ok(end);
    }
    let start = journal::start::start(connection, organisation)?;
    let blocks = start.block..counters.block;
    let first = first_written_after(connection, organisation, (blocks, stamp))?;
    let begins = rows::begins(connection, BlockId::new(organisation, first))?;
    Ok(begins.map_or(end, |begins| begins.first_position - 1))
}
