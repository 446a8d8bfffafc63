//! Destinations: where events are carried to, and how far.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::{Event, EventKind, FeedCursor, FeedFilter};

/// The form of orders with everything that is known of them, as `GET /v1/orders/{id}` shows them. Only for sinks.
pub const STORED_FORM: &str = "stored";

/// A destination as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The id.
    pub id: Uuid,
    /// The key that created it, or [`COMMAND_LINE`](super::COMMAND_LINE).
    pub created_by: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// The organisations whose events it gets.
    pub reach: OrgAccess,
    /// The types of events that it gets. `None` for all.
    pub kinds: Option<Vec<EventKind>>,
    /// The form of the order in each event: a dialect's id, or `submitted`. `None` for no order.
    pub form: Option<String>,
    /// Whether events of one order key follow each other, or all events.
    pub order: DeliveryOrder,
    /// Events in one request, at most.
    pub max_events: u32,
    /// How long an incomplete batch waits for more events, in milliseconds.
    pub max_wait_ms: u32,
    /// Requests at the same time, at most.
    pub parallel: u32,
    /// How long a request may take, in seconds.
    pub timeout_s: u32,
    /// The kind of destination and its settings, as JSON. Read by `onward::settings`.
    pub settings: String,
    /// Secrets by which deliveries are signed. The newest comes first.
    pub secrets: Vec<SigningSecret>,
    /// Whether it works.
    pub state: DestinationState,
    /// When the state was entered, in milliseconds since 1970.
    pub state_since_ms: i64,
    /// Why it was disabled. `None` in every other state.
    pub reason: Option<String>,
    /// Events up to this cursor are not of this destination. `None`: all events are.
    pub begins: Option<FeedCursor>,
    /// Events before this time are not of this destination, in milliseconds since 1970.
    pub begins_ms: Option<i64>,
    /// Increases with every change of the definition, and with every replay.
    pub version: i64,
    /// Increases with every replay that moves the cursor. What a receiver keeps on its own account of how far it is, is void then.
    pub replays: i64,
}

impl Destination {
    /// Applies a change. Returns the names of what it changes.
    pub fn change(&mut self, patch: &DestinationPatch) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let mut set = |name, is_given: bool| {
            if is_given {
                changed.push(name);
            }
        };
        set("organisations", replace(&mut self.reach, &patch.reach));
        set("events", replace(&mut self.kinds, &patch.kinds));
        set("form", replace(&mut self.form, &patch.form));
        set("order", replace(&mut self.order, &patch.order));
        let batch = replace(&mut self.max_events, &patch.max_events)
            | replace(&mut self.max_wait_ms, &patch.max_wait_ms);
        set("batch", batch);
        set("parallel", replace(&mut self.parallel, &patch.parallel));
        set("timeout_s", replace(&mut self.timeout_s, &patch.timeout_s));
        set("settings", replace(&mut self.settings, &patch.settings));
        changed
    }

    /// Which events it gets, and how.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection {
            filter: FeedFilter {
                kinds: self.kinds.clone(),
                since_ms: self.begins_ms,
            },
            begins: self.begins.clone(),
            form: self.form.clone(),
        }
    }
}

/// Which events of its organisations a destination gets, and in which form their orders are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of which kinds, and since when.
    pub filter: FeedFilter,
    /// Events up to this cursor are left out. `None`: none are.
    pub begins: Option<FeedCursor>,
    /// The form of the order in each event: a dialect's id, or `submitted`. `None` for no order.
    pub form: Option<String>,
}

impl Selection {
    /// Whether an event is to be got, by its place, its kind and its time. `stamp` is that of its transaction.
    #[must_use]
    pub fn wants(&self, place: FeedPlace, stamp: i64, kind: EventKind, at_ms: i64) -> bool {
        self.filter.wants(kind, at_ms) && !self.is_before(place, stamp)
    }

    /// Whether an event is before the cursor from which on events are got.
    #[must_use]
    pub fn is_before(&self, place: FeedPlace, stamp: i64) -> bool {
        let begins = self.begins.as_ref();
        begins.is_some_and(|begins| begins.has_passed(place, stamp))
    }

    /// Whether all events are got, from the beginning on.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.begins.is_none() && self.filter == FeedFilter::default()
    }
}

/// Replaces a value by a new one, if one is given. Returns whether it is.
fn replace<T: Clone>(value: &mut T, new: &Option<T>) -> bool {
    if let Some(new) = new {
        value.clone_from(new);
    }
    new.is_some()
}

/// What follows what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// Events of one order key follow each other.
    Key,
    /// All events follow each other.
    All,
}

impl DeliveryOrder {
    /// Every order.
    pub const ALL: [Self; 2] = [Self::Key, Self::All];

    /// The name that clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::All => "all",
        }
    }

    /// The order of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// Whether a destination works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationState {
    /// Events are delivered.
    Active,
    /// Someone has paused it.
    Paused,
    /// The server has given up. See [`Destination::reason`].
    Disabled,
}

impl DestinationState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Disabled];

    /// The name that clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A secret by which deliveries are signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    /// `whsec_…` or `whsk_…`.
    pub secret: String,
    /// Until when it is used, in milliseconds since 1970. `None` for the current one.
    pub until_ms: Option<i64>,
}

/// A position in an organisation's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedPlace {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The position in its feed, from 1.
    pub position: u64,
}

/// How far a destination is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to this cursor was delivered or is parked. `None`: nothing yet, from the beginning.
    pub cursor: Option<FeedCursor>,
    /// Events behind the cursor that were delivered or are parked, in ascending order.
    pub done: Vec<FeedPlace>,
    /// The number of events that were delivered.
    pub delivered: u64,
    /// When the latest event was delivered, in milliseconds since 1970.
    pub delivered_at_ms: Option<i64>,
    /// When the failures began that no success has followed, in milliseconds since 1970.
    pub failing_since_ms: Option<i64>,
}

/// An order key whose events wait because one of them was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The organisation.
    pub organisation: OrganisationId,
    /// A hash of dialect and order key (or of the batch, for an event of a batch), by which the runner finds it.
    pub lane_key: u64,
    /// The order key, or the batch id, as people know it.
    pub label: String,
    /// The positions of the waiting events in the organisation's feed, in ascending order. The first one was refused.
    pub positions: Vec<u64>,
    /// How often the first event was tried.
    pub attempts: u32,
    /// When it is tried again, in milliseconds since 1970. `None`: only a replay delivers it.
    pub next_at_ms: Option<i64>,
    /// What the last attempt met with, as a sentence.
    pub last_error: String,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// The id that the receiver saw.
    pub webhook_id: String,
    /// The number of the organisation of the first event.
    pub organisation: u32,
    /// The position of the first event.
    pub position: u64,
    /// How many events it carried.
    pub events: u32,
    /// Which attempt it was for this event, from 1.
    pub attempt: u32,
    /// `delivered`, `refused`, `timeout`, `unreachable`, `forbidden_address`, …
    pub result: String,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// The beginning of the answer, at most 1,024 bytes, or what went wrong.
    pub answer: String,
}

/// What a runner has achieved since it last reported. Stored in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The new progress.
    pub progress: Progress,
    /// Order keys that were parked, or that have changed.
    pub parked: Vec<Parked>,
    /// Order keys that no longer wait.
    pub released: Vec<(OrganisationId, u64)>,
    /// Attempts that failed. The store keeps the latest ones of each destination.
    pub failed: Vec<Attempt>,
    /// The latest attempts that succeeded, if they are to be written now. Replaces those written before.
    pub succeeded: Option<Vec<Attempt>>,
    /// Disables the destination, for this reason.
    pub disable: Option<String>,
}

/// A lease of a destination: only its holder delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The destination as it is now.
    pub destination: Arc<Destination>,
    /// How far it is.
    pub progress: Progress,
    /// All its parked order keys.
    pub parked: Vec<Parked>,
    /// A number that fences the reports of earlier holders.
    pub number: i64,
}

/// A lease that was renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The destination.
    pub id: Uuid,
    /// The number of the lease.
    pub number: i64,
    /// Whether the destination is still as it was when it was leased. If it was paused, changed or replayed, its holder stops, and
    /// releases the lease.
    pub is_current: bool,
}

/// How far a destination is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryLag {
    /// Events of its organisations behind its cursor that were not delivered, of whichever kind.
    pub events: u64,
    /// When the oldest of them was committed, in milliseconds since 1970. `None` if there are none.
    pub oldest_at_ms: Option<i64>,
}

/// A destination and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationStatus {
    /// The destination.
    pub destination: Arc<Destination>,
    /// How far it is.
    pub progress: Progress,
    /// How many order keys are parked.
    pub parked: u64,
    /// How many of them only a replay delivers.
    pub given_up: u64,
    /// When the next parked order key is tried again, in milliseconds since 1970.
    pub next_at_ms: Option<i64>,
    /// Whether a server works on it.
    pub is_leased: bool,
}

impl DestinationStatus {
    /// That of a destination to which nothing was delivered yet.
    #[must_use]
    pub fn new(destination: Destination) -> Self {
        let progress = Progress {
            cursor: destination.begins.clone(),
            ..Progress::default()
        };
        Self {
            destination: Arc::new(destination),
            progress,
            parked: 0,
            given_up: 0,
            next_at_ms: None,
            is_leased: false,
        }
    }
}

/// A change of a destination. Each has an entry in the audit log.
#[derive(Clone, Debug)]
pub enum DestinationChange {
    /// Creates a destination, and begins after its cursor `begins`.
    Create(Box<Destination>),
    /// Changes what is given.
    Change(Box<DestinationPatch>),
    /// Deletes a destination, with all that is known of its deliveries.
    Delete(Uuid),
    /// Pauses a destination.
    Pause(Uuid),
    /// Goes on with a destination that was paused or disabled.
    Resume(Uuid),
    /// Adds a secret. The others remain valid for some time.
    Rotate {
        /// The destination.
        id: Uuid,
        /// The new secret.
        secret: String,
        /// Until when the others are valid, in milliseconds since 1970.
        others_until_ms: i64,
    },
    /// Delivers again.
    Replay {
        /// The destination.
        id: Uuid,
        /// From where.
        from: ReplayFrom,
    },
}

/// New values of a destination's definition.
#[derive(Clone, Debug, Default)]
pub struct DestinationPatch {
    /// The destination.
    pub id: Uuid,
    /// The organisations whose events it gets.
    pub reach: Option<OrgAccess>,
    /// The types of events that it gets; `Some(None)` for all.
    pub kinds: Option<Option<Vec<EventKind>>>,
    /// The form of the orders; `Some(None)` for none.
    pub form: Option<Option<String>>,
    /// What follows what.
    pub order: Option<DeliveryOrder>,
    /// Events in one request, at most.
    pub max_events: Option<u32>,
    /// How long an incomplete batch waits for more events, in milliseconds.
    pub max_wait_ms: Option<u32>,
    /// Requests at the same time, at most.
    pub parallel: Option<u32>,
    /// How long a request may take, in seconds.
    pub timeout_s: Option<u32>,
    /// The kind and its settings, as JSON.
    pub settings: Option<String>,
}

/// From where a destination delivers again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// From the beginning of the feed.
    Beginning,
    /// From a cursor on, and from a time on, in milliseconds since 1970.
    After(FeedCursor, Option<i64>),
    /// The order keys that are parked.
    Failed,
}

/// An event as a destination gets it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The organisation whose feed it is in.
    pub organisation: OrganisationId,
    /// The event.
    pub event: Event,
    /// The position before it in the organisation's feed that this destination was to get. `None` if there is none.
    pub previous: Option<u64>,
    /// The position before it of the same order that this destination was to get. `None` if there is none.
    pub previous_of_order: Option<u64>,
    /// A hash of dialect and order key, or of the batch.
    pub lane_key: u64,
    /// The order key, or the batch id.
    pub label: String,
    /// The order at the event's revision in the form of the destination, as JSON. `None` if the destination wants none or the event
    /// has none.
    pub order: Option<String>,
    /// The cursor after the event. Of an event that was read by its position, the beginning of the feed.
    pub next: FeedCursor,
}

/// Events for a destination.
#[derive(Clone, Debug)]
pub struct DeliveryPage {
    /// The events. Within an organisation, they are in commit order.
    pub deliveries: Vec<Delivery>,
    /// The cursor after the page.
    pub next: FeedCursor,
    /// Whether the page ended early, because it is full or takes too long to fill.
    pub is_cut: bool,
}
