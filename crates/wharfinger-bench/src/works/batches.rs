//! Batches: p1, p2, p6, and custom workloads.

use anyhow::Result;

use crate::bare::Bare;
use crate::body::{Envelope, Mix};
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::target::Target;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, DialectRef, LARGE_BATCH, OwnWork, SMALL_BATCH, first_dialect};

/// The figures of two sides, and their description.
struct Compared {
    what: String,
    ours: Measurements,
    bare: Measurements,
}

/// Measures p1 and p6 together.
pub(crate) fn large(schedule: &Schedule, with_cpu: bool, with_disk: bool) -> Result<Finding> {
    let compared = compare(schedule, first_dialect(), LARGE_BATCH, BATCH_CONNECTIONS)?;
    let (ours, bare) = (&compared.ours, &compared.bare);
    let cpu = Verdict::cpu("p1", ours, bare, 1.0, 0.7).filter(|_| with_cpu);
    let disk = Verdict::disk("p6", ours, bare, 0.5, 0.15).filter(|_| with_disk);
    let verdicts: Vec<_> = cpu.into_iter().chain(disk).collect();
    let work = if with_cpu { "p1" } else { "p6" };
    Ok(compared.finding(work).verdicts(verdicts))
}

/// Measures p2 in one dialect.
pub(crate) fn small(schedule: &Schedule, dialect: DialectRef) -> Result<Finding> {
    let compared = compare(schedule, dialect, SMALL_BATCH, BATCH_CONNECTIONS)?;
    let verdict = Verdict::cpu("p2", &compared.ours, &compared.bare, 1.3, 0.9);
    Ok(compared.finding("p2").verdicts(verdict))
}

/// Measures a custom workload on a new server.
pub(crate) fn own(schedule: &Schedule, work: &OwnWork) -> Result<Finding> {
    let compared = compare(schedule, work.dialect, work.batch, work.connections)?;
    Ok(compared.finding("own"))
}

/// Measures batches to an existing server, from the sender's side only.
pub(crate) fn remote(schedule: &Schedule, work: &OwnWork, target: &Target) -> Result<Finding> {
    let mut sender = target.batches(work.dialect, work.batch, work.connections, Mix::Fresh);
    let what = report::batches(work.dialect.id(), work.batch, work.connections);
    let [rounds] = schedule.take_turns(&what, |length| Ok([sender.send_for(length)?]))?;
    Ok(Finding::new("own", what).side("server", Measurements::of(&rounds, None)))
}

/// Measures batches to a new server, and the bare program with as many orders.
fn compare(
    schedule: &Schedule,
    dialect: DialectRef,
    batch: usize,
    connections: usize,
) -> Result<Compared> {
    let mut ours = Served::start()?;
    let mut sender = ours.target.batches(dialect, batch, connections, Mix::Fresh);
    let sample = dialect.samples(&ours.target.sample_key()).batch;
    let mut bare = Bare::start(dialect, batch, Envelope::of_batch(&sample))?;
    let what = report::batches(dialect.id(), batch, connections);
    let [our_rounds, bare_rounds] = schedule.take_turns(&what, |length| {
        let round = ours.measure(|| sender.send_for(length))?;
        let beside = bare.take(round.orders)?;
        Ok([round, beside])
    })?;
    Ok(Compared {
        what,
        ours: Measurements::of(&our_rounds, Some(ours.end()?)),
        bare: Measurements::of(&bare_rounds, Some(bare.end()?)),
    })
}

impl Compared {
    fn finding(self, work: &'static str) -> Finding {
        Finding::new(work, self.what)
            .side("wharfinger", self.ours)
            .side("bare program", self.bare)
    }
}
