//! Requests and answers about receipts.

use uuid::Uuid;
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::{BatchStatus, Counts};

/// Which orders of a batch a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// All orders. For the operator of the store.
    All,
    /// What an API key may see: the orders of its organisations and, in batches that it sent, orders without a known
    /// organisation.
    To {
        /// The organisations that the key may act for.
        organisations: OrgAccess,
        /// The key's id.
        key_id: String,
    },
}

impl Visible {
    /// Whether the caller may see orders of an organisation, or of none, in a batch sent by the key `sender`.
    pub(crate) fn shows(&self, organisation: Option<OrganisationId>, sender: &str) -> bool {
        match (self, organisation) {
            (Self::All, _) => true,
            (Self::To { organisations, .. }, Some(organisation)) => organisations.has(organisation),
            (Self::To { key_id, .. }, None) => key_id == sender,
        }
    }
}

/// Which receipts to read, newest first.
#[derive(Clone, Debug)]
pub struct ReadReceipts {
    /// What the caller may see. Batches of which it may see nothing are skipped.
    pub visible: Visible,
    /// Only batches with orders of this organisation, or sent for it.
    pub organisation: Option<OrganisationId>,
    /// Only batches received at this time or later, in milliseconds since 1970.
    pub received_from_ms: Option<i64>,
    /// Only batches received at this time or earlier.
    pub received_to_ms: Option<i64>,
    /// Only batches whose visible part has this status.
    pub status: Option<BatchStatus>,
    /// Only batches of this dialect.
    pub dialect: Option<String>,
    /// Only the chunks of this import.
    pub import: Option<Uuid>,
    /// Only batches that this API key sent.
    pub key_id: Option<String>,
    /// The cursor: continue after this batch.
    pub after: Option<BatchId>,
    /// The most receipts to return. At least 1.
    pub limit: usize,
}

/// A page of receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptPage {
    /// The receipts. There may be fewer than requested even if there is a next page.
    pub receipts: Vec<ReceiptHead>,
    /// The batch after which the next page begins. `None` at the end.
    pub next: Option<BatchId>,
}

/// Organisations that a receipt names, at most. A batch may have orders of thousands.
pub const RECEIPT_ORGANISATIONS_MAX: usize = 100;

/// The receipt of a batch without its orders. Contains only what the caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptHead {
    /// The batch.
    pub id: BatchId,
    /// The dialect of the batch.
    pub dialect: String,
    /// The route's name.
    pub operation: String,
    /// The import that the batch is a chunk of.
    pub import: Option<Uuid>,
    /// The batch whose rejected orders were sent again.
    pub mends: Option<BatchId>,
    /// The first [`RECEIPT_ORGANISATIONS_MAX`] of the organisations that the batch had orders of, or was sent for.
    pub organisations: Vec<OrganisationId>,
    /// How many there are.
    pub organisations_total: u64,
    /// The API key that sent the batch.
    pub key_id: String,
    /// When the batch was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// Milliseconds from its receipt to the moment before its commit.
    pub duration_ms: u64,
    /// The number of orders with each outcome.
    pub counts: Counts,
    /// The number of its rejected orders that were mended since.
    pub mended: u64,
    /// The name of the file that the batch was read from.
    pub file_name: Option<String>,
    /// The number of orders with warnings.
    pub warned: u64,
    /// The kinds of warnings, each with the first order that has it. Filled in only when a single receipt is read.
    pub warnings: Vec<ReceiptWarning>,
}

/// A kind of warning in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptWarning {
    /// The position in the batch of the first order with the warning.
    pub index: u32,
    /// The warning of that order.
    pub warning: RecordedProblem,
}

/// Which orders of a batch to read, in the order of the batch.
#[derive(Clone, Debug)]
pub struct ReadResults {
    /// The batch.
    pub batch: BatchId,
    /// What the caller may see.
    pub visible: Visible,
    /// Only orders with this outcome.
    pub only: Option<OutcomeKind>,
    /// The cursor: continue after the order at this position in the batch.
    pub after: Option<u32>,
    /// The most orders to return. At least 1.
    pub limit: usize,
}

/// A page of the outcomes of a batch's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultPage {
    /// The outcomes. There may be fewer than requested if the orders are long.
    pub results: Vec<Recorded>,
    /// The position in the batch after which the next page begins. `None` at the end.
    pub next: Option<u32>,
}

/// The kind of an outcome, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// A new order.
    Accepted,
    /// A new revision of an order.
    Updated,
    /// The same content as the order's latest revision.
    Unchanged,
    /// Rejected.
    Rejected,
    /// Valid, but not stored, because others of an all-or-nothing batch were rejected.
    Withheld,
}

impl OutcomeKind {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Updated,
        Self::Unchanged,
        Self::Rejected,
        Self::Withheld,
    ];

    /// The name, as users read and write it. The same as that of [`Outcome`](wharfinger_core::order::outcome::Outcome).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
            Self::Withheld => "withheld",
        }
    }
}

/// The outcome of one order, as a receipt records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The position of the order in the batch, from 0.
    pub index: u32,
    /// The line number of the order, from 1, if the body consists of lines. `None` unless the order was rejected or withheld.
    pub line: Option<u32>,
    /// The organisation of the order, if known.
    pub organisation: Option<OrganisationId>,
    /// The sender's name for the order, if the body is an object of orders. `None` unless the order was rejected or withheld.
    pub name: Option<String>,
    /// The order key, if one could be read.
    pub key: Option<String>,
    /// The order number, if it has one.
    pub number: Option<u64>,
    /// If the order has been split since: the numbers of all sub-orders, its own first.
    pub parts: Vec<u64>,
    /// The outcome.
    pub outcome: RecordedOutcome,
    /// The warnings.
    pub warnings: Vec<RecordedProblem>,
}

/// An outcome, as a receipt records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// A new order.
    Accepted(OrderId),
    /// A new revision, with this number.
    Updated(OrderId, u32),
    /// The same content as the latest revision, which has this number.
    Unchanged(OrderId, u32),
    /// Rejected.
    Rejected(Rejection),
    /// Valid, but not stored, because others of an all-or-nothing batch were rejected.
    Withheld,
}

impl RecordedOutcome {
    /// The kind of the outcome.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Accepted(_) => OutcomeKind::Accepted,
            Self::Updated(..) => OutcomeKind::Updated,
            Self::Unchanged(..) => OutcomeKind::Unchanged,
            Self::Rejected(_) => OutcomeKind::Rejected,
            Self::Withheld => OutcomeKind::Withheld,
        }
    }
}

/// A rejected order, as a receipt records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The submitted text. `None` after its retention time, or after an erasure.
    pub text: Option<String>,
    /// The errors.
    pub errors: Vec<RecordedProblem>,
}

/// A problem, as a receipt records it. The message is stored too, because codes may gain parameters in later versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedProblem {
    /// The location of the attribute (RFC 6901), relative to the order.
    pub pointer: String,
    /// The stable code.
    pub code: String,
    /// The message, one sentence.
    pub message: String,
}
