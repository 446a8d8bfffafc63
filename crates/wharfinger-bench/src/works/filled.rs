//! p4: batches into a store that is already large.

use anyhow::Result;

use crate::body::Mix;
use crate::fill::Filled;
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, LARGE_BATCH, first_dialect};

/// Compares batches into a filled store with batches into an initially empty one.
pub(crate) fn filled(schedule: &Schedule, full: &mut Filled) -> Result<Finding> {
    let dialect = first_dialect();
    let mut empty = Served::start()?;
    let sender = |served: &Served| {
        let target = &served.target;
        target.batches(dialect, LARGE_BATCH, BATCH_CONNECTIONS, Mix::Fresh)
    };
    let mut full_sender = sender(&full.served);
    let mut empty_sender = sender(&empty);
    let batches = report::batches(dialect.id(), LARGE_BATCH, BATCH_CONNECTIONS);
    let what = format!("{batches}, into a store of {}", full.in_words());
    let [full_rounds, empty_rounds] = schedule.take_turns(&what, |length| {
        Ok([
            full.served.measure(|| full_sender.send_for(length))?,
            empty.measure(|| empty_sender.send_for(length))?,
        ])
    })?;
    let full = Measurements::of(&full_rounds, None);
    let empty = Measurements::of(&empty_rounds, None);
    let verdict = Verdict::rate("p4", full.orders_per_s, empty.orders_per_s, 0.8, 0.95);
    Ok(Finding::new("p4", what)
        .side("full store", full)
        .side("empty store", empty)
        .verdicts([verdict]))
}
