//! The feed of what became of an organisation's orders.

use wharfinger_core::ids::{BatchId, OrderId};

use super::slots::Moved;

/// One entry of an organisation's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// From 1, with no gaps.
    pub position: u64,
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub kind: EventKind,
    /// The batch it happened in; none for a move.
    pub batch: Option<BatchId>,
    /// The order it happened to; none for a batch.
    pub order: Option<OrderId>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A batch was received that has orders of this organisation.
    BatchReceived,
    /// A new order.
    OrderAccepted,
    /// A new revision.
    OrderUpdated,
    /// An order was taken on.
    OrderProcessed,
    /// An order was called off.
    OrderCancelled,
}

impl EventKind {
    /// What a move is told as.
    pub(crate) fn of_move(to: Moved) -> Self {
        match to {
            Moved::Processed => Self::OrderProcessed,
            Moved::Cancelled | Moved::Released => Self::OrderCancelled,
        }
    }
}
