//! The results of a run, as text and as JSON.

use std::io::{Result, Write};

use serde::Serialize;

use crate::measurements::Measurements;
use crate::process::Machine;
use crate::verdict::Verdict;

/// Width of a column of figures.
const COLUMN: usize = 18;
/// Width of the column of names.
const NAMES: usize = 32;

/// The results of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub(crate) machine: Machine,
    pub(crate) findings: Vec<Finding>,
}

/// The result of one workload.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    work: &'static str,
    what: String,
    /// The programs that were measured in turns. The first one is judged.
    sides: Vec<Side>,
    facts: Vec<Fact>,
    verdicts: Vec<Verdict>,
}

/// One of the measured programs.
#[derive(Debug, Serialize)]
struct Side {
    name: String,
    #[serde(rename = "figures")]
    measurements: Measurements,
}

/// A figure that does not belong to a single side.
#[derive(Debug, Serialize)]
struct Fact {
    /// Includes the unit.
    name: &'static str,
    value: f64,
}

/// Describes a workload of batches.
pub(crate) fn batches(dialect: &str, batch: usize, connections: usize) -> String {
    let batch = grouped(batch as f64);
    format!("{dialect}, batches of {batch} on {connections} connections")
}

/// Describes a workload of single orders.
pub(crate) fn singles(dialect: &str, connections: usize) -> String {
    format!("{dialect}, single orders on {connections} connections")
}

impl Finding {
    /// An empty finding for a workload.
    pub(crate) fn new(work: &'static str, what: impl Into<String>) -> Self {
        Self {
            work,
            what: what.into(),
            sides: Vec::new(),
            facts: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    pub(crate) fn side(mut self, name: impl Into<String>, measurements: Measurements) -> Self {
        let name = name.into();
        self.sides.push(Side { name, measurements });
        self
    }

    /// Adds a figure that does not belong to a side. The name includes the unit.
    pub(crate) fn fact(mut self, name: &'static str, value: f64) -> Self {
        self.facts.push(Fact { name, value });
        self
    }

    pub(crate) fn verdicts(mut self, verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        self.verdicts.extend(verdicts);
        self
    }
}

impl Report {
    /// Writes tables for terminals.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        self.machine.write(out)?;
        for finding in &self.findings {
            writeln!(out)?;
            finding.write(out)?;
        }
        Ok(())
    }
}

impl Machine {
    /// Writes the machine's description, as a heading.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<()> {
        writeln!(
            out,
            "wharfinger {} on {} cores, {}, Linux {}",
            self.program, self.cores, self.cpu, self.kernel
        )?;
        if !self.is_optimised {
            writeln!(
                out,
                "This build is not optimised, so its results are meaningless. Build with --release."
            )?;
        }
        Ok(())
    }
}

impl Finding {
    fn write(&self, out: &mut dyn Write) -> Result<()> {
        writeln!(out, "{}  {}", self.work, self.what)?;
        write_row(out, "", self.sides.iter().map(|side| side.name.as_str()))?;
        let columns: Vec<_> = self
            .sides
            .iter()
            .map(|side| cells(&side.measurements))
            .collect();
        for (row, name) in ROWS.into_iter().enumerate() {
            let row: Vec<&str> = columns.iter().map(|cells| cells[row].as_str()).collect();
            // Leave out rows without any figure.
            if row.iter().any(|cell| !cell.is_empty()) {
                write_row(out, name, row.into_iter().map(or_dash))?;
            }
        }
        for Fact { name, value } in &self.facts {
            let space_of_other_sides = self.sides.len().saturating_sub(1);
            let mut cells = vec![""; space_of_other_sides];
            let value = grouped(*value);
            cells.push(&value);
            write_row(out, name, cells)?;
        }
        for verdict in &self.verdicts {
            write_verdict(out, verdict)?;
        }
        Ok(())
    }
}

fn write_verdict(out: &mut dyn Write, verdict: &Verdict) -> Result<()> {
    let sign = if verdict.is_at_least { "≥" } else { "≤" };
    let name = format!("{} {}", verdict.work, verdict.what);
    let figure = format!("{:.2} {}", verdict.figure, verdict.unit);
    let aim = verdict.aim.map(|aim| format!("   aim {sign} {aim:.2}"));
    writeln!(
        out,
        "    {name:<NAMES$}{figure:>COLUMN$}   bar {sign} {:.2}{}   {}",
        verdict.bar,
        aim.unwrap_or_default(),
        verdict.in_words(),
    )
}

fn or_dash(cell: &str) -> &str {
    if cell.is_empty() { "–" } else { cell }
}

fn write_row<'c>(
    out: &mut dyn Write,
    name: &str,
    cells: impl IntoIterator<Item = &'c str>,
) -> Result<()> {
    let mut line = format!("    {name:<NAMES$}");
    for cell in cells {
        line.push_str(&format!("{cell:>COLUMN$}"));
    }
    writeln!(out, "{}", line.trim_end())
}

/// Names of figures, with their units.
const ROWS: [&str; 11] = [
    "orders",
    "orders/s",
    "CPU µs per order",
    "of that the database's",
    "bytes written per order",
    "latency p50, ms",
    "latency p99, ms",
    "latency p99.9, ms",
    "longest stall, ms",
    "disk bytes per order",
    "peak memory, MiB",
];

/// The figures in the order of [`ROWS`]. Missing ones are empty.
fn cells(measurements: &Measurements) -> [String; ROWS.len()] {
    let two_places = |figure: Option<f64>| figure.map_or_else(String::new, |f| format!("{f:.2}"));
    let whole = |figure: Option<f64>| figure.map_or_else(String::new, grouped);
    let latency = measurements.latency_ms;
    let memory = measurements.memory_peak_bytes.map(mebibytes);
    [
        grouped(measurements.orders as f64),
        grouped(measurements.orders_per_s),
        two_places(measurements.cpu_us_per_order),
        two_places(measurements.database_cpu_us_per_order),
        whole(measurements.written_bytes_per_order),
        two_places(latency.map(|l| l.p50)),
        two_places(latency.map(|l| l.p99)),
        two_places(latency.map(|l| l.p99_9)),
        two_places(latency.map(|l| l.max)),
        whole(measurements.disk_bytes_per_order),
        whole(memory),
    ]
}

/// Bytes in MiB.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Milliseconds, or a dash for `None`.
pub(crate) fn ms_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".into(), |ms| format!("{ms:.2}"))
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(number: f64) -> String {
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

    fn measurements(cpu_us_per_order: Option<f64>) -> Measurements {
        Measurements {
            orders: 12_000,
            orders_per_s: 4_000.0,
            cpu_us_per_order,
            database_cpu_us_per_order: None,
            written_bytes_per_order: None,
            latency_ms: None,
            disk_bytes_per_order: None,
            memory_peak_bytes: None,
        }
    }

    fn written(finding: &Finding) -> String {
        let mut out = Vec::new();
        finding.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_leaves_out_what_nobody_has() {
        let finding = Finding::new("p1", "work")
            .side("wharfinger", measurements(Some(2.0)))
            .side("bare program", measurements(None))
            .fact("fdatasync, µs", 135.2);
        let expected = "\
p1  work
                                            wharfinger      bare program
    orders                                      12,000            12,000
    orders/s                                     4,000             4,000
    CPU µs per order                              2.00                 –
    fdatasync, µs                                                    135
";
        assert_eq!(written(&finding), expected);
    }

    #[test]
    fn what_a_database_uses_stands_below_all_that_is_used() {
        let on_database = Measurements {
            database_cpu_us_per_order: Some(1.5),
            ..measurements(Some(2.0))
        };
        let table = written(&Finding::new("p8", "work").side("wharfinger", on_database));
        let lines: Vec<_> = table.lines().rev().take(2).collect();
        assert!(lines[0].starts_with("    of that the database's") && lines[0].ends_with("1.50"));
        assert!(lines[1].starts_with("    CPU µs per order") && lines[1].ends_with("2.00"));
    }

    #[test]
    fn a_verdict_without_an_aim_says_none() {
        let verdict = |aim| Verdict::at_most("fair", "p99", (3.0, "ms"), 20.0, aim);
        let finding = Finding::new("fair", "work")
            .side("alone", measurements(None))
            .verdicts([verdict(None), verdict(Some(10.0))]);
        let table = written(&finding);
        assert!(
            !table.contains('–'),
            "no column where nothing stands: {table}"
        );
        let mut lines = table.lines().rev();
        let with_aim = lines.next().unwrap();
        assert!(
            with_aim.ends_with("3.00 ms   bar ≤ 20.00   aim ≤ 10.00   aim met"),
            "{with_aim}"
        );
        let without = lines.next().unwrap();
        assert!(
            without.ends_with("3.00 ms   bar ≤ 20.00   bar met"),
            "{without}"
        );
    }
}
