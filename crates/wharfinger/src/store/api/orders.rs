//! Requests and answers about orders, in any dialect.

use std::sync::Arc;

use wharfinger_core::decide::admit::Move;
use wharfinger_core::decide::fulfilment::{Fulfilment, Reported};
use wharfinger_core::dialect::{OrderQuery, Reply, StoredOrder};
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::Code;
use wharfinger_core::rules::Hold;

use super::{EventKind, SaveReply};

/// An order, with its organisation and dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOrder {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The dialect it was submitted in.
    pub dialect: String,
    /// The order.
    pub order: StoredOrder,
}

/// The operation of a batch with which a person replaces the text of an order.
pub const MEND_ORDER: &str = "mend_order";

/// A fulfilment report to store.
#[derive(Debug)]
pub struct Fulfil {
    /// The order.
    pub id: OrderId,
    /// The organisations whose orders the caller may report on. Other orders count as missing.
    pub reach: OrgAccess,
    /// The content of the report.
    pub fulfilment: Fulfilment,
    /// The API key that sends the report.
    pub key_id: String,
    /// How to save the response, if it should be saved.
    pub save_reply: Option<SaveReply<FulfilledOrder>>,
}

/// The stored report, or why it was not stored.
pub type FulfilledOrder = Result<Reported, TransitionRefused>;

/// The result of a report, with the saved response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fulfilled {
    /// The result.
    pub result: FulfilledOrder,
    /// The response, if it was to be saved. It is saved only if the report was stored.
    pub reply: Option<Reply>,
}

/// A page of an order's history, latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The organisation of the order.
    pub organisation: OrganisationId,
    /// The entries.
    pub entries: Vec<HistoryEntry>,
    /// The cursor for the next page. `None` at the end.
    pub next: Option<HistoryCursor>,
}

/// Where a page of a history ended: the addresses of the next revision and of the next other change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryCursor {
    /// The next revision.
    pub revision: Option<i64>,
    /// The next change that is not a revision.
    pub change: Option<i64>,
}

/// An entry of an order's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub what: HistoryKind,
}

/// The kind of a history entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryKind {
    /// The order was accepted or updated.
    Revision(Revision),
    /// Another change.
    Change {
        /// The kind of change.
        kind: EventKind,
        /// The API key that requested the change, or a substitute for one.
        key_id: String,
        /// What was noted when a held order was released or refused.
        note: Option<String>,
    },
}

/// One revision of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The number of the revision, from 1.
    pub revision: u32,
    /// Its event.
    pub kind: EventKind,
    /// Why it is held by a rule, if it is.
    pub hold: Option<Hold>,
    /// The batch that contained it.
    pub batch: BatchId,
    /// The API key that sent the batch. `None` if the receipt of the batch is gone.
    pub key_id: Option<String>,
    /// The submitted text, verbatim.
    pub text: String,
}

/// A request to process or cancel orders by id.
#[derive(Debug)]
pub struct TransitionById {
    /// The ids. Each occurrence of an id is handled separately.
    pub ids: Vec<OrderId>,
    /// The organisations whose orders the caller may change. Other orders count as missing.
    pub reach: OrgAccess,
    /// The requested transition.
    pub wanted: Move,
    /// What a person noted when releasing or refusing a held order.
    pub note: Option<String>,
    /// The API key that sends the request, or a substitute for one.
    pub key_id: String,
    /// How to save the response, if it should be saved.
    pub save_reply: Option<SaveReply<[TransitionResult]>>,
}

/// The results of a request to process or cancel orders by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionedById {
    /// One result per id, in order.
    pub results: Vec<TransitionResult>,
    /// The response, if it was to be saved. It is saved only if at least one order changed.
    pub reply: Option<Reply>,
}

/// The state of an order after the transition, or why it was refused.
pub type TransitionResult = Result<State, TransitionRefused>;

/// A refused transition or report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionRefused {
    /// The reason.
    pub code: Code,
    /// The current state of the order. `None` if there is no such order.
    pub state: Option<State>,
}

/// Which orders to list. All conditions must match.
pub struct ListOrders {
    /// The organisations, in ascending order.
    pub organisations: Vec<OrganisationId>,
    /// Only orders of this dialect.
    pub dialect: Option<&'static str>,
    /// Only orders in one of these states.
    pub states: Vec<State>,
    /// Only the order with this key.
    pub key: Option<String>,
    /// Only orders whose key begins with this text.
    pub key_prefix: Option<String>,
    /// Only the order with this number.
    pub number: Option<u64>,
    /// Only orders of a customer with this address. Orders are found by hash, so `keep` must compare the address itself.
    pub email: Option<String>,
    /// Only orders first accepted in this batch.
    pub batch: Option<BatchId>,
    /// Only orders created at this time or later, in milliseconds since 1970.
    pub created_from_ms: Option<i64>,
    /// Only orders created before this time.
    pub created_before_ms: Option<i64>,
    /// Only orders last changed at this time or later.
    pub updated_from_ms: Option<i64>,
    /// A further condition on the content of an order.
    pub keep: Option<KeepFound>,
    /// Whether the newest orders of all organisations come first.
    pub newest_first: bool,
    /// Whether to count all matching orders, if the counters of organisations have the number.
    pub with_total: bool,
    /// The cursor of the previous page.
    pub after: Option<ListCursor>,
    /// The most orders to return.
    pub limit: usize,
}

/// A condition on an order.
pub type KeepFound = Box<dyn Fn(&FoundOrder) -> bool + Send + Sync>;

/// The sort order of a list. Unless it says otherwise, one organisation follows the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedBy {
    /// By creation, the newest first, across all organisations.
    Newest,
    /// By dialect and order key.
    Key,
    /// By creation.
    Creation,
    /// By latest change.
    Change,
    /// By latest full text.
    Text,
}

impl ListOrders {
    /// All orders of these organisations, by creation.
    #[must_use]
    pub fn all(organisations: Vec<OrganisationId>, limit: usize) -> Self {
        Self {
            organisations,
            dialect: None,
            states: State::ALL.to_vec(),
            key: None,
            key_prefix: None,
            number: None,
            email: None,
            batch: None,
            created_from_ms: None,
            created_before_ms: None,
            updated_from_ms: None,
            keep: None,
            newest_first: false,
            with_total: false,
            after: None,
            limit,
        }
    }

    /// Whether the counters of organisations have the number of matching orders.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let narrows = [
            self.key.is_some(),
            self.key_prefix.is_some(),
            self.number.is_some(),
            self.email.is_some(),
            self.batch.is_some(),
            self.created_from_ms.is_some(),
            self.created_before_ms.is_some(),
            self.updated_from_ms.is_some(),
            self.keep.is_some(),
        ];
        !narrows.contains(&true)
    }

    /// The sort order of the list. A cursor is valid only for the same sort order.
    #[must_use]
    pub fn listed_by(&self) -> ListedBy {
        let is_narrow = self.key.is_some() || self.number.is_some() || self.batch.is_some();
        if self.newest_first {
            return ListedBy::Newest;
        }
        if self.key_prefix.is_some() && !is_narrow {
            return ListedBy::Key;
        }
        match (&self.email, self.updated_from_ms) {
            (Some(_), _) if !is_narrow => ListedBy::Text,
            (None, Some(_)) if !is_narrow => ListedBy::Change,
            _ => ListedBy::Creation,
        }
    }
}

/// Where a page of a list ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListCursor {
    /// In the order of addresses.
    Place {
        /// The organisation of the last order.
        organisation: OrganisationId,
        /// The address of the last order.
        place: i64,
    },
    /// In the order of keys.
    Key {
        /// The organisation of the last order.
        organisation: OrganisationId,
        /// The number of its dialect.
        dialect: i64,
        /// Its key in the index.
        key: String,
    },
    /// The newest first. Everything newer was read.
    Newest {
        /// The time, in milliseconds since 1970.
        at_ms: i64,
        /// The organisation. At the same time, those with greater numbers were read.
        organisation: OrganisationId,
        /// The address in this organisation from which on everything was read.
        place: i64,
    },
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The orders.
    pub orders: Vec<FoundOrder>,
    /// The number of all matching orders, if it was requested and the counters of organisations have it.
    pub total: Option<u64>,
    /// The cursor of the next page. `None` at the end. A page that would take too long to fill ends early and may be empty.
    pub next: Option<ListCursor>,
}

/// A request to process or cancel orders by key, of one organisation and dialect.
#[derive(Debug)]
pub struct TransitionByKey {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The dialect of the orders.
    pub dialect: &'static str,
    /// The order keys. Each occurrence of a key is handled separately.
    pub keys: Vec<String>,
    /// The requested transition.
    pub wanted: Move,
    /// The API key that sends the request, or a substitute for one.
    pub key_id: String,
    /// How to save the response, if it should be saved.
    pub save_reply: Option<SaveReply<[Result<(), Code>]>>,
}

/// Which orders to read.
pub struct ReadOrders {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The dialect.
    pub dialect: &'static str,
    /// The conditions and the sort order.
    pub query: Arc<OrderQuery>,
    /// The cursor of the previous page. If set, `query.offset` is ignored.
    pub after: Option<OrderCursor>,
}

/// Where a page of orders ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCursor(pub i64);

/// A page of orders.
#[derive(Clone, Debug, Default)]
pub struct OrderPage {
    /// The orders, in the requested order.
    pub orders: Vec<StoredOrder>,
    /// The number of matching orders, counted up to `count_max`. 0 if `count_max` was absent.
    pub total: u64,
    /// The cursor of the next page. `None` at the end.
    pub next: Option<OrderCursor>,
}
