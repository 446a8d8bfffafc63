//! Measures how cost and latency change with the size of the store, the size of batches, and the number of connections.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::body::Mix;
use crate::fill::Filled;
use crate::measurements::{Measurements, Round};
use crate::plot;
use crate::process::Machine;
use crate::report::{grouped, ms_or_dash};
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::served::Served;
use crate::target::Target;
use crate::{BATCH_CONNECTIONS, LARGE_BATCH, SMALL_BATCH, Settings, first_dialect};

/// Percentages of the final fill at which a growing store is measured.
const FILL_PERCENTS: [u64; 7] = [0, 1, 5, 10, 25, 50, 100];
const BATCHES: [usize; 6] = [1, 10, 100, 1_000, 10_000, 50_000];
const CONNECTIONS: [usize; 6] = [1, 2, 4, 16, 64, 256];

/// The result of a sweep.
#[derive(Debug, Serialize)]
pub struct Sweep {
    machine: Machine,
    series: [Series; 3],
}

/// The result along one axis.
#[derive(Debug, Serialize)]
pub(crate) struct Series {
    name: &'static str,
    /// What was sent at every point.
    pub(crate) what: String,
    /// What changes from point to point.
    pub(crate) along: &'static str,
    pub(crate) points: Vec<Point>,
}

/// The result at one point of an axis.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) at: u64,
    #[serde(rename = "figures")]
    pub(crate) measurements: Measurements,
}

/// Measures along each axis while all else stays the same.
///
/// # Errors
///
/// A server does not start, or a response is wrong.
pub fn sweep(settings: &Settings) -> Result<Sweep> {
    // There are many points; each needs less time than a whole workload.
    let schedule = Schedule::new(settings.length / 4);
    let series = [
        store_sizes(&schedule, settings.fill_orders)?,
        batch_sizes(&schedule)?,
        connection_counts(&schedule)?,
    ];
    schedule.finish();
    Ok(Sweep {
        machine: Machine::this(),
        series,
    })
}

/// Measures one store while it grows. The orders sent for measuring count towards its fill.
fn store_sizes(schedule: &Schedule, fill_orders: u64) -> Result<Series> {
    let dialect = first_dialect();
    let mut full = Filled::start(dialect, fill_orders)?;
    let target = &full.served.target;
    let mut sender = target.batches(dialect, LARGE_BATCH, BATCH_CONNECTIONS, Mix::Fresh);
    let mut points = Vec::new();
    for percent in FILL_PERCENTS {
        full.fill_to(fill_orders * percent / 100)?;
        let at = full.served.orders();
        let served = &mut full.served;
        schedule.warm_up(|length| served.measure(|| sender.send_for(length)))?;
        let round = schedule.once("sweep: store size", |length| {
            served.measure(|| sender.send_for(length))
        })?;
        points.push(Point::of(at, round));
    }
    let id = dialect.id();
    Ok(Series {
        name: "store_size",
        what: format!("{id}, batches of 1,000 on 2 connections"),
        along: "orders in the store",
        points,
    })
}

fn batch_sizes(schedule: &Schedule) -> Result<Series> {
    let dialect = first_dialect();
    let points = along(schedule, "sweep: batch size", &BATCHES, |target, batch| {
        target.batches(dialect, batch, BATCH_CONNECTIONS, Mix::Fresh)
    })?;
    Ok(Series {
        name: "batch_size",
        what: format!("{}, 2 connections", dialect.id()),
        along: "orders in a batch",
        points,
    })
}

fn connection_counts(schedule: &Schedule) -> Result<Series> {
    let dialect = first_dialect();
    let points = along(
        schedule,
        "sweep: connections",
        &CONNECTIONS,
        |target, connections| target.batches(dialect, SMALL_BATCH, connections, Mix::Fresh),
    )?;
    Ok(Series {
        name: "connections",
        what: format!("{}, batches of 100", dialect.id()),
        along: "number of connections",
        points,
    })
}

/// Measures one server at each of these points, with a new sender for each.
fn along(
    schedule: &Schedule,
    what: &str,
    values: &[usize],
    sender: impl Fn(&Target, usize) -> Sender,
) -> Result<Vec<Point>> {
    let mut served = Served::start()?;
    let mut points = Vec::new();
    for &at in values {
        let mut sender = sender(&served.target, at);
        if points.is_empty() {
            schedule.warm_up(|length| served.measure(|| sender.send_for(length)))?;
        }
        let round = schedule.once(what, |length| served.measure(|| sender.send_for(length)))?;
        points.push(Point::of(at as u64, round));
    }
    Ok(points)
}

impl Sweep {
    /// Writes tables for terminals.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        for series in &self.series {
            writeln!(out)?;
            series.write(out)?;
        }
        Ok(())
    }

    /// Draws an SVG with one panel per axis.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn plot(&self, file: &Path) -> Result<()> {
        plot::draw(&self.series, file)
    }
}

impl Point {
    fn of(at: u64, round: Round) -> Self {
        let measurements = Measurements::of(&[round], None);
        Self { at, measurements }
    }
}

impl Series {
    /// The title of its table and its panel.
    pub(crate) fn title(&self) -> String {
        format!("By {}: {}", self.along, self.what)
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.title())?;
        let along = self.along;
        writeln!(
            out,
            "    {along:<20}{:>12}{:>18}{:>12}{:>12}{:>20}",
            "orders/s", "CPU µs per order", "p50, ms", "p99, ms", "longest stall, ms"
        )?;
        for Point { at, measurements } in &self.points {
            let at = grouped(*at as f64);
            let cpu = measurements.cpu_us_per_order.unwrap_or_default();
            let latency = measurements.latency_ms;
            writeln!(
                out,
                "    {at:<20}{:>12}{cpu:>18.2}{:>12}{:>12}{:>20}",
                grouped(measurements.orders_per_s),
                ms_or_dash(latency.map(|latency| latency.p50)),
                ms_or_dash(latency.map(|latency| latency.p99)),
                ms_or_dash(latency.map(|latency| latency.max)),
            )?;
        }
        Ok(())
    }
}
