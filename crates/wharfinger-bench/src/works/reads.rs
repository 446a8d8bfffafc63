//! p7: reading orders from a large store, while it is idle and while batches arrive.

use std::time::Duration;

use anyhow::Result;

use super::addresses::{Addresses, Whose};
use crate::body::Mix;
use crate::fill::Filled;
use crate::measurements::{Measurements, Round};
use crate::report::Finding;
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, LARGE_BATCH, OpenEmailIndex, first_dialect};

/// Measures each read of the dialect that the store was filled in, and those by e-mail address.
pub(crate) fn reads(
    schedule: &Schedule,
    full: &Filled,
    open_index: OpenEmailIndex,
) -> Result<Vec<Finding>> {
    let target = &full.served.target;
    let mut batches = target.batches(first_dialect(), LARGE_BATCH, BATCH_CONNECTIONS, Mix::Fresh);
    let mut findings = Vec::new();
    let load = full.dialect.workload();
    for read in load.reads {
        let mut reader = target.reads(full.dialect, read, full.first_stamp, full.orders);
        findings.push(alone_and_beside(
            schedule,
            format!("{}, from {}", read.what, full.in_words()),
            &mut batches,
            || Ok(()),
            |length| reader.send_for(length),
        )?);
    }
    if let Some(by_email) = load.by_email {
        let addresses = Addresses::open(full, by_email, open_index)?;
        for whose in [Whose::OneOrder, Whose::ManyOrders] {
            let mut reader = addresses.reader(whose)?;
            findings.push(alone_and_beside(
                schedule,
                format!("{}, from {}", whose.in_words(), full.in_words()),
                &mut batches,
                || addresses.wait_for_index(),
                |length| reader.read_for(length),
            )?);
        }
    }
    Ok(findings)
}

/// Measures one kind of read: alone, once the store is ready for it, and alongside p1.
fn alone_and_beside(
    schedule: &Schedule,
    what: String,
    batches: &mut Sender,
    ready: impl Fn() -> Result<()>,
    mut read: impl FnMut(Duration) -> Result<Round>,
) -> Result<Finding> {
    let [alone, beside] = schedule.take_turns(&what, |length| {
        ready()?;
        let alone = read(length)?;
        let (beside, _) = batches.send_during(|| read(length))?;
        Ok([alone, beside])
    })?;
    let alone = Measurements::of(&alone, None);
    let beside = Measurements::of(&beside, None);
    let alone_p99 = Verdict::p99("p7", "p99 alone", &alone, 5.0, Some(2.5));
    let beside_p99 = Verdict::p99("p7", "p99 beside p1", &beside, 20.0, Some(10.0));
    Ok(Finding::new("p7", what)
        .side("alone", alone)
        .side("beside p1", beside)
        .verdicts(alone_p99.into_iter().chain(beside_p99)))
}
