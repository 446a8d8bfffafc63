//! Batches: p1, p2, p6, p8, and custom workloads.

use anyhow::Result;

use super::compare::{Case, Requests, Store};
use crate::measurements::Measurements;
use crate::report::Finding;
use crate::schedule::Schedule;
use crate::target::Target;
use crate::verdict::Verdict;
use crate::{DialectRef, LARGE_BATCH, OwnWork, SMALL_BATCH, first_dialect};

/// Measures p1 and p6 together.
pub(crate) fn large(schedule: &Schedule, with_cpu: bool, with_disk: bool) -> Result<Finding> {
    let compared = Case::batches(first_dialect(), LARGE_BATCH).compare(schedule)?;
    let (ours, bare) = (&compared.ours, &compared.bare);
    let cpu = Verdict::cpu("p1", ours, bare, 1.0, 0.7).filter(|_| with_cpu);
    let disk = Verdict::disk("p6", ours, bare, 0.5, 0.15).filter(|_| with_disk);
    let verdicts: Vec<_> = cpu.into_iter().chain(disk).collect();
    let work = if with_cpu { "p1" } else { "p6" };
    Ok(compared.finding(work).verdicts(verdicts))
}

/// Measures p2 in one dialect.
pub(crate) fn small(schedule: &Schedule, dialect: DialectRef) -> Result<Finding> {
    let compared = Case::batches(dialect, SMALL_BATCH).compare(schedule)?;
    let verdict = Verdict::cpu("p2", &compared.ours, &compared.bare, 1.3, 0.9);
    Ok(compared.finding("p2").verdicts(verdict))
}

/// Sends the batches of p1 to one server on PostgreSQL, beside a bare program that inserts as many orders on one connection.
/// Each has its own database, and its own cluster if no server is named.
pub(crate) fn on_database(schedule: &Schedule, database_server: Option<&str>) -> Result<Finding> {
    let case = Case {
        store: Store::Postgres(database_server),
        ..Case::batches(first_dialect(), LARGE_BATCH)
    };
    let compared = case.compare(schedule)?;
    let verdict = Verdict::cpu("p8", &compared.ours, &compared.bare, 1.3, 0.8);
    Ok(compared.finding("p8").verdicts(verdict))
}

/// Measures a custom workload on a new server.
pub(crate) fn own(schedule: &Schedule, work: &OwnWork) -> Result<Finding> {
    Ok(case_of(work).compare(schedule)?.finding("own"))
}

/// Measures batches to an existing server, from the sender's side only.
pub(crate) fn remote(schedule: &Schedule, work: &OwnWork, target: &Target) -> Result<Finding> {
    let case = case_of(work);
    let mut sender = case.sender(target);
    let what = case.in_words();
    let [rounds] = schedule.take_turns(&what, |length| Ok([sender.send_for(length)?]))?;
    Ok(Finding::new("own", what).side("server", Measurements::of(&rounds, None)))
}

fn case_of(work: &OwnWork) -> Case<'static> {
    let store = if work.is_on_postgres {
        Store::Postgres(None)
    } else {
        Store::Embedded
    };
    Case {
        requests: Requests::Batches(work.batch),
        connections: work.connections,
        spread: work.spread,
        store,
        ..Case::batches(work.dialect, work.batch)
    }
}
