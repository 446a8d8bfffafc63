//! servers: several servers on one PostgreSQL database.

use anyhow::Result;

use crate::identities::Spread;
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::servers::Servers;
use crate::{LARGE_BATCH, first_dialect};

/// Connections that send to any number of servers.
const SPREAD_CONNECTIONS: usize = 8;

/// Sends the batches of p1 to one, two and four servers, each group on its own database. The orders are of one organisation. Those of
/// two further servers are of one organisation for each.
pub(crate) fn several_servers(
    schedule: &Schedule,
    database_server: Option<&str>,
) -> Result<Finding> {
    let batches = report::batches(first_dialect().id(), LARGE_BATCH, SPREAD_CONNECTIONS);
    let what = format!("{batches}, spread over servers on one PostgreSQL database");
    let mut one = Servers::start(1, database_server)?;
    let mut two = Servers::start(2, database_server)?;
    let mut four = Servers::start(4, database_server)?;
    let of_two = Spread {
        organisations: 2,
        ..Spread::default()
    };
    let mut apart = Servers::start_spread(2, database_server, of_two)?;
    let mut senders = [
        one.batches(SPREAD_CONNECTIONS)?,
        two.batches(SPREAD_CONNECTIONS)?,
        four.batches(SPREAD_CONNECTIONS)?,
        apart.batches_apart(SPREAD_CONNECTIONS)?,
    ];
    let rounds = schedule.take_turns(&what, |length| {
        let [to_one, to_two, to_four, to_apart] = &mut senders;
        Ok([
            one.measure(|| to_one.send_for(length))?,
            two.measure(|| to_two.send_for(length))?,
            four.measure(|| to_four.send_for(length))?,
            apart.measure(|| to_apart.send_for(length))?,
        ])
    })?;
    let names = [
        "1 server",
        "2 servers",
        "4 servers",
        "2 servers, each for its own organisation",
    ];
    let usages = [one.end()?, two.end()?, four.end()?, apart.end()?];
    let mut finding = Finding::new("servers", what);
    for ((name, rounds), usage) in names.into_iter().zip(&rounds).zip(usages) {
        finding = finding.side(name, Measurements::of(rounds, Some(usage)));
    }
    Ok(finding)
}
