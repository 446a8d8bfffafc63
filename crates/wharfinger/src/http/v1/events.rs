//! The feed of what became of orders.

use crate::store::EventKind;

/// The type of an event, as it is told.
pub(super) fn name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::BatchReceived => "batch.received",
        EventKind::OrderAccepted => "order.accepted",
        EventKind::OrderUpdated => "order.updated",
        EventKind::OrderProcessed => "order.processed",
        EventKind::OrderCancelled => "order.cancelled",
    }
}
