//! The event feed.

use std::collections::HashMap;

use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};

/// A stretch of a store's history, by a random number. Cursors of the feed name the latest one that their reader saw, so that a
/// store that was restored to an earlier moment knows those that lie beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub i64);

/// Which events to read.
#[derive(Clone, Debug)]
pub struct ReadFeed {
    /// Of which organisations, each behind a position (0 for the beginning), in the order in which they are read.
    pub from: Vec<(OrganisationId, u64)>,
    /// How far other organisations were read, in the same way: they are not read, but the cursor is to hold for them too.
    pub others: Vec<(OrganisationId, u64)>,
    /// The epoch that these positions were given in; none for one who trusts them.
    pub epoch: Option<Epoch>,
    /// Only what is of this kind.
    pub kind: Option<EventKind>,
    /// How many events to give.
    pub limit: usize,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The events, each with its organisation; within an organisation in commit order.
    pub events: Vec<(OrganisationId, Event)>,
    /// The latest epoch of the store.
    pub epoch: Epoch,
    /// How far each organisation was read, in the order that was asked for.
    pub positions: Vec<(OrganisationId, u64)>,
    /// The organisation, by its place there, in which the page ended before the feed did: it is full, or would take too long to fill.
    pub cut: Option<usize>,
}

/// Why a feed cannot be read on behind a position, and from where on it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedBegins {
    /// Whether the store was restored to an earlier moment than that of the cursor; else events were purged.
    pub is_restored: bool,
    /// The latest epoch of the store, which is that of these positions.
    pub epoch: Epoch,
    /// The organisations whose positions do not hold, and behind which position each is whole.
    pub positions: Vec<(OrganisationId, u64)>,
}

/// The position of the latest event of each organisation of which it is known.
pub type Growth = HashMap<OrganisationId, u64>;

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
    /// Of a part of an order: the first part of that order.
    pub origin: Option<OrderId>,
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
    /// It was reported how far an order is fulfilled.
    OrderFulfilment,
}
