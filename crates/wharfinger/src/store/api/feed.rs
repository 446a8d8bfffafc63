//! The event feed.

use std::collections::{BTreeMap, HashMap};

use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};

use super::FeedPlace;

/// A period of a store's history, named by a random number. Feed cursors contain the latest epoch that their reader saw. A store
/// that was restored to an earlier moment therefore detects cursors from after that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub i64);

/// How many organisations a reader may leave unfinished in a sweep, so that they do not delay those that follow.
pub const LAGGING_MAX: usize = 4;

/// How far a reader has read the feeds of all its organisations.
///
/// Each transaction has a stamp, a number that grows. The reader goes in sweeps. A sweep goes through the organisations, in
/// ascending order, and reads what transactions with certain stamps have written. Its last stamp is fixed when it begins. What is
/// committed later is read in the next one, so nothing is missed behind the reader's back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedCursor {
    /// The latest epoch of the store at the last read.
    pub epoch: Epoch,
    /// The stamp up to which everything was read before the sweep, except in `lagging`. 0 if this is the first sweep.
    pub from: i64,
    /// The last stamp of the sweep.
    pub to: i64,
    /// The organisation at which the sweep continues.
    pub next: OrganisationId,
    /// The organisations that are unfinished, in ascending order, each with the position of the last event that was read.
    pub lagging: Vec<(OrganisationId, u64)>,
    /// Whether the reader knows that events of this sweep were purged, and does without them.
    pub skips_purged: bool,
}

impl FeedCursor {
    /// A cursor from which everything up to a stamp was read.
    pub(crate) fn after(epoch: Epoch, stamp: i64) -> Self {
        Self {
            epoch,
            from: stamp,
            to: stamp,
            next: OrganisationId(0),
            lagging: Vec::new(),
            skips_purged: false,
        }
    }

    /// Whether a reader with this cursor has read an event. `stamp` is that of its transaction.
    #[must_use]
    pub fn has_passed(&self, place: FeedPlace, stamp: i64) -> bool {
        let unfinished = self.lagging.iter();
        let mut unfinished = unfinished.filter(|(of, _)| *of == place.organisation);
        match unfinished.next() {
            Some((_, position)) => place.position <= *position,
            None => stamp <= self.passed_stamp(place.organisation),
        }
    }

    /// The stamp up to which everything of an organisation was read, unless it is in `lagging`.
    #[must_use]
    pub(crate) fn passed_stamp(&self, organisation: OrganisationId) -> i64 {
        if organisation < self.next {
            self.to
        } else {
            self.from
        }
    }
}

/// Which events to read.
#[derive(Clone, Debug)]
pub struct ReadFeed {
    /// The cursor to continue from. `None` for the beginning.
    pub after: Option<FeedCursor>,
    /// The organisations to read, in ascending order.
    pub organisations: Vec<OrganisationId>,
    /// Which of their events.
    pub filter: FeedFilter,
    /// The most events to return.
    pub limit: usize,
}

/// Which events a reader of the feed wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Only events of these kinds. `None` for all.
    pub kinds: Option<Vec<EventKind>>,
    /// Only events of this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
}

impl FeedFilter {
    /// Whether the reader wants an event of this kind and time.
    #[must_use]
    pub fn wants(&self, kind: EventKind, at_ms: i64) -> bool {
        let is_of_kind = self.kinds.as_ref().is_none_or(|kinds| {
            kinds.contains(&kind)
                || kind
                    .stands_for()
                    .is_some_and(|other| kinds.contains(&other))
        });
        is_of_kind && self.since_ms.is_none_or(|since_ms| at_ms >= since_ms)
    }
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The events. Within an organisation, they are in commit order.
    pub events: Vec<FeedEvent>,
    /// The cursor after the page.
    pub next: FeedCursor,
    /// Whether the page ended early, because it is full or takes too long to fill.
    pub is_cut: bool,
}

/// An event of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// The organisation whose feed it is in.
    pub organisation: OrganisationId,
    /// The event.
    pub event: Event,
    /// The cursor after the event.
    pub next: FeedCursor,
}

/// Why a feed cannot continue from a cursor, and where it can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedBegins {
    /// Whether the store was restored to an earlier moment than that of the cursor. Otherwise events were purged.
    pub is_restored: bool,
    /// The cursor after which the feed has all events.
    pub first: FeedCursor,
}

/// What was written, as far as known: the stamp of each organisation's latest block, in the order in which it became known.
#[derive(Debug, Default)]
pub struct Growth {
    /// How many changes became known.
    changes: u64,
    /// The organisation of each change, by number, if it is the latest one of the organisation.
    latest: BTreeMap<u64, OrganisationId>,
    /// The number and the stamp of the latest change of each organisation.
    of: HashMap<OrganisationId, (u64, i64)>,
    /// The stamp up to which the writes of other processes are known.
    pub(crate) looked: i64,
}

impl Growth {
    /// Adds what is new. Returns whether anything is.
    pub(crate) fn add(&mut self, found: impl IntoIterator<Item = (OrganisationId, i64)>) -> bool {
        let before = self.changes;
        for (organisation, stamp) in found {
            let known = self.of.get(&organisation).copied();
            if known.is_some_and(|(_, known)| known >= stamp) {
                continue;
            }
            self.changes += 1;
            if let Some((number, _)) = known {
                self.latest.remove(&number);
            }
            self.latest.insert(self.changes, organisation);
            self.of.insert(organisation, (self.changes, stamp));
        }
        self.changes > before
    }

    /// Forgets all stamps. The store may lack the transactions that had them.
    pub(crate) fn forget(&mut self) {
        *self = Self {
            changes: self.changes,
            ..Self::default()
        };
    }

    /// The changes after the one with this number: the number, the organisation and the stamp of each.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, OrganisationId, i64)> {
        let changes = self.latest.range(number.saturating_add(1)..);
        changes.map(|(&number, &organisation)| {
            let stamp = self.of.get(&organisation).map_or(0, |(_, stamp)| *stamp);
            (number, organisation, stamp)
        })
    }
}

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
    /// An order is held for a person, by a rule of its organisation.
    OrderHeld = "order.held",
    /// A held order goes on. For readers it is a new order, unless they have seen it before it was held.
    OrderReleased = "order.released",
    /// A held order was refused by a person: it is cancelled.
    OrderRefused = "order.refused",
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

    /// The kind that readers may take it for. A reader that asks for that kind gets it too: what was held before comes to those who
    /// asked for new orders when it goes on, and a refusal to those who asked for cancellations.
    #[must_use]
    pub fn stands_for(self) -> Option<Self> {
        match self {
            Self::OrderReleased => Some(Self::OrderAccepted),
            Self::OrderRefused => Some(Self::OrderCancelled),
            Self::OrderAccepted
            | Self::OrderUpdated
            | Self::OrderHeld
            | Self::OrderProcessed
            | Self::OrderCancelled
            | Self::OrderFulfilment
            | Self::BatchReceived => None,
        }
    }

    /// The names of the kinds that are about an order.
    pub fn names_of_orders() -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.iter().copied();
        names.filter(|name| name.starts_with("order."))
    }
}
