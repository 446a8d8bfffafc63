//! The orders and requests that `wharfinger bench` sends in a dialect, and what a minimal program would do with them.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A dialect's benchmark load.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// A template of a valid order. Line breaks and the white space that follows them are removed.
    ///
    /// Filled in for every request:
    ///
    /// - `{{organisation}}`: the code of the organisation.
    /// - `{{pick POOL}}` and `{{digits COUNT}}`: a word and digits. Words stay as long as they were first. The word of a product
    ///   stays the same: it is followed by `-` and `{{product}}`.
    /// - `{{stamp}}`: digits that no other order has.
    /// - `{{customer}}`: as many digits, which identify the customer. They are derived from the stamp. Few customers
    ///   have more than one order.
    /// - `{{product}}`: four digits, which may differ in every request.
    /// - `{{change}}`: one digit, which differs in a changed resubmission.
    pub order: &'static str,
    /// Parses a batch into typed structs.
    pub parse: Parse,
    /// Counts the stored orders in a response, reading no more of it than necessary.
    pub taken: fn(answer: &str) -> usize,
    /// Requests that read such orders. Empty if no route returns an order by key or a page of orders in order of
    /// creation.
    pub reads: &'static [Read],
    /// The pool from which product codes are built: a word, `-`, and the digits of `{{product}}`. `None` if there is no
    /// catalogue.
    pub products: Option<&'static str>,
    /// How to find such orders by e-mail address. `None` if the address is not derived from the stamp.
    pub by_email: Option<ByEmail>,
}

/// Templates that identify an order whose stamp is known. Only `{{stamp}}` and `{{customer}}` are filled in.
#[derive(Clone, Copy, Debug)]
pub struct ByEmail {
    /// The customer's e-mail address.
    pub address: &'static str,
    /// The order key, as stored.
    pub key: &'static str,
}

/// A request that reads orders. It has the header fields of a request for a single order.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// What it reads, as text.
    pub what: &'static str,
    /// Path and query, with the placeholders of [`Workload::order`]. The stamp is that of an order sent before.
    pub target: &'static str,
    /// The number of orders that it returns, if there are enough.
    pub orders_max: usize,
    /// Counts the orders in a response.
    pub shown: fn(answer: &str) -> usize,
}

/// Parses a batch into typed structs. Returns what a minimal program would index of each order.
pub type Parse = for<'a> fn(body: &'a str) -> serde_json::Result<Vec<Indexed<'a>>>;

/// What a minimal program would index of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed<'a> {
    /// The organisation, if the order names it.
    pub organisation: Option<&'a str>,
    /// The order key, as spelled.
    pub key: &'a str,
}

/// The members of an object in order, for batches in which each order has a name.
pub(crate) struct Named<'a, T>(pub(crate) Vec<(&'a str, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Named<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<'a, T>(PhantomData<(&'a str, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<'a, T> {
    type Value = Named<'a, T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of orders")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Named(members))
    }
}
