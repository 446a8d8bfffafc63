//! Requests and answers about rejected orders over all batches.

use wharfinger_core::dialect::Reply;
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};

use super::causes::{cause_pointer, without_indexes};
use super::receipts::{Recorded, RecordedProblem, Visible};
use super::replies::SaveReply;

/// Which rejected orders to read, newest batch first.
#[derive(Clone, Debug)]
pub struct ReadRejections {
    /// What the caller may see.
    pub visible: Visible,
    /// Only orders of this organisation.
    pub organisation: Option<OrganisationId>,
    /// Only orders of this dialect.
    pub dialect: Option<String>,
    /// Only orders received at this time or later, in milliseconds since 1970.
    pub received_from_ms: Option<i64>,
    /// Only orders received at this time or earlier.
    pub received_to_ms: Option<i64>,
    /// Only orders with an error of this code.
    pub code: Option<String>,
    /// Only orders with an error at this pointer; a step `*` stands for any position in an array.
    pub pointer: Option<String>,
    /// Only orders with this key.
    pub key: Option<String>,
    /// Only orders of this batch.
    pub batch: Option<BatchId>,
    /// Only orders that are neither mended nor dismissed.
    pub is_open: bool,
    /// The cursor: where the page begins.
    pub from: Option<RejectionId>,
    /// The most orders to return. At least 1.
    pub limit: usize,
}

impl ReadRejections {
    /// Whether an error is one that the filters ask for. Without such filters, any is.
    #[must_use]
    pub fn wants(&self, error: &RecordedProblem) -> bool {
        let has_code = self.code.as_ref().is_none_or(|code| *code == error.code);
        let is_at = |pointer: &String| {
            *pointer == error.pointer
                || *pointer == without_indexes(&error.pointer)
                || *pointer == cause_pointer(&error.code, &error.pointer)
        };
        has_code && self.pointer.as_ref().is_none_or(is_at)
    }
}

/// A rejected order: its batch, and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectionId {
    /// The batch.
    pub batch: BatchId,
    /// The position in the batch, from 0.
    pub index: u32,
}

/// A page of rejected orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectionPage {
    /// The orders. There may be fewer than requested even if there is a next page.
    pub orders: Vec<RejectedOrder>,
    /// Where the next page begins. `None` at the end.
    pub next: Option<RejectionId>,
}

/// A rejected order, with what its receipt says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedOrder {
    /// The batch.
    pub batch: BatchId,
    /// The dialect of the batch.
    pub dialect: String,
    /// The API key that sent the batch.
    pub key_id: String,
    /// When the batch was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// The order. Its outcome is a rejection.
    pub recorded: Recorded,
    /// Why it is not open any more.
    pub closed: Option<Closed>,
}

/// Why a rejected order is not open any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It was sent again and accepted. `None` if the caller may not see the order that mended it.
    Mended(Option<MendedBy>),
    /// Somebody decided that it is not sent again.
    Dismissed(Dismissed),
}

/// What mended a rejected order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MendedBy {
    /// The batch that it was sent again in.
    pub batch: BatchId,
    /// The order.
    pub order: OrderId,
}

/// The dismissal of a rejected order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dismissed {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The API key that did it.
    pub key_id: String,
    /// Why.
    pub note: Option<String>,
}

/// The dismissal of a rejected order that a caller may see.
pub struct DismissRejection {
    /// The rejected order.
    pub id: RejectionId,
    /// What the caller may see.
    pub visible: Visible,
    /// The API key that dismisses it.
    pub key_id: String,
    /// Why.
    pub note: Option<String>,
    /// How to save the response, if it should be saved.
    pub save_reply: Option<SaveReply<DismissResult>>,
}

/// The result of a dismissal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DismissResult {
    /// There is no such order, or the caller may not see it.
    NotFound,
    /// The order is dismissed. If it was before, that dismissal stays.
    Dismissed(Box<RejectedOrder>),
    /// The order was dismissed before, without this note. Nothing was changed.
    Before(Dismissed),
    /// The order was mended before. Nothing was changed.
    Mended(Option<MendedBy>),
}

/// The result of a dismissal, and the response that was saved.
pub type DismissDone = (DismissResult, Option<Reply>);
