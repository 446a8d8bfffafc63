//! The vendor's words that leave: the bodies of answers and refusals.

use serde::Serialize;
use serde_json::value::RawValue;

/// One order was taken.
#[derive(Serialize)]
pub(super) struct OrderAccepted {
    pub status: u16,
    pub id: String,
    pub message: &'static str,
}

/// One order was turned down.
#[derive(Serialize)]
pub(super) struct OrderInvalid {
    pub status: u16,
    pub message: &'static str,
    pub errors: Vec<String>,
}

/// What became of a batch; without `errors` where all of it was taken.
#[derive(Serialize)]
pub(super) struct BatchResult<'s> {
    pub status: u16,
    pub id: String,
    pub message: &'static str,
    pub summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<BatchErrors<'s>>,
}

#[derive(Serialize)]
pub(super) struct Summary {
    pub accepted: u64,
    pub rejected: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum BatchErrors<'s> {
    /// One member for each rejected order.
    OfOrders(Vec<RejectedOrder<'s>>),
    /// The batch was none.
    OfBatch([&'static str; 1]),
}

#[derive(Serialize)]
pub(super) struct RejectedOrder<'s> {
    /// As it was sent; null where it cannot be read.
    pub customer_order: Option<&'s RawValue>,
    pub errors: Vec<String>,
}

/// A refusal of a request.
#[derive(Serialize)]
pub(super) struct Refusal {
    pub status: u16,
    pub message: String,
}

/// The refusal of a caller who may not do this.
#[derive(Serialize)]
pub(super) struct Denied {
    pub status: u16,
    pub error: &'static str,
}

/// The refusal of a batch from a caller who is not known.
#[derive(Serialize)]
pub(super) struct BatchUnauthorized {
    pub status: u16,
    pub errors: &'static str,
}
