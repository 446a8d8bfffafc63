//! A judged order of a batch: its text, its key and its verdict.

use std::borrow::Cow;
use std::sync::Arc;

use super::request::Context;
use crate::decide::admit::Intent;
use crate::decide::catalogue::Demand;
use crate::json::Entry;
use crate::limits::WARNINGS_PER_ORDER_MAX;
use crate::order::ids::OrganisationId;
use crate::order::problem::Problems;
use crate::order::warning::{Warning, WarningCode};

/// One order of a batch, with its verdict.
#[derive(Clone, Debug)]
pub struct Slot<'a> {
    /// The bytes as they were sent.
    pub raw: &'a str,
    /// The line number, from 1, in an NDJSON body.
    pub line: Option<usize>,
    /// The sender's name for the order, in a body that is an object of orders.
    pub name: Option<Cow<'a, str>>,
    /// The order key, if one can be read. Invalid orders may have one too.
    pub key: Option<Cow<'a, str>>,
    /// The organisation, if known. Invalid orders may have one too.
    pub organisation: Option<OrganisationId>,
    /// The customer's e-mail address, if the order is valid and has one.
    pub email: Option<Cow<'a, str>>,
    /// The order's warnings, whether it is valid or not.
    pub warnings: Vec<Warning>,
    /// Whether the order is valid, or what is wrong with it.
    pub verdict: Verdict,
}

impl<'a> Slot<'a> {
    /// Creates a slot with nothing read yet: an upsert without an order number.
    #[must_use]
    pub fn unread(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Self {
        Self {
            raw: entry.raw,
            line: None,
            name: None,
            key: None,
            organisation: context.organisation.map(|of_request| of_request.id),
            email: None,
            warnings: Vec::new(),
            verdict: Verdict::Good(Draft {
                hash: entry.hash,
                intent: Intent::Upsert,
                number: Number::None,
                demand: None,
            }),
        }
    }

    /// Adds a warning about the request. The first order of a batch has it.
    pub fn warn_of_request(&mut self, code: WarningCode) {
        self.warnings.insert(0, Warning::of_order(code));
        self.warnings.truncate(WARNINGS_PER_ORDER_MAX);
    }
}

/// The result of validating one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The order is valid. The slot then has an organisation. It has a key unless the server assigns a number.
    Good(Draft),
    /// The order is invalid.
    Faulty(Problems),
    /// The order cannot be read: its JSON has a fault, or it is too large.
    Unreadable(Problems),
}

/// What the store needs of a valid order. The content stays in the slot's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The content hash.
    pub hash: u128,
    /// What the submission asks for.
    pub intent: Intent,
    /// The order's number, if it has one.
    pub number: Number,
    /// What the order requires of the organisation's catalogue, if it is checked against one.
    pub demand: Option<Arc<Demand>>,
}

/// How an order gets its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The order has no number. Its key is in the slot.
    None,
    /// This number, which is also the key.
    Given(u64),
    /// The organisation's next number, which then is also the key.
    Next,
}
