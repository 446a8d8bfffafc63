//! Requests and answers about receipts.

use uuid::Uuid;
use wharfinger_core::caller::Reach;
use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::outcome::{BatchStatus, Counts};

/// Which orders of a batch may be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// All: for whoever keeps the store.
    All,
    /// What an API key may see: the orders of its organisations, and in the batches that it sent those of no known one.
    To {
        /// The organisations that it may act for.
        organisations: Reach,
        /// The key's id.
        key_id: String,
    },
}

impl Visible {
    /// Whether orders of an organisation, or of none, are visible in a batch that a key has sent.
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
    /// What may be told; a batch of which that is nothing is passed over.
    pub visible: Visible,
    /// Only batches with orders of this organisation, or sent for it.
    pub organisation: Option<OrganisationId>,
    /// Received at this time or later, in milliseconds since 1970.
    pub received_from_ms: Option<i64>,
    /// Received at this time or earlier.
    pub received_to_ms: Option<i64>,
    /// Only batches of this status, as far as they are visible.
    pub status: Option<BatchStatus>,
    /// Only batches of this dialect.
    pub dialect: Option<String>,
    /// Only the pieces of this import.
    pub import: Option<Uuid>,
    /// Go on behind this batch.
    pub after: Option<BatchId>,
    /// How many to give, 1 at least.
    pub limit: usize,
}

/// A page of receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptPage {
    /// The receipts; there may be fewer than asked for, also where there is a next page.
    pub receipts: Vec<ReceiptHead>,
    /// Behind which batch the next page begins; none at the end.
    pub next: Option<BatchId>,
}

/// The record of a batch, but for its orders; as much of it as is visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptHead {
    /// The batch.
    pub id: BatchId,
    /// The dialect it came in.
    pub dialect: String,
    /// The route's name.
    pub operation: String,
    /// The import that it is a piece of.
    pub import: Option<Uuid>,
    /// The organisations that it had orders of, or was sent for.
    pub organisations: Vec<OrganisationId>,
    /// The API key that sent it.
    pub key_id: String,
    /// When it was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// Milliseconds until it was to be committed.
    pub duration_ms: u64,
    /// How many orders had each outcome.
    pub counts: Counts,
    /// How many orders have warnings.
    pub warned: u64,
    /// The kinds of warnings, each with the first order that has it; only told where one receipt is read.
    pub warnings: Vec<ReceiptWarning>,
}

/// A kind of warning that orders of a batch have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptWarning {
    /// The first order's place in the batch.
    pub index: u32,
    /// The warning of that order.
    pub warning: RecordedProblem,
}

/// Which orders of a batch to read, in the order of the batch.
#[derive(Clone, Debug)]
pub struct ReadResults {
    /// The batch.
    pub batch: BatchId,
    /// What may be told.
    pub visible: Visible,
    /// Only orders with this outcome.
    pub only: Option<OutcomeKind>,
    /// Go on behind the order at this place in the batch.
    pub after: Option<u32>,
    /// How many to give, 1 at least.
    pub limit: usize,
}

/// A page of what became of the orders of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultPage {
    /// What became of each; there may be fewer than asked for where their texts are long.
    pub results: Vec<Recorded>,
    /// Behind which place in the batch the next page begins; none at the end.
    pub next: Option<u32>,
}

/// An outcome, but for what goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// New.
    Accepted,
    /// Changed.
    Updated,
    /// The same again.
    Unchanged,
    /// Turned down.
    Rejected,
    /// Good, and not stored, since its batch was to be taken whole.
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

    /// Its name as users read and write it; that of [`Outcome`](wharfinger_core::outcome::Outcome).
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

/// What a receipt says of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The order's place in the batch, from 0.
    pub index: u32,
    /// The line it stood on, from 1, in a body of lines; not told of orders that were taken.
    pub line: Option<u32>,
    /// The organisation it belongs to, where that is known.
    pub organisation: Option<OrganisationId>,
    /// The sender's name for it, in an object of orders; not told of orders that were taken.
    pub name: Option<String>,
    /// Its key, where one could be read.
    pub key: Option<String>,
    /// Its number, where it has one.
    pub number: Option<u64>,
    /// Where it has been split by now: the numbers of all parts, its own first.
    pub parts: Vec<u64>,
    /// What became of it.
    pub outcome: RecordedOutcome,
    /// What is odd about it.
    pub warnings: Vec<RecordedProblem>,
}

/// What became of an order, as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// New.
    Accepted(OrderId),
    /// Changed, to this revision.
    Updated(OrderId, u32),
    /// The same again, at this revision.
    Unchanged(OrderId, u32),
    /// Turned down.
    Rejected(Rejection),
    /// Good, and not stored, since its batch was to be taken whole.
    Withheld,
}

impl RecordedOutcome {
    /// Which outcome it is.
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

/// A rejected order, as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Its bytes as they came; none where they were kept long enough.
    pub text: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<RecordedProblem>,
}

/// A problem, as kept: codes may gain parameters, so their sentence is kept with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedProblem {
    /// Where the attribute is (RFC 6901), relative to the order.
    pub pointer: String,
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
}
