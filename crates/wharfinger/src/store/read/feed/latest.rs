//! Up to which stamp there is something to read.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal::end::{Counters, latest_stamp, latest_stamp_up_to, written_after};
use crate::store::journal::read::first_written_after;
use crate::store::journal::{rows, start};

/// Organisations that one search returns, at most.
pub(super) const SEARCHED_MAX: usize = 1_024;

/// The greatest stamp of any block of a few organisations, or of all.
///
/// On Citus it is one that is not above the horizon. There a node may show the transaction that begins an epoch, before the snapshot
/// of the coordinator has the epoch. The horizon is then less than its stamp, but perhaps greater than all stamps before it: a
/// crash leaves a gap. The epoch would take a cursor with a stamp within the gap for one from before a restoration.
pub(super) fn latest(
    connection: &Connection,
    horizon: i64,
    few: Option<&[(OrganisationId, Counters)]>,
) -> Result<i64, Fault> {
    if connection.citus().is_none() {
        let stamps = few.map(|few| few.iter().map(|(_, counters)| counters.stamp));
        return match stamps {
            Some(stamps) => Ok(stamps.max().unwrap_or_default()),
            None => latest_stamp(connection),
        };
    }
    let (mut latest, found) = match few {
        Some(few) => (0, few.to_vec()),
        None => {
            let above = written_after(connection, horizon, (OrganisationId(0), SEARCHED_MAX))?;
            (latest_stamp_up_to(connection, horizon)?, above.found)
        }
    };
    for (organisation, counters) in found {
        let stamp = match counters.stamp <= horizon {
            true => counters.stamp,
            false => last_up_to(connection, (organisation, counters.block), horizon)?,
        };
        latest = latest.max(stamp);
    }
    Ok(latest)
}

/// The stamp of an organisation's last block whose stamp is not greater than `bound`. 0 if there is none. `end` is the number behind
/// that of its last block.
fn last_up_to(
    connection: &Connection,
    (organisation, end): (OrganisationId, u32),
    bound: i64,
) -> Result<i64, Fault> {
    let first = start::start(connection, organisation)?.block;
    let behind = first_written_after(connection, organisation, (first..end, bound))?;
    if behind <= first {
        return Ok(0);
    }
    let begins = rows::begins(connection, BlockId::new(organisation, behind - 1))?;
    Ok(begins.map_or(0, |begins| begins.stamp))
}
