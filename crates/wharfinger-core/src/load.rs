//! What `wharfinger bench` sends in a dialect, and what a program that does the least with it would do.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// The load of a dialect.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// One good order. Line breaks and what white space follows them are left out. Filled in when a batch is made, and then
    /// the same in every request: `{{organisation}}`, `{{pick POOL}}`, `{{digits COUNT}}`. Filled in for every request:
    /// `{{stamp}}`, digits that no other order has, and `{{customer}}`, as many digits, those of whose order it is: they
    /// follow from the stamp, and few customers have more than one order; and `{{product}}`, four digits, which may be others in
    /// every request. `{{change}}` is one digit, another one in a
    /// changed resubmission.
    pub order: &'static str,
    /// Reads a batch into typed structs.
    pub parse: Parse,
    /// How many orders an answer says yes to; looks only as far as it must.
    pub taken: fn(answer: &str) -> usize,
    /// Requests that read such orders back. None where no route gives an order by its key and a page in the order of creation.
    pub reads: &'static [Read],
    /// The pool whose words, with `-` and the digits of `{{product}}` behind, are the codes of its products. None where no
    /// catalogue is asked for them.
    pub products: Option<&'static str>,
    /// How such orders are found by e-mail address. None where the address does not follow from the stamp.
    pub by_email: Option<ByEmail>,
}

/// What an order can be found by, and told by, when its stamp is known; with places as in [`Load::order`], but only
/// `{{stamp}}` and `{{customer}}`.
#[derive(Clone, Copy, Debug)]
pub struct ByEmail {
    /// Its customer's e-mail address.
    pub address: &'static str,
    /// Its key, as it is stored.
    pub key: &'static str,
}

/// A request that reads orders back; its header fields are those of a single order.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// What it reads, in words.
    pub what: &'static str,
    /// Path and query, with places as in [`Load::order`]; the stamp is that of any order that was sent before.
    pub target: &'static str,
    /// Orders that it gives where there are enough.
    pub orders_max: usize,
    /// How many orders an answer holds.
    pub shown: fn(answer: &str) -> usize,
}

/// Reads a batch into typed structs; what a plain program would index of each order.
pub type Parse = for<'a> fn(body: &'a str) -> serde_json::Result<Vec<Indexed<'a>>>;

/// What a plain program would index of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed<'a> {
    /// The organisation, where the order names it.
    pub organisation: Option<&'a str>,
    /// The order key, as it is spelled.
    pub key: &'a str,
}

/// The members of an object in their order, for batches in which each order has a name.
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
