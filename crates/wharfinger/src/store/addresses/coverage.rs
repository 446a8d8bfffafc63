//! How far runs cover a journal, and whether the builder has caught up.

use wharfinger_core::order::ids::OrganisationId;

use super::merge::neighbours;
use super::schedule::is_due;
use super::{EmailRuns, covered, whole_runs};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal::end::{JournalEnd, read_counters};
use crate::store::journal::rows;

/// The end of an organisation's journal.
pub(super) fn journal_end(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<JournalEnd, Fault> {
    Ok(read_counters(connection, organisation)?.end())
}

/// The end of the journal before a block. If the block does not exist, the position is that of the journal's end.
pub(super) fn end_before(
    connection: &Connection,
    organisation: OrganisationId,
    block: u32,
) -> Result<JournalEnd, Fault> {
    let position = match rows::begins(connection, BlockId::new(organisation, block))? {
        Some(begins) => begins.first_position,
        // All blocks are covered, or the block was purged.
        None => read_counters(connection, organisation)?.position,
    };
    Ok(JournalEnd { block, position })
}

/// Whether the builder has nothing to build, merge or delete.
pub(crate) fn is_built(
    connection: &Connection,
    organisation: OrganisationId,
    options: &EmailRuns,
) -> Result<bool, Fault> {
    let select = "select exists (select 1 from email_runs where not is_whole)";
    if connection.query_row(select, (), |row| row.get(0))? {
        return Ok(false);
    }
    let runs = whole_runs(connection, organisation)?;
    let covered = end_before(connection, organisation, covered(&runs) + 1)?;
    let end = journal_end(connection, organisation)?;
    Ok(!is_due(end, covered, options) && neighbours(&runs, options.fan_in).is_empty())
}
