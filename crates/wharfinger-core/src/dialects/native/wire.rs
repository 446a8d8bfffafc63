//! The output formats of the native API. The doc comments are descriptions in the OpenAPI document.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::encode::Listed;
use crate::order::outcome::BatchStatus;

/// Why a request was refused: problem details (RFC 9457).
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Problem")]
pub(super) struct Refusal<'s> {
    /// A link to the description of this kind of refusal.
    pub r#type: String,
    /// The kind of refusal; stable.
    pub code: &'static str,
    pub title: &'static str,
    pub status: u16,
    pub detail: String,
    /// The path of the request.
    pub instance: &'s str,
    /// If a list cannot continue from a cursor: the cursor of the first remaining entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<&'s str>,
    /// The errors of the attributes of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<OrderError>,
}

/// The outcome of a batch.
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
    /// Why a batch without invalid orders is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<[BatchError; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<OrderResult<'s>>>")]
    pub results: Option<Listed<'s>>,
}

/// An error of a batch as a whole.
#[derive(JsonSchema, Serialize)]
pub(super) struct BatchError {
    pub code: &'static str,
    pub message: &'static str,
}

/// The outcome of one order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OrderOutcome")]
pub(super) struct OrderResult<'s> {
    pub index: usize,
    /// The line of the order, from 1, in an NDJSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The name that the sender gave the order in the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'s, str>>,
    #[schemars(extend("enum" = ["accepted", "updated", "unchanged", "rejected", "withheld"]))]
    pub outcome: &'static str,
    /// `held` if a rule of the organisation holds the order for a person. The order is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["held"]))]
    pub state: Option<&'static str>,
    /// The name of the rule that holds the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// If the order was split: the order numbers of all parts, its own first.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    pub orders: &'s [u64],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<OrderError>,
    /// Warnings about the order, whether it was accepted or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<OrderWarning>,
}

/// One error of an order.
#[derive(JsonSchema, Serialize)]
pub(super) struct OrderError {
    /// The attribute, as a JSON pointer (RFC 6901) relative to the order.
    pub pointer: String,
    pub code: &'static str,
    pub message: String,
    /// The value that was sent, at most 100 characters of it. Absent if the attribute is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What a valid value is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What is wrong with the value, or what was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One warning about an order.
#[derive(JsonSchema, Serialize)]
pub(super) struct OrderWarning {
    /// The attribute, as a JSON pointer (RFC 6901) relative to the order.
    pub pointer: String,
    pub code: &'static str,
    pub message: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
