//! p8 and servers: PostgreSQL as the store.

use anyhow::Result;

use crate::bare::Bare;
use crate::body::Envelope;
use crate::database::Database;
use crate::measurements::{Measurements, Usage};
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::servers::Servers;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, LARGE_BATCH, first_dialect};

/// Connections that send to any number of servers.
const SPREAD_CONNECTIONS: usize = 8;

/// Sends the batches of p1 to one server, and compares with the bare program that inserts as many orders on one connection.
/// Each has its own database, and its own cluster if no server is named.
pub(crate) fn on_database(schedule: &Schedule, database_server: Option<&str>) -> Result<Finding> {
    let dialect = first_dialect();
    let mut ours = Servers::start(1, database_server)?;
    let mut sender = ours.batches(BATCH_CONNECTIONS)?;
    let sample = dialect.samples(&ours.target.sample_key()).batch;
    let mut database = Database::create(database_server)?;
    let envelope = Envelope::of_batch(&sample);
    let mut bare = Bare::start_on(database.url(), dialect, LARGE_BATCH, envelope)?;
    let bare_process = [bare.process_id()];
    let batches = report::batches(dialect.id(), LARGE_BATCH, BATCH_CONNECTIONS);
    let what = format!("{batches}, PostgreSQL");
    let [our_rounds, bare_rounds] = schedule.take_turns(&what, |length| {
        let round = ours.measure(|| sender.send_for(length))?;
        let beside = database.measure(&bare_process, || bare.tell(round.orders))?;
        Ok([round, beside])
    })?;
    let ours = Measurements::of(&our_rounds, Some(ours.end()?));
    let usage = Usage {
        disk_bytes: Some(database.grown_bytes()?),
        ..bare.end()?
    };
    let bare = Measurements::of(&bare_rounds, Some(usage));
    let verdict = Verdict::cpu("p8", &ours, &bare, 1.3, 0.8);
    Ok(Finding::new("p8", what)
        .side("wharfinger", ours)
        .side("bare program", bare)
        .verdicts(verdict))
}

/// Sends the batches of p1 to one, two and four servers, each group on its own database.
pub(crate) fn several_servers(
    schedule: &Schedule,
    database_server: Option<&str>,
) -> Result<Finding> {
    let batches = report::batches(first_dialect().id(), LARGE_BATCH, SPREAD_CONNECTIONS);
    let what = format!("{batches}, spread over servers on one PostgreSQL database");
    let mut one = Servers::start(1, database_server)?;
    let mut two = Servers::start(2, database_server)?;
    let mut four = Servers::start(4, database_server)?;
    let mut senders = [
        one.batches(SPREAD_CONNECTIONS)?,
        two.batches(SPREAD_CONNECTIONS)?,
        four.batches(SPREAD_CONNECTIONS)?,
    ];
    let rounds = schedule.take_turns(&what, |length| {
        let [to_one, to_two, to_four] = &mut senders;
        Ok([
            one.measure(|| to_one.send_for(length))?,
            two.measure(|| to_two.send_for(length))?,
            four.measure(|| to_four.send_for(length))?,
        ])
    })?;
    let names = ["1 server", "2 servers", "4 servers"];
    let usages = [one.end()?, two.end()?, four.end()?];
    let mut finding = Finding::new("servers", what);
    for ((name, rounds), usage) in names.into_iter().zip(&rounds).zip(usages) {
        finding = finding.side(name, Measurements::of(rounds, Some(usage)));
    }
    Ok(finding)
}
