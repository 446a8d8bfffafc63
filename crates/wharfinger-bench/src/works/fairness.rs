//! fair and crowd: the latency of single orders while others send large batches.

use anyhow::Result;

use crate::body::Mix;
use crate::identities::Spread;
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::served::Served;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, first_dialect};

/// Connections that send single orders.
const SINGLE_CONNECTIONS: usize = 8;

/// Connections that send single orders of many organisations.
const CROWD_CONNECTIONS: usize = 64;

/// Measures single orders alone, alongside batches of 5,000, and alongside batches of 50,000.
pub(crate) fn fairness(schedule: &Schedule) -> Result<Finding> {
    let dialect = first_dialect();
    let served = Served::start()?;
    let target = &served.target;
    let mut singles = target.singles(dialect, SINGLE_CONNECTIONS);
    let batches = |orders| target.batches(dialect, orders, BATCH_CONNECTIONS, Mix::Fresh);
    let (mut large, mut huge) = (batches(5_000), batches(50_000));
    let singles_in_words = report::singles(dialect.id(), SINGLE_CONNECTIONS);
    let what = format!("{singles_in_words}, beside batches on {BATCH_CONNECTIONS}");
    // One side after the other instead of in turns: a batch of 50,000 takes as long as a round.
    schedule.warm_up(|length| singles.send_for(length))?;
    let alone = schedule.once(&what, |length| singles.send_for(length))?;
    let mut beside = |batches: &mut Sender| {
        schedule.once(&what, |length| {
            let (beside, _) = batches.send_during(|| singles.send_for(length))?;
            Ok(beside)
        })
    };
    let (beside_large, beside_huge) = (beside(&mut large)?, beside(&mut huge)?);
    let [alone, beside_large, beside_huge] =
        [alone, beside_large, beside_huge].map(|round| Measurements::of(&[round], None));
    let of_large = Verdict::p99("fair", "p99 beside 5,000", &beside_large, 20.0, None);
    let of_huge = Verdict::p99("fair", "p99 beside 50,000", &beside_huge, 200.0, None);
    Ok(Finding::new("fair", what)
        .side("alone", alone)
        .side("beside 5,000", beside_large)
        .side("beside 50,000", beside_huge)
        .verdicts(of_large.into_iter().chain(of_huge)))
}

/// Measures single orders of many organisations alone, and alongside batches of 5,000 over them.
pub(crate) fn fairness_of_many(schedule: &Schedule, spread: Spread) -> Result<Finding> {
    let dialect = first_dialect();
    let served = Served::start_spread(spread)?;
    let target = &served.target;
    let mut singles = target.singles(dialect, CROWD_CONNECTIONS);
    let mut large = target.batches(dialect, 5_000, BATCH_CONNECTIONS, Mix::Fresh);
    let what = format!(
        "{}, beside batches on {BATCH_CONNECTIONS}, over {} organisations",
        report::singles(dialect.id(), CROWD_CONNECTIONS),
        spread.organisations
    );
    schedule.warm_up(|length| singles.send_for(length))?;
    let alone = schedule.once(&what, |length| singles.send_for(length))?;
    let beside = schedule.once(&what, |length| {
        let (beside, _) = large.send_during(|| singles.send_for(length))?;
        Ok(beside)
    })?;
    let [alone, beside] = [alone, beside].map(|round| Measurements::of(&[round], None));
    let p99 = Verdict::p99("crowd", "p99 beside 5,000", &beside, 25.0, None);
    let longest = beside.latency_ms.map(|latency| latency.max);
    let longest = longest.map(|longest| {
        Verdict::at_most(
            "crowd",
            "longest beside 5,000",
            (longest, "ms"),
            150.0,
            None,
        )
    });
    Ok(Finding::new("crowd", what)
        .side("alone", alone)
        .side("beside 5,000", beside)
        .verdicts(p99.into_iter().chain(longest)))
}
