//! p9: resubmitted orders.

use anyhow::Result;

use crate::body::Mix;
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, LARGE_BATCH, first_dialect};

/// Compares batches in which every second order is resubmitted with batches of fresh orders only.
pub(crate) fn resubmissions(schedule: &Schedule) -> Result<Finding> {
    let dialect = first_dialect();
    let mut again = Served::start()?;
    let mut fresh = Served::start()?;
    let sender = |served: &Served, mix| {
        let target = &served.target;
        target.batches(dialect, LARGE_BATCH, BATCH_CONNECTIONS, mix)
    };
    let mut again_sender = sender(&again, Mix::HalfAgain);
    let mut fresh_sender = sender(&fresh, Mix::Fresh);
    let batches = report::batches(dialect.id(), LARGE_BATCH, BATCH_CONNECTIONS);
    let what = format!("{batches}, every second order sent again");
    let [again_rounds, fresh_rounds] = schedule.take_turns(&what, |length| {
        Ok([
            again.measure(|| again_sender.send_for(length))?,
            fresh.measure(|| fresh_sender.send_for(length))?,
        ])
    })?;
    let again = Measurements::of(&again_rounds, Some(again.end()?));
    let fresh = Measurements::of(&fresh_rounds, Some(fresh.end()?));
    let verdict = Verdict::rate("p9", again.orders_per_s, fresh.orders_per_s, 0.6, 0.9);
    Ok(Finding::new("p9", what)
        .side("half again", again)
        .side("fresh orders", fresh)
        .verdicts([verdict]))
}
