//! Where an organisation's journal begins after purges have deleted its oldest blocks.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;

/// The beginning of an organisation's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The number of the first block. Earlier blocks are not read.
    pub block: u32,
    /// The first position from which the feed has all its events.
    pub position: u64,
    /// The stamp of the last block before the first one. 0 if there is none.
    pub gone_stamp: i64,
}

/// Reads where the journal of an organisation begins.
pub(crate) fn start(connection: &Connection, organisation: OrganisationId) -> Result<Start, Fault> {
    let select = "select first_block, feed_start, gone_stamp from purges where organisation = ?1 and sound(purges.intact)";
    let mut select = connection.prepare_cached(select)?;
    let start = select.query_row([organisation.0], |row| {
        Ok(Start {
            block: row.get(0)?,
            position: row.get::<i64>(1)?.cast_unsigned(),
            gone_stamp: row.get(2)?,
        })
    });
    let start = start.optional()?;
    Ok(start.unwrap_or(Start {
        block: 1,
        position: 1,
        gone_stamp: 0,
    }))
}

/// Stores where the journal of an organisation begins. Has an effect only if the organisation has a row in `purges`.
pub(crate) fn set_start(
    connection: &Connection,
    organisation: OrganisationId,
    start: Start,
) -> Result<(), Fault> {
    let update = "update purges set first_block = ?2, feed_start = ?3, gone_stamp = ?4 \
                  where organisation = ?1 and sound(purges.intact)";
    connection.prepare_cached(update)?.execute((
        organisation.0,
        start.block,
        start.position.cast_signed(),
        start.gone_stamp,
    ))?;
    Ok(())
}

/// Records that everything older than `before_ms` is to be purged, in every organisation. An earlier recorded time is replaced;
/// a later one stays.
pub(crate) fn begin(connection: &Connection, before_ms: i64) -> Result<(), Fault> {
    let insert = "insert into purges (organisation, before_ms, first_block, feed_start, gone_stamp) \
                  select organisation, ?1, 1, 1, 0 from counters where true \
                  on conflict (organisation) do update set before_ms = excluded.before_ms \
                  where sound(purges.intact) and purges.before_ms < excluded.before_ms";
    connection.execute(insert, [before_ms])?;
    Ok(())
}

/// Organisations with a recorded purge, each with the time before which it purges.
pub(crate) fn all(connection: &Connection) -> Result<Vec<(OrganisationId, i64)>, Fault> {
    let select = "select organisation, before_ms from purges where sound(purges.intact) order by organisation";
    let mut select = connection.prepare_cached(select)?;
    let purges = select.query_map((), |row| Ok((OrganisationId(row.get(0)?), row.get(1)?)))?;
    Ok(purges)
}
