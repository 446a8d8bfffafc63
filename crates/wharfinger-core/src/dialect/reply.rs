//! Answers: what a dialect encodes, and the reply that results.

use super::{OrderQuery, Slot, StoredOrder};
use crate::order::failure::RequestFailure;
use crate::order::ids::BatchId;
use crate::order::organisation::Organisation;
use crate::order::outcome::Outcome;
use crate::order::problem::Code;

/// An answer for a dialect to encode.
pub enum Answer<'s> {
    /// The outcome of each order of a batch.
    Submitted(Submitted<'s>),
    /// A page or chunk of stored orders.
    Orders(Orders<'s>),
    /// One stored order.
    Order(&'s StoredOrder),
    /// The result for each key that was to be withdrawn.
    Withdrawn(&'s [(String, Result<(), Code>)]),
    /// Organisations that the API key reaches.
    Organisations(OrganisationPage<'s>),
}

/// A page of organisations.
#[derive(Clone, Copy)]
pub struct OrganisationPage<'s> {
    /// The organisations on the page.
    pub organisations: &'s [&'s Organisation],
    /// How many organisations precede the page.
    pub offset: u64,
    /// The maximum number per page.
    pub limit: u64,
    /// The total number of organisations.
    pub total: u64,
}

impl<'s> OrganisationPage<'s> {
    /// Selects a page from the organisations that an API key reaches.
    #[must_use]
    pub fn page(reached: &'s [&'s Organisation], offset: u64, limit: u64) -> Self {
        let place = |count: u64| {
            usize::try_from(count)
                .unwrap_or(usize::MAX)
                .min(reached.len())
        };
        Self {
            organisations: &reached[place(offset)..place(offset.saturating_add(limit))],
            offset,
            limit,
            total: reached.len() as u64,
        }
    }
}

/// The outcome of a batch.
#[derive(Clone, Copy)]
pub struct Submitted<'s> {
    /// The receipt's id.
    pub batch: BatchId,
    /// Whether the body has the root that the envelope expects.
    pub root_fits: bool,
    /// The judged orders.
    pub slots: &'s [Slot<'s>],
    /// The outcome of each order, in the same order.
    pub outcomes: &'s [Outcome],
    /// What the response includes. Dialects without such parameters ignore it.
    pub options: ResponseOptions,
}

/// What the response to a batch includes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseOptions {
    /// Which orders it lists.
    pub results: Results,
    /// Whether this is a dry run, which stores nothing.
    pub dry_run: bool,
}

/// Which orders the response to a batch lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Results {
    /// All of them.
    #[default]
    All,
    /// Only rejected and withheld orders.
    Rejected,
    /// None, only the counts.
    None,
}

/// A page of orders, or a chunk of a stream of them.
pub struct Orders<'s> {
    /// The query.
    pub query: &'s OrderQuery,
    /// The orders found.
    pub orders: &'s [StoredOrder],
    /// The total number of matches, counted up to the query's `count_max`.
    pub total: u64,
    /// Whether this is the first chunk.
    pub first: bool,
    /// Whether this is the last chunk.
    pub last: bool,
}

/// A response, without the header fields that every response has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Header fields other than `Content-Type`.
    pub headers: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Creates a reply with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json",
            body: serde_json::to_vec(body).expect("wire structs hold only text keys"),
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the header field that belongs to a failure: `Allow`, `Retry-After`, `Accept-Encoding`.
    #[must_use]
    pub fn for_failure(mut self, failure: &RequestFailure) -> Self {
        self.headers.extend(failure.header());
        self
    }
}
