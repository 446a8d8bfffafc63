//! `wharfinger check`: verifies the store.

use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;

use super::{KeptIn, readable, shown, warn_if_exposed, write_json};
use crate::store::CheckReport;
use crate::store::Store;

/// Verify the store
#[derive(Args, Debug)]
#[command(
    after_help = "Compares every index entry with the journal, and every receipt with its orders, and verifies every\n\
checksum. Reports each fault in a sentence, with exit status 1. Writes nothing.\n\n\
Example: wharfinger check --data ./wharfinger-data"
)]
pub(super) struct Check {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

impl Check {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let location = self.data.location()?;
        warn_if_exposed(&location);
        // The PostgreSQL client runs a runtime of its own.
        let checked = tokio::task::block_in_place(|| Store::check_at(&location));
        let report = readable(checked, &location)?;
        if self.json {
            write_json(out, &as_json(&report))?;
        } else {
            write_report(out, &report)?;
        }
        if !report.faults.is_empty() {
            bail!(
                "the store in {} has {} faults",
                location,
                report.faults.len()
            );
        }
        Ok(())
    }
}

/// A report as JSON.
pub(super) fn as_json(report: &CheckReport) -> serde_json::Value {
    serde_json::json!({
        "orders": report.orders,
        "revisions": report.revisions,
        "batches": report.batches,
        "events": report.events,
        "faults": report.faults,
    })
}

/// Writes a report as text.
pub(super) fn write_report(out: &mut dyn Write, report: &CheckReport) -> Result<()> {
    for fault in &report.faults {
        writeln!(out, "fault: {}", shown(fault))?;
    }
    writeln!(
        out,
        "checked {} orders, {} revisions, {} batches and {} events",
        report.orders, report.revisions, report.batches, report.events
    )?;
    Ok(())
}
