//! What was found, for people and for machines.

use std::io::{Result, Write};

use serde::Serialize;

use super::figures::Figures;
use super::process::Machine;

/// Width of a column of figures.
const COLUMN: usize = 16;
/// Width of the names of figures.
const NAMES: usize = 22;

/// All that a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) machine: Machine,
    pub(super) findings: Vec<Finding>,
}

/// What was found at one piece of work.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) work: &'static str,
    pub(super) what: String,
    #[serde(rename = "wharfinger")]
    pub(super) ours: Figures,
    pub(super) beside: Option<Beside>,
    /// The median time of a flush of the disk.
    pub(super) fdatasync_us: Option<f64>,
    pub(super) verdicts: Vec<Verdict>,
}

/// What was measured beside it, in turns.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    pub(super) name: &'static str,
    pub(super) figures: Figures,
}

/// A ratio, and what it should be.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) work: &'static str,
    pub(super) what: &'static str,
    pub(super) ratio: f64,
    pub(super) bar: f64,
    pub(super) aim: f64,
    /// Whether the bar and the aim are lower bounds; upper ones otherwise.
    pub(super) is_at_least: bool,
}

/// Names a work of batches.
pub(super) fn batches(dialect: &str, batch: usize, connections: usize) -> String {
    let batch = grouped(batch as f64);
    format!("{dialect}, batches of {batch} on {connections} connections")
}

/// Names a work of single orders.
pub(super) fn singles(dialect: &str, connections: usize) -> String {
    format!("{dialect}, single orders on {connections} connections")
}

impl Finding {
    pub(super) fn new(work: &'static str, what: String, ours: Figures) -> Self {
        Self {
            work,
            what,
            ours,
            beside: None,
            fdatasync_us: None,
            verdicts: Vec::new(),
        }
    }
}

impl Verdict {
    /// CPU per order as against another program's; none where it could not be read.
    pub(super) fn cpu(
        work: &'static str,
        ours: &Figures,
        beside: &Figures,
        bar: f64,
        aim: f64,
    ) -> Option<Self> {
        let ratio = ours.cpu_us_per_order? / beside.cpu_us_per_order?;
        Some(Self::at_most(work, "CPU per order", ratio, bar, aim))
    }

    /// Disk bytes per order as against another program's.
    pub(super) fn disk(
        work: &'static str,
        ours: &Figures,
        beside: &Figures,
        bar: f64,
        aim: f64,
    ) -> Option<Self> {
        let ratio = ours.disk_bytes_per_order? / beside.disk_bytes_per_order?;
        Some(Self::at_most(work, "disk per order", ratio, bar, aim))
    }

    pub(super) fn at_least(
        work: &'static str,
        what: &'static str,
        ratio: f64,
        bar: f64,
        aim: f64,
    ) -> Self {
        let is_at_least = true;
        Self {
            work,
            what,
            ratio,
            bar,
            aim,
            is_at_least,
        }
    }

    fn at_most(work: &'static str, what: &'static str, ratio: f64, bar: f64, aim: f64) -> Self {
        Self {
            is_at_least: false,
            ..Self::at_least(work, what, ratio, bar, aim)
        }
    }

    fn meets(&self, bound: f64) -> bool {
        if self.is_at_least {
            self.ratio >= bound
        } else {
            self.ratio <= bound
        }
    }

    fn in_words(&self) -> &'static str {
        if self.meets(self.aim) {
            "aim met"
        } else if self.meets(self.bar) {
            "bar met"
        } else {
            "BAR MISSED"
        }
    }
}

impl Report {
    /// Writes tables for people.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<()> {
        let machine = &self.machine;
        writeln!(
            out,
            "wharfinger {} on {} cores, {}, Linux {}",
            machine.program, machine.cores, machine.cpu, machine.kernel
        )?;
        if !machine.is_optimised {
            writeln!(
                out,
                "This build is not optimised: its figures say nothing. Build it with --release."
            )?;
        }
        for finding in &self.findings {
            writeln!(out)?;
            finding.write(out)?;
        }
        Ok(())
    }
}

impl Finding {
    fn write(&self, out: &mut dyn Write) -> Result<()> {
        writeln!(out, "{}  {}", self.work, self.what)?;
        let beside = self.beside.as_ref();
        let name = beside.map_or("", |beside| beside.name);
        write_row(out, "", "wharfinger", name)?;
        let ours = cells(&self.ours);
        let beside = beside.map(|beside| cells(&beside.figures));
        for (row, (name, cell)) in ours.iter().enumerate() {
            let beside = beside.as_ref().map(|beside| beside[row].1.as_str());
            // A row in which nobody has a figure is left out.
            if !(cell.is_empty() && beside.unwrap_or_default().is_empty()) {
                write_row(out, name, or_dash(cell), beside.map_or("", or_dash))?;
            }
        }
        if let Some(microseconds) = self.fdatasync_us {
            write_row(out, "fdatasync µs", "", &grouped(microseconds))?;
        }
        for verdict in &self.verdicts {
            let sign = if verdict.is_at_least { "≥" } else { "≤" };
            writeln!(
                out,
                "    {} {:<width$}{:>COLUMN$}   bar {sign} {:.2}   aim {sign} {:.2}   {}",
                verdict.work,
                verdict.what,
                format!("{:.2} ×", verdict.ratio),
                verdict.bar,
                verdict.aim,
                verdict.in_words(),
                width = NAMES - verdict.work.len() - 1,
            )?;
        }
        Ok(())
    }
}

fn or_dash(cell: &str) -> &str {
    if cell.is_empty() { "–" } else { cell }
}

fn write_row(out: &mut dyn Write, name: &str, ours: &str, beside: &str) -> Result<()> {
    let line = format!("    {name:<NAMES$}{ours:>COLUMN$}{beside:>COLUMN$}");
    writeln!(out, "{}", line.trim_end())
}

/// Figures by name; an empty text where there is none.
fn cells(figures: &Figures) -> [(&'static str, String); 8] {
    let two_places = |figure: Option<f64>| figure.map_or_else(String::new, |f| format!("{f:.2}"));
    let whole = |figure: Option<f64>| figure.map_or_else(String::new, grouped);
    let latency = figures.latency_ms;
    let memory = figures
        .memory_peak_bytes
        .map(|bytes| bytes as f64 / 1_048_576.0);
    [
        ("orders", grouped(figures.orders as f64)),
        ("orders/s", grouped(figures.orders_per_s)),
        ("CPU µs per order", two_places(figures.cpu_us_per_order)),
        ("latency p50, ms", two_places(latency.map(|l| l.p50))),
        ("latency p99, ms", two_places(latency.map(|l| l.p99))),
        ("latency p99.9, ms", two_places(latency.map(|l| l.p99_9))),
        ("disk bytes per order", whole(figures.disk_bytes_per_order)),
        ("peak memory, MiB", whole(memory)),
    ]
}

/// A whole number with a comma between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(grouped(0.4), "0");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(grouped(1_000.0), "1,000");
        assert_eq!(grouped(1_234_567.4), "1,234,567");
    }

    #[test]
    fn bounds_hold_from_the_right_side() {
        let rate = |ratio| Verdict::at_least("p3", "rate", ratio, 0.4, 0.6).in_words();
        assert_eq!(
            [rate(0.3), rate(0.4), rate(0.6)],
            ["BAR MISSED", "bar met", "aim met"]
        );
        let cost = |ratio| Verdict::at_most("p1", "CPU", ratio, 1.0, 0.7).in_words();
        assert_eq!(
            [cost(1.1), cost(1.0), cost(0.7)],
            ["BAR MISSED", "bar met", "aim met"]
        );
    }

    #[test]
    fn a_table_leaves_out_what_nobody_has() {
        let figures = |cpu| Figures {
            orders: 12_000,
            orders_per_s: 4_000.0,
            cpu_us_per_order: cpu,
            latency_ms: None,
            disk_bytes_per_order: None,
            memory_peak_bytes: None,
        };
        let mut finding = Finding::new("p1", "work".into(), figures(Some(2.0)));
        finding.beside = Some(Beside {
            name: "bare program",
            figures: figures(None),
        });
        let mut out = Vec::new();
        finding.write(&mut out).unwrap();
        let expected = "\
p1  work
                                wharfinger    bare program
    orders                          12,000          12,000
    orders/s                         4,000           4,000
    CPU µs per order                  2.00               –
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        finding.beside = None;
        let mut out = Vec::new();
        finding.write(&mut out).unwrap();
        let table = String::from_utf8(out).unwrap();
        assert!(
            !table.contains('–'),
            "no column where nothing stands: {table}"
        );
    }
}
