//! The canonical order: the same attributes for orders of every dialect.
//!
//! It is not stored. A dialect derives it from the submitted texts and renders it in its own form. Together, dialects
//! convert an order to the form of any of them. What a form requires and the order lacks is left out and named.
//!
//! May import `json`, `order` and `reading`.

pub mod fields;
mod json;
mod read;
pub mod schema;
mod wire;

pub use json::Json;
pub(crate) use json::Members;
pub(crate) use read::{Stored, read};
pub(crate) use wire::{Order as Written, order as written, write};

use crate::order::amount::Amount;
use crate::reading::moment::Moment;

/// A canonical order. An absent attribute was not sent, or does not exist in the order's dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The code of the order's organisation.
    pub organisation: String,
    /// The order key.
    pub key: String,
    /// When the order was placed.
    pub placed_at: Option<Moment>,
    /// When the order was fulfilled.
    pub fulfilled_at: Option<Moment>,
    /// ISO 639-1, such as `en`.
    pub language: Option<String>,
    /// A language and a country, such as `en-GB`.
    pub locale: Option<String>,
    /// The customer.
    pub customer: Customer,
    /// The billing address.
    pub billing_address: Address,
    /// The shipping address.
    pub shipping_address: Address,
    /// The lines of the order.
    pub lines: Vec<Line>,
    /// The shipping price.
    pub shipping_price: Option<Amount>,
    /// The discount.
    pub discount: Option<Amount>,
    /// ISO 4217. The currency of the two amounts above, and of each line that has none.
    pub currency: Option<String>,
    /// References of other parties.
    pub references: References,
    /// Delivery instructions.
    pub instructions: Option<String>,
    /// Any other data: an object with any names.
    pub metadata: Option<Json>,
}

/// The customer of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// The sender's reference for the customer.
    pub reference: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The title, such as `Ms` or `Dr`.
    pub title: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Family names.
    pub last_name: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The full name of a person.
    pub name: Option<String>,
    /// The company name.
    pub company: Option<String>,
    /// The lines above the town, such as street, house and floor.
    pub lines: Vec<String>,
    /// A district of the town.
    pub suburb: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// A state, county or province.
    pub state: Option<String>,
    /// The postal code.
    pub postcode: Option<String>,
    /// ISO 3166-1 alpha-2, such as `GB`.
    pub country: Option<String>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The quantity. Positive, unless the order's dialect accepts any number.
    pub quantity: Amount,
    /// The seller's product code.
    pub sku: Option<String>,
    /// The number on the product's bar code.
    pub ean: Option<String>,
    /// The catalogue's product number.
    pub product_id: Option<String>,
    /// A description of the product.
    pub description: Option<String>,
    /// The price of one piece. Not negative, unless the order's dialect accepts any number.
    pub unit_price: Option<Amount>,
    /// ISO 4217. The price's currency. If absent, the order's currency applies.
    pub currency: Option<String>,
    /// The weight of one piece, in kilograms.
    pub weight_kg: Option<Amount>,
    /// Any other data: an object with any names.
    pub metadata: Option<Json>,
}

/// References that other parties use for an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The recipient's or carrier's reference.
    pub delivery_reference: Option<String>,
    /// The buyer's reference.
    pub purchase_order: Option<String>,
}

impl Customer {
    /// First and last name, or the one that is present.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        joined_name(self.first_name.as_deref(), self.last_name.as_deref())
    }
}

impl Address {
    /// Whether no attribute is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first line, and all other lines joined into one. For forms that have two lines.
    #[must_use]
    pub fn two_lines(&self) -> [Option<String>; 2] {
        match self.lines.split_first() {
            None => [None, None],
            Some((first, [])) => [Some(first.clone()), None],
            Some((first, others)) => [Some(first.clone()), Some(others.join(", "))],
        }
    }
}

impl Order {
    /// Where the goods go: the shipping address, or else the billing address.
    #[must_use]
    pub fn destination(&self) -> &Address {
        if self.shipping_address.is_empty() {
            &self.billing_address
        } else {
            &self.shipping_address
        }
    }

    /// Where the invoice goes: the billing address, or else the shipping address.
    #[must_use]
    pub fn payer(&self) -> &Address {
        if self.billing_address.is_empty() {
            &self.shipping_address
        } else {
            &self.billing_address
        }
    }
}

/// Joins first and last name with a space, or returns the one that is present.
pub(crate) fn joined_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (None, None) => None,
    }
}

/// Splits a full name at its last space. Joining the two parts restores the name.
pub(crate) fn split_name(name: &str) -> (Option<String>, Option<String>) {
    match name.rsplit_once(' ') {
        Some((first, last)) if !first.trim().is_empty() && !last.trim().is_empty() => {
            (Some(first.to_owned()), Some(last.to_owned()))
        }
        _ => (Some(name.to_owned()), None),
    }
}

/// An order rendered in a dialect's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// A JSON object.
    pub body: Vec<u8>,
    /// What the form requires and the order lacks, each once. The body leaves it out.
    ///
    /// Spelled as in the dialect's documentation, such as `customer.email` or `lines[].sku`.
    pub missing: Vec<&'static str>,
}

impl Rendered {
    /// Serializes a wire struct.
    pub(crate) fn of(form: &impl serde::Serialize, missing: Missing) -> Self {
        Self {
            body: serde_json::to_vec(form).expect("wire structs hold only text keys"),
            missing: missing.0,
        }
    }
}

/// What a form requires and an order lacks, collected while the form is filled in.
#[derive(Debug, Default)]
pub(crate) struct Missing(Vec<&'static str>);

impl Missing {
    /// Adds a path, once.
    pub(crate) fn note(&mut self, path: &'static str) {
        if !self.0.contains(&path) {
            self.0.push(path);
        }
    }

    /// Returns the value unchanged. Adds the path if there is none.
    pub(crate) fn demand<T>(&mut self, path: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.note(path);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_taken_apart_can_be_joined_again() {
        for (name, parts) in [
            ("Ann Archer", (Some("Ann"), Some("Archer"))),
            ("Ann Mary Archer", (Some("Ann Mary"), Some("Archer"))),
            ("Ann  Archer", (Some("Ann "), Some("Archer"))),
            ("Ann", (Some("Ann"), None)),
            (" Ann", (Some(" Ann"), None)),
            ("Ann ", (Some("Ann "), None)),
        ] {
            let (first, last) = split_name(name);
            assert_eq!((first.as_deref(), last.as_deref()), parts, "{name:?}");
            let joined = joined_name(first.as_deref(), last.as_deref());
            assert_eq!(joined.as_deref(), Some(name));
        }
    }
}
