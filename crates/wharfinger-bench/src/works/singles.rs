//! p3: single orders, each durable before its response.

use anyhow::{Context, Result};

use crate::first_dialect;
use crate::floor::Disk;
use crate::measurements::{Measurements, as_f64, median};
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::verdict::Verdict;

/// Connections that send single orders.
const CONNECTIONS: usize = 64;

/// Compares single orders with a bare HTTP server and with the disk. Neither can be beaten.
pub(crate) fn singles(schedule: &Schedule) -> Result<Finding> {
    let dialect = first_dialect();
    let mut ours = Served::start()?;
    let mut sender = ours.target.singles(dialect, CONNECTIONS);
    let mut http = Served::start_bare_http(&ours)?;
    let mut http_sender = http.target.singles(dialect, CONNECTIONS);
    let mut disk = Disk::open(http.directory())?;
    let mut flushes = Vec::new();
    let what = report::singles(dialect.id(), CONNECTIONS);
    let [our_rounds, http_rounds] = schedule.take_turns(&what, |length| {
        let round = ours.measure(|| sender.send_for(length))?;
        flushes.extend(disk.flush_for(length / 4)?);
        let beside = http.measure(|| http_sender.send_for(length))?;
        Ok([round, beside])
    })?;
    let ours = Measurements::of(&our_rounds, Some(ours.end()?));
    let http = Measurements::of(&http_rounds, None);
    let flush_s = median(&mut flushes).context("the disk was never flushed")?;
    let flushed_per_s = as_f64(CONNECTIONS as u64) / flush_s;
    let floor = http.orders_per_s.min(flushed_per_s);
    let verdict = Verdict::rate("p3", ours.orders_per_s, floor, 0.4, 0.6);
    Ok(Finding::new("p3", what)
        .side("wharfinger", ours)
        .side("bare HTTP", http)
        .fact("fdatasync, µs", flush_s * 1e6)
        .verdicts([verdict]))
}
