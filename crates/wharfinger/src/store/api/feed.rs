//! The event feed.

use std::collections::HashMap;

use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};

/// A period of a store's history, named by a random number. Feed cursors contain the latest epoch that their reader saw. A store
/// that was restored to an earlier moment therefore detects cursors from after that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub i64);

/// Which events to read.
#[derive(Clone, Debug)]
pub struct ReadFeed {
    /// The organisations to read, in this order, each after a position. 0 is the beginning.
    pub from: Vec<(OrganisationId, u64)>,
    /// The positions of other organisations. They are not read, but the cursor must be valid for them too.
    pub others: Vec<(OrganisationId, u64)>,
    /// The epoch in which these positions were issued. `None` if the caller trusts its positions.
    pub epoch: Option<Epoch>,
    /// Only events of this kind.
    pub kind: Option<EventKind>,
    /// The most events to return.
    pub limit: usize,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The events, each with its organisation. Within an organisation, they are in commit order.
    pub events: Vec<(OrganisationId, Event)>,
    /// The latest epoch of the store.
    pub epoch: Epoch,
    /// How far each organisation was read, in the order of the request.
    pub positions: Vec<(OrganisationId, u64)>,
    /// The index in `positions` of the organisation where the page ended early. The page is full, or takes too long to fill.
    /// `None` if everything was read.
    pub cut: Option<usize>,
}

/// Why a feed cannot continue from a position, and where it can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedBegins {
    /// Whether the store was restored to an earlier moment than that of the cursor. Otherwise events were purged.
    pub is_restored: bool,
    /// The latest epoch of the store. The positions belong to it.
    pub epoch: Epoch,
    /// The organisations with an invalid position, each with the position after which its feed has all events.
    pub positions: Vec<(OrganisationId, u64)>,
}

/// The position of the latest event of each organisation, as far as known.
pub type Growth = HashMap<OrganisationId, u64>;

/// One entry of an organisation's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The position in the feed, from 1, without gaps.
    pub position: u64,
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub kind: EventKind,
    /// The batch of the event. `None` for a transition.
    pub batch: Option<BatchId>,
    /// The order of the event. `None` if the event is about a batch.
    pub order: Option<OrderId>,
    /// The first sub-order of a split order, if this order is one of its sub-orders.
    pub origin: Option<OrderId>,
}

/// Declares the kinds of events. Each has one row: what happened, its variant, and its name as clients see it.
macro_rules! event_kinds {
    ($($(#[$about:meta])* $kind:ident = $name:literal,)*) => {
        /// The kind of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$about])* $kind,)*
        }

        impl EventKind {
            const ALL: &[Self] = &[$(Self::$kind),*];
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The name of this kind.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

event_kinds! {
    /// A new order.
    OrderAccepted = "order.accepted",
    /// A new revision.
    OrderUpdated = "order.updated",
    /// An order was processed.
    OrderProcessed = "order.processed",
    /// An order was cancelled.
    OrderCancelled = "order.cancelled",
    /// The fulfilment of an order was reported.
    OrderFulfilment = "order.fulfilment",
    /// A batch with orders of this organisation was received.
    BatchReceived = "batch.received",
}

impl EventKind {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The names of the kinds that are about an order.
    pub fn names_of_orders() -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.iter().copied();
        names.filter(|name| name.starts_with("order."))
    }
}
