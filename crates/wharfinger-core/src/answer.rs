//! Answers: what a dialect is given to put into words, and the reply that it makes of it.

use crate::caller::Organisation;
use crate::dialect::{OrderQuery, Slot, StoredOrder};
use crate::failure::RequestFailure;
use crate::ids::BatchId;
use crate::outcome::Outcome;
use crate::problem::Code;

/// An answer to put into words.
pub enum Answer<'s> {
    /// What became of each order of a batch.
    Submitted(Submitted<'s>),
    /// Orders read back.
    Orders(Orders<'s>),
    /// One order read back.
    Order(&'s StoredOrder),
    /// What became of each key that was to be withdrawn.
    Withdrawn(&'s [(String, Result<(), Code>)]),
    /// Organisations that the key may act for.
    Organisations(OrganisationPage<'s>),
}

/// A page of organisations.
#[derive(Clone, Copy)]
pub struct OrganisationPage<'s> {
    /// Those on the page.
    pub organisations: &'s [&'s Organisation],
    /// How many were passed over.
    pub offset: u64,
    /// The most that are on a page.
    pub limit: u64,
    /// How many there are in all.
    pub total: u64,
}

impl<'s> OrganisationPage<'s> {
    /// The page that is asked for of those that a key reaches.
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

/// What became of a batch.
#[derive(Clone, Copy)]
pub struct Submitted<'s> {
    /// The receipt's id.
    pub batch: BatchId,
    /// Whether the body was of the kind that the envelope wants.
    pub root_fits: bool,
    /// The orders as they were judged.
    pub slots: &'s [Slot<'s>],
    /// What became of each, in the same order.
    pub outcomes: &'s [Outcome],
    /// What is wanted of the answer; only dialects with such a parameter look at it.
    pub told: Told,
}

/// What the answer to a batch is to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Which orders it tells of.
    pub results: Results,
    /// Whether nothing was stored.
    pub dry_run: bool,
}

/// Which orders the answer to a batch tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Results {
    /// All of them.
    #[default]
    All,
    /// Those that were not taken.
    Rejected,
    /// None; the counts say enough.
    None,
}

/// A page of orders, or a chunk of a stream of them.
pub struct Orders<'s> {
    /// What was asked.
    pub query: &'s OrderQuery,
    /// What was found.
    pub orders: &'s [StoredOrder],
    /// How many match in all, counted up to the query's `count_max`.
    pub total: u64,
    /// Whether this is the first chunk.
    pub first: bool,
    /// Whether this is the last chunk.
    pub last: bool,
}

/// A response, but for the header fields that every response has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Header fields besides the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json",
            body: serde_json::to_vec(body).expect("wire structs hold only text keys"),
        }
    }

    /// The same reply with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same reply with the header fields that go with a failure: `Allow`, `Retry-After`, `Accept-Encoding`.
    #[must_use]
    pub fn for_failure(mut self, failure: &RequestFailure) -> Self {
        self.headers.extend(failure.headers());
        self
    }
}
