//! Faults and summaries as text, JSON or CSV.

use std::io::Write;

use anyhow::Result;
use indicatif::HumanCount;
use serde_json::json;

use crate::report::{AllColumns, Fault};
use crate::terminal::{complain, shown, write_json};

/// How many orders a file has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) good: u64,
    pub(super) bad: u64,
    /// Good and bad ones.
    pub(super) warned: u64,
}

impl Tally {
    pub(super) fn orders(&self) -> u64 {
        self.good + self.bad
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.good += more.good;
        self.bad += more.bad;
        self.warned += more.warned;
    }
}

/// Prints what was found.
pub(super) struct Printer<'o> {
    out: Output<'o>,
}

enum Output<'o> {
    Text(&'o mut dyn Write),
    Json(&'o mut dyn Write),
    Csv(Box<AllColumns<&'o mut dyn Write>>),
}

impl<'o> Printer<'o> {
    pub(super) fn begin(out: &'o mut dyn Write, is_json: bool, is_csv: bool) -> Result<Self> {
        Ok(Self {
            out: match (is_json, is_csv) {
                (true, _) => Output::Json(out),
                (false, true) => Output::Csv(Box::new(AllColumns::begin(out)?)),
                (false, false) => Output::Text(out),
            },
        })
    }

    /// Prints the faults of one order, and counts it.
    pub(super) fn order(&mut self, faults: &[Fault], tally: &mut Tally) -> Result<()> {
        match faults.iter().all(|fault| fault.is_warning) {
            true => tally.good += 1,
            false => tally.bad += 1,
        }
        tally.warned += u64::from(faults.iter().any(|fault| fault.is_warning));
        for fault in faults {
            match &mut self.out {
                Output::Text(out) => writeln!(out, "{fault}")?,
                Output::Json(out) => write_json(*out, fault)?,
                Output::Csv(table) => table.push(fault)?,
            }
        }
        Ok(())
    }

    /// Prints the summary of a file.
    pub(super) fn summary(
        &mut self,
        file: &str,
        tally: &Tally,
        is_complete: bool,
        is_offline: bool,
    ) -> Result<()> {
        if tally.orders() == 0 {
            return Ok(());
        }
        let sentence = || {
            let orders = tally.orders();
            let word = if orders == 1 { "order" } else { "orders" };
            let mut sentence = format!(
                "{}: {} {word}: {} good, {} bad",
                shown(file),
                HumanCount(orders),
                HumanCount(tally.good),
                HumanCount(tally.bad)
            );
            if tally.warned > 0 {
                sentence += &format!(", {} with warnings", HumanCount(tally.warned));
            }
            if !is_complete {
                sentence += "; the rest of the file cannot be read";
            }
            if is_offline {
                sentence +=
                    " (organisations, catalogue and stored orders are not checked without --url)";
            }
            sentence
        };
        match &mut self.out {
            Output::Text(out) => writeln!(out, "{}", sentence())?,
            Output::Json(out) => {
                let summary = json!({
                    "file": file, "orders": tally.orders(), "good": tally.good, "bad": tally.bad,
                    "warned": tally.warned, "complete": is_complete, "offline": is_offline,
                });
                write_json(*out, &summary)?;
            }
            Output::Csv(_) => complain(format_args!("{}", sentence())),
        }
        Ok(())
    }

    /// Writes what is still in memory.
    pub(super) fn finish(self) -> Result<()> {
        match self.out {
            Output::Text(out) | Output::Json(out) => out.flush()?,
            Output::Csv(table) => table.finish()?,
        }
        Ok(())
    }
}
