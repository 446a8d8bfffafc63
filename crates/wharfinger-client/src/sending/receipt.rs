//! A line of the receipts beside a file: what a server answered to a batch.

use serde::{Deserialize, Serialize};

/// What a server answered to a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Receipt {
    /// The batch's id. `None` if nothing of it was sent, because the rows of the file made no orders.
    pub(crate) id: Option<String>,
    /// The server.
    pub(crate) url: String,
    /// The public id of the API key.
    pub(crate) key_id: String,
    /// The dialect of the orders.
    pub(crate) dialect: String,
    /// The organisation that the request named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organisation: Option<String>,
    /// The batch that this one mends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mends: Option<String>,
    /// Whether nothing was stored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) dry_run: bool,
    /// When the answer arrived, in RFC 3339.
    pub(crate) answered_at: String,
    /// Whether the server gave the saved answer to an earlier request.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) replayed: bool,
    /// The key of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    /// The line of the file where the first order begins.
    pub(crate) first_line: u64,
    /// The line of the file where the last order begins.
    pub(crate) last_line: u64,
    /// Orders that were sent.
    pub(crate) received: u64,
    /// New orders.
    pub(crate) accepted: u64,
    /// Orders that changed one that was there.
    pub(crate) updated: u64,
    /// Orders that were there before.
    pub(crate) unchanged: u64,
    /// Orders that were not stored, also those that were not sent.
    pub(crate) rejected: u64,
    /// The rejected orders. Those that were sent stand in the file of rejected orders, in this order.
    #[serde(default)]
    pub(crate) rejected_orders: Vec<RejectedOrder>,
}

/// A rejected order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct RejectedOrder {
    /// Its line in the file.
    pub(crate) line: u64,
    /// The order key, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The sender's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Whether it was not even sent, because the rows of the file made no order. Then it is not in the file of rejected orders.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) not_sent: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
