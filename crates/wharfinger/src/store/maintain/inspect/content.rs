//! The content of a store, in counts that are cheap to read.

use std::collections::BTreeMap;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::State;

use crate::clock;
use crate::store::api::{Content, ContentCounts, OrderCount};
use crate::store::destinations::status;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::journal::end::read_all_counters;
use crate::store::journal::state_counts::StateCounts;

/// Organisations whose counters are read at once.
const AT_ONCE: usize = 1_024;

/// Reads the content.
pub(super) fn read(connection: &Connection) -> Result<Content, Fault> {
    let select = "select id, code, name from organisations order by id";
    let mut select = connection.prepare_cached(select)?;
    let rows = select.query_map((), |row| {
        Ok((OrganisationId(row.get(0)?), (row.get(1)?, row.get(2)?)))
    })?;
    let (ids, organisations): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let mut counts = ContentCounts {
        organisations: ids.len(),
        ..ContentCounts::default()
    };
    let select = "select count(*), count(case when revoked_at_ms is not null or expires_at_ms <= ?1 then 1 end) from keys";
    (counts.keys, counts.void_keys) = connection.query_row(select, [clock::now_ms()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let mut latest_ms = 0;
    let mut states = BTreeMap::<DialectId, StateCounts>::new();
    for ids in ids.chunks(AT_ONCE) {
        for (_, counters) in read_all_counters(connection, ids)? {
            counts.events += counters.position - 1;
            latest_ms = latest_ms.max(counters.last_ms);
            for (dialect, of) in counters.states.iter() {
                states.entry(*dialect).or_default().add(of);
            }
        }
    }
    counts.orders = by_dialect(connection, states)?;
    Ok(Content {
        counts,
        latest_ms,
        organisations,
        destinations: status::of_all(connection)?,
    })
}

/// The counts, with the names of the dialects.
fn by_dialect(
    connection: &Connection,
    states: BTreeMap<DialectId, StateCounts>,
) -> Result<Vec<OrderCount>, Fault> {
    let mut select = connection.prepare_cached("select id, name from dialects")?;
    let names = select.query_map((), |row| Ok((row.get::<DialectId>(0)?, row.get(1)?)))?;
    let names = BTreeMap::<DialectId, String>::from_iter(names);
    let mut counts = Vec::new();
    for (dialect, mut of) in states {
        let name = names.get(&dialect).cloned().unwrap_or_default();
        for state in State::ALL {
            let orders = *of.of(state);
            if orders != 0 {
                counts.push(OrderCount {
                    dialect: name.clone(),
                    state: state.name(),
                    orders,
                });
            }
        }
    }
    Ok(counts)
}
