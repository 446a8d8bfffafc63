//! Orders by their ids, whatever dialect they came in.

use wharfinger_core::admit::Move;
use wharfinger_core::caller::Reach;
use wharfinger_core::dialect::{Reply, StoredOrder};
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
