//! The words that leave.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::encode::Listed;
use crate::outcome::BatchStatus;

/// A refusal of a request: RFC 9457 problem details.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Problem")]
pub(super) struct Refusal<'s> {
    /// A reference to the description of this kind of refusal.
    pub r#type: String,
    /// The kind of refusal, stable.
    pub code: &'static str,
    pub title: &'static str,
    pub status: u16,
    pub detail: String,
    /// The path that was asked for.
    pub instance: &'s str,
    /// Where a list cannot be read on from a cursor: the cursor of the first of what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<&'s str>,
    /// What is wrong with the attributes of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<OrderError>,
}

/// What became of a batch.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "BatchOutcome")]
pub(super) struct Batch<'s> {
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    #[schemars(extend("enum" = BatchStatus::ALL.map(BatchStatus::name)))]
    pub status: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    pub received: u64,
    pub accepted: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub rejected: u64,
    pub withheld: u64,
    /// Why a batch is rejected that has no order at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<[BatchError; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<OrderResult<'s>>>")]
    pub results: Option<Listed<'s>>,
}

/// What is wrong with a batch as a whole.
#[derive(JsonSchema, Serialize)]
pub(super) struct BatchError {
    pub code: &'static str,
    pub message: &'static str,
}

/// What became of one order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OrderOutcome")]
pub(super) struct OrderResult<'s> {
    pub index: usize,
    /// The line it stands on, in a body of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The sender's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'s, str>>,
    #[schemars(extend("enum" = ["accepted", "updated", "unchanged", "rejected", "withheld"]))]
    pub outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Where it was split: the numbers of all parts, its own first.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    pub orders: &'s [u64],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<OrderError>,
    /// What is odd about the order, whether it was taken or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<OrderWarning>,
}

/// One thing that is wrong with an order.
#[derive(JsonSchema, Serialize)]
pub(super) struct OrderError {
    /// RFC 6901, relative to the order.
    pub pointer: String,
    pub code: &'static str,
    pub message: String,
}

/// One thing that is odd about an order.
#[derive(JsonSchema, Serialize)]
pub(super) struct OrderWarning {
    /// RFC 6901, relative to the order.
    pub pointer: String,
    pub code: &'static str,
    pub message: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
