//! Requests and answers about orders, in any dialect.

use std::sync::Arc;

use wharfinger_core::admit::Move;
use wharfinger_core::caller::Reach;
use wharfinger_core::dialect::{OrderQuery, Reply, StoredOrder};
use wharfinger_core::fulfilment::{Fulfilment, Reported};
use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::outcome::State;
use wharfinger_core::problem::Code;

use super::{EventKind, Remember};

/// An order of any organisation and dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOrder {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The dialect it came in.
    pub dialect: String,
    /// The order.
    pub order: StoredOrder,
}

/// A report to be kept.
#[derive(Debug)]
pub struct Fulfil {
    /// The order that it is on.
    pub id: OrderId,
    /// The organisations whose orders may be reported on; others are not there.
    pub reach: Reach,
    /// What it says.
    pub fulfilment: Fulfilment,
    /// The API key that reports.
    pub key_id: String,
    /// That the answer is to be kept.
    pub remember: Option<Remember<FulfilledOrder>>,
}

/// The report that is kept now, or why it is not.
pub type FulfilledOrder = Result<Reported, NotMoved>;

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fulfilled {
    /// That.
    pub result: FulfilledOrder,
    /// The answer, if it was to be kept; it is, if the report is.
    pub reply: Option<Reply>,
}

/// A part of what became of an order, the latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Whose order it is.
    pub organisation: OrganisationId,
    /// Its entries.
    pub entries: Vec<HistoryEntry>,
    /// Where it goes on; none at the end.
    pub next: Option<HistoryCursor>,
}

/// Where a part of a history ended: the places of the next revision and of the next change of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryCursor {
    /// The next revision.
    pub revision: Option<i64>,
    /// The next change that is no revision.
    pub change: Option<i64>,
}

/// One thing that became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it is.
    pub what: HistoryKind,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryKind {
    /// It was accepted or updated.
    Revision(Revision),
    /// Something else.
    Change {
        /// What.
        kind: EventKind,
        /// The API key that asked for it, or what stands for one.
        key_id: String,
    },
}

/// One revision of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// From 1.
    pub revision: u32,
    /// The batch that brought it.
    pub batch: BatchId,
    /// What was submitted, verbatim.
    pub text: String,
}

/// Orders to be moved, by their ids.
#[derive(Debug)]
pub struct MoveById {
    /// Their ids; one that stands twice is moved twice.
    pub ids: Vec<OrderId>,
    /// The organisations whose orders may be moved; others are not there.
    pub reach: Reach,
    /// Where they are to go.
    pub wanted: Move,
    /// The API key that asks, or what stands for one.
    pub key_id: String,
    /// That the answer is to be kept.
    pub remember: Option<Remember<[MovedOrder]>>,
}

/// Orders that were moved by id, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedById {
    /// One result an id, in order.
    pub results: Vec<MovedOrder>,
    /// The answer, if it was to be kept; it is, if an order was moved.
    pub reply: Option<Reply>,
}

/// Where an order stands after a move, or why it was not moved.
pub type MovedOrder = Result<State, NotMoved>;

/// An order that was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMoved {
    /// Why.
    pub code: Code,
    /// Where it stands; none where there is no such order.
    pub state: Option<State>,
}

/// Which orders to list, of any organisation and dialect. All of the conditions hold.
pub struct ListOrders {
    /// Whose, in ascending order.
    pub organisations: Vec<OrganisationId>,
    /// Of this dialect.
    pub dialect: Option<&'static str>,
    /// In one of these states.
    pub states: Vec<State>,
    /// Of this key.
    pub key: Option<String>,
    /// Of this number.
    pub number: Option<u64>,
    /// Of a customer with this address. Found by a hash: `keep` has to be set too.
    pub email: Option<String>,
    /// First accepted in this batch.
    pub batch: Option<BatchId>,
    /// Created at this time or later, in milliseconds since 1970.
    pub created_from_ms: Option<i64>,
    /// Created before this time.
    pub created_before_ms: Option<i64>,
    /// Last changed at this time or later.
    pub updated_from_ms: Option<i64>,
    /// A further condition on an order's content.
    pub keep: Option<KeepFound>,
    /// Go on behind the page that ended here.
    pub after: Option<ListCursor>,
    /// How many to give.
    pub limit: usize,
}

/// A condition on an order.
pub type KeepFound = Box<dyn Fn(&FoundOrder) -> bool + Send + Sync>;

/// What the orders of a list stand in the order of, within each organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedBy {
    /// Their creation.
    Creation,
    /// Their latest change.
    Change,
    /// Their latest full text.
    Text,
}

impl ListOrders {
    /// Every order of some organisations, in the order of creation.
    #[must_use]
    pub fn all(organisations: Vec<OrganisationId>, limit: usize) -> Self {
        Self {
            organisations,
            dialect: None,
            states: State::ALL.to_vec(),
            key: None,
            number: None,
            email: None,
            batch: None,
            created_from_ms: None,
            created_before_ms: None,
            updated_from_ms: None,
            keep: None,
            after: None,
            limit,
        }
    }

    /// What the orders will stand in the order of: a cursor is good for no other.
    #[must_use]
    pub fn listed_by(&self) -> ListedBy {
        let is_narrow = self.key.is_some() || self.number.is_some() || self.batch.is_some();
        match (&self.email, self.updated_from_ms) {
            (Some(_), _) if !is_narrow => ListedBy::Text,
            (None, Some(_)) if !is_narrow => ListedBy::Change,
            _ => ListedBy::Creation,
        }
    }
}

/// Where a page of a list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// The organisation it ended in.
    pub organisation: OrganisationId,
    /// The place there.
    pub place: i64,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The orders.
    pub orders: Vec<FoundOrder>,
    /// Where the next page begins; none at the end. A page that would take too long to fill ends early, perhaps with nothing on it.
    pub next: Option<ListCursor>,
}

/// Orders to be moved, all of one organisation and dialect.
#[derive(Debug)]
pub struct MoveOrders {
    /// Whose they are.
    pub organisation: OrganisationId,
    /// The dialect they came in.
    pub dialect: &'static str,
    /// Their keys; one that stands twice is moved twice.
    pub keys: Vec<String>,
    /// Where they are to go.
    pub wanted: Move,
    /// The API key that asks, or what stands for one.
    pub key_id: String,
    /// Whether to keep the answer.
    pub remember: Option<Remember<[Result<(), Code>]>>,
}

/// Which orders to read.
pub struct ReadOrders {
    /// Whose.
    pub organisation: OrganisationId,
    /// Of which dialect.
    pub dialect: &'static str,
    /// Which of them.
    pub query: Arc<OrderQuery>,
    /// Go on behind this place, rather than from the start; then `query.offset` does not count.
    pub after: Option<OrderCursor>,
}

/// Where a page of orders ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCursor(pub i64);

/// A page of orders.
#[derive(Clone, Debug, Default)]
pub struct OrderPage {
    /// The orders, in the order that was asked for.
    pub orders: Vec<StoredOrder>,
    /// How many match in all, counted up to `count_max`; 0 where that was absent.
    pub total: u64,
    /// Where the next page begins; none at the end.
    pub next: Option<OrderCursor>,
}
