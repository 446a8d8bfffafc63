//! A receipt, as `/v1/batches` shows it.

use maud::{Markup, html};
use serde::Deserialize;

use crate::api;
use crate::parts::{Fault, count};

/// The outcomes of orders, and how the page calls them.
pub(super) const OUTCOMES: [&str; 5] = ["accepted", "updated", "unchanged", "rejected", "withheld"];

/// The receipt of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Receipt {
    pub(super) id: String,
    pub(super) dialect: String,
    pub(super) organisations: Vec<String>,
    pub(super) organisations_total: u64,
    pub(super) key_id: String,
    pub(super) received_at: String,
    pub(super) duration_ms: u64,
    #[serde(default)]
    pub(super) file_name: Option<String>,
    /// The batch whose rejected orders were sent again.
    #[serde(default)]
    pub(super) mends: Option<String>,
    /// How many of its rejected orders were mended.
    #[serde(default)]
    pub(super) mended: u64,
    pub(super) status: String,
    pub(super) received: u64,
    accepted: u64,
    updated: u64,
    unchanged: u64,
    pub(super) rejected: u64,
    withheld: u64,
    #[serde(default)]
    pub(super) warned: u64,
    #[serde(default)]
    pub(super) warnings: Vec<Warned>,
}

/// A kind of warning, with the first order that has it.
#[derive(Debug, Deserialize)]
pub(super) struct Warned {
    pub(super) index: u64,
    #[serde(flatten)]
    pub(super) warning: Fault,
}

impl Receipt {
    pub(super) fn count(&self, outcome: &str) -> u64 {
        match outcome {
            "accepted" => self.accepted,
            "updated" => self.updated,
            "unchanged" => self.unchanged,
            "rejected" => self.rejected,
            "withheld" => self.withheld,
            _ => self.received,
        }
    }
}

/// The address of a batch's page.
pub(super) fn address(id: &str) -> String {
    format!("/console/batches/{}", api::segment(id))
}

/// The counts of a receipt that are not zero, in words.
pub(super) fn counts(receipt: &Receipt) -> Markup {
    let shown: Vec<_> = OUTCOMES
        .iter()
        .filter(|outcome| receipt.count(outcome) > 0)
        .collect();
    html! {
        span.counts {
            @for outcome in &shown {
                span.{ "of-" (outcome) } { (count(receipt.count(outcome))) " " (outcome) }
            }
            @if shown.is_empty() { span.hint { "no orders" } }
        }
    }
}
