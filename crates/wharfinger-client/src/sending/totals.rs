//! The counts of a run.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::deliver::Delivery;
use super::outputs::Written;
use crate::terminal::shown;

/// The counts of everything that the server answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// Orders that the server judged, and those that were not even sent.
    pub(crate) orders: u64,
    accepted: u64,
    updated: u64,
    unchanged: u64,
    pub(crate) rejected: u64,
    /// Rejected orders that were not sent, because the rows of the file made no order.
    not_sent: u64,
    batches: u64,
    /// Orders and batches that an earlier run had sent.
    replayed_orders: u64,
    replayed_batches: u64,
    pub(crate) duration: Duration,
}

impl Totals {
    pub(super) fn add(&mut self, delivery: &Delivery) {
        for part in &delivery.parts {
            let outcome = &part.outcome;
            self.orders += outcome.received;
            self.accepted += outcome.accepted;
            self.updated += outcome.updated;
            self.unchanged += outcome.unchanged;
            self.rejected += outcome.rejected;
            self.batches += 1;
            if part.is_replayed {
                self.replayed_orders += outcome.received;
                self.replayed_batches += 1;
            }
        }
        if delivery.error.is_none() {
            let not_sent = delivery.batch.not_sent();
            self.orders += not_sent;
            self.rejected += not_sent;
            self.not_sent += not_sent;
        }
    }

    /// The orders that are stored now.
    pub(crate) fn taken(&self) -> u64 {
        self.accepted + self.updated + self.unchanged
    }

    /// Orders per second so far.
    pub(crate) fn per_second(&self, duration: Duration) -> u64 {
        (self.orders as f64 / duration.as_secs_f64().max(0.001)) as u64
    }

    /// Writes the counts as JSON.
    pub(crate) fn to_json(&self, file: &str, written: &Written, error: Option<&str>) -> Value {
        json!({
            "file": file,
            "complete": error.is_none(),
            "error": error,
            "orders": self.orders,
            "accepted": self.accepted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "not_sent": self.not_sent,
            "batches": self.batches,
            "already_sent": { "orders": self.replayed_orders, "batches": self.replayed_batches },
            "duration_ms": self.duration.as_millis() as u64,
            "orders_per_second": self.per_second(self.duration),
            "rejected_file": written.rejected,
            "reasons_file": written.reasons,
            "receipts_file": written.receipts,
        })
    }

    /// Writes the counts as a table.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        file: &str,
        written: &Written,
        is_dry_run: bool,
    ) -> Result<()> {
        let batches = counted(self.batches, "batch", "batches");
        let orders = counted(self.orders, "order", "orders");
        let seconds = self.duration.as_secs_f64();
        let rate = self.per_second(self.duration);
        let stored = if is_dry_run {
            " (dry run: nothing is stored)"
        } else {
            ""
        };
        writeln!(
            out,
            "{}: {orders} in {batches}, {seconds:.1} s, {rate} orders/s{stored}",
            shown(file)
        )?;
        let rows = [
            ("accepted", self.accepted),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("rejected", self.rejected),
        ];
        let width = self.orders.to_string().len();
        for (name, count) in rows {
            writeln!(out, "  {name:<12} {count:>width$}")?;
        }
        if self.not_sent > 0 {
            writeln!(
                out,
                "  not sent     {:>width$}  only in the reasons; mend them in {} itself, then submit it again",
                self.not_sent,
                shown(file)
            )?;
        }
        if self.replayed_batches > 0 {
            writeln!(
                out,
                "  already sent {:>width$}  by an earlier run; --again has them judged again",
                self.replayed_orders
            )?;
        }
        let files = [
            ("rejected orders", &written.rejected),
            ("reasons", &written.reasons),
            ("receipts", &written.receipts),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                writeln!(out, "  {name:<15} {}", shown(file))?;
            }
        }
        Ok(())
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{count} {word}")
}
