//! The canonical order: the same attributes whichever dialect an order came in.
//!
//! It is not stored. A dialect makes it of the texts that were submitted ([`Dialect::canonical`]), and writes it in its own
//! form ([`Dialect::render`]), which gives an order in any dialect's form, whichever it came in. What a form demands and
//! the order has not is left out and named.

mod amount;
pub mod attributes;
mod json;
mod read;
pub mod schema;
mod wire;

pub use amount::Amount;
pub use json::Json;
pub(crate) use json::Members;
pub(crate) use read::{Stored, read};
pub use wire::ReadBack;
pub(crate) use wire::write;

use crate::dialect::{Dialect, StoredOrder};
use crate::dialects;
use crate::moment::Moment;

/// An order. What is absent was not sent, or has no place in the dialect it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The code of the organisation that it belongs to.
    pub organisation: String,
    /// Its key.
    pub key: String,
    /// When it was placed.
    pub placed_at: Option<Moment>,
    /// When it was fulfilled.
    pub fulfilled_at: Option<Moment>,
    /// ISO 639-1: `en`.
    pub language: Option<String>,
    /// A language and a country: `en-GB`.
    pub locale: Option<String>,
    /// Who ordered.
    pub customer: Customer,
    /// Who pays.
    pub billing_address: Address,
    /// Who receives it.
    pub shipping_address: Address,
    /// What was ordered.
    pub lines: Vec<Line>,
    /// What sending it costs.
    pub shipping_price: Option<Amount>,
    /// What is taken off.
    pub discount: Option<Amount>,
    /// ISO 4217: the currency of the two above, and of each line that names none.
    pub currency: Option<String>,
    /// What others call it.
    pub references: References,
    /// What to heed when it is delivered.
    pub instructions: Option<String>,
    /// Anything else: an object with any names.
    pub metadata: Option<Json>,
}

/// Who ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// The sender's name for the customer.
    pub reference: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// `Ms`, `Dr`…
    pub title: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Family names.
    pub last_name: Option<String>,
    /// A telephone number.
    pub phone: Option<String>,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// A person's whole name.
    pub name: Option<String>,
    /// A company's name.
    pub company: Option<String>,
    /// Street, house, floor: what stands above the town.
    pub lines: Vec<String>,
    /// A part of the town.
    pub suburb: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// A state, county or province.
    pub state: Option<String>,
    /// The postal code.
    pub postcode: Option<String>,
    /// ISO 3166-1 alpha-2: `GB`.
    pub country: Option<String>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many. More than none, unless the line came in a dialect that lets any number pass.
    pub quantity: Amount,
    /// The seller's code for the article.
    pub sku: Option<String>,
    /// The article's number on its bar code.
    pub ean: Option<String>,
    /// The catalogue's number of the article.
    pub product_id: Option<String>,
    /// The article in words.
    pub description: Option<String>,
    /// What one costs. Not negative, unless the line came in a dialect that lets any number pass.
    pub unit_price: Option<Amount>,
    /// ISO 4217: the price's currency; where absent, the order's.
    pub currency: Option<String>,
    /// What one weighs, in kilograms.
    pub weight_kg: Option<Amount>,
    /// Anything else: an object with any names.
    pub metadata: Option<Json>,
}

/// What others call an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The receiver's or carrier's.
    pub delivery_reference: Option<String>,
    /// The buyer's.
    pub purchase_order: Option<String>,
}

impl Customer {
    /// First and last name, or the one that there is.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        joined_name(self.first_name.as_deref(), self.last_name.as_deref())
    }
}

impl Address {
    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first line, and all others as one; for forms that have two.
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
    /// Where the goods go: the shipping address, or the billing address where it is the only one.
    #[must_use]
    pub fn destination(&self) -> &Address {
        if self.shipping_address.is_empty() {
            &self.billing_address
        } else {
            &self.shipping_address
        }
    }

    /// Where the invoice goes: the billing address, or the shipping address where it is the only one.
    #[must_use]
    pub fn payer(&self) -> &Address {
        if self.billing_address.is_empty() {
            &self.shipping_address
        } else {
            &self.billing_address
        }
    }
}

/// First and last name with a space between, or the one that there is.
pub(crate) fn joined_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (None, None) => None,
    }
}

/// A whole name taken apart at its last space; joined again, the two are the same name.
pub(crate) fn split_name(name: &str) -> (Option<String>, Option<String>) {
    match name.rsplit_once(' ') {
        Some((first, last)) if !first.trim().is_empty() && !last.trim().is_empty() => {
            (Some(first.to_owned()), Some(last.to_owned()))
        }
        _ => (Some(name.to_owned()), None),
    }
}

/// An order in a dialect's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// A JSON object.
    pub body: Vec<u8>,
    /// What the form demands and the order has not, each once, as the dialect's documents write it: `customer.email`,
    /// `lines[].sku`. It is left out.
    pub missing: Vec<&'static str>,
}

impl Rendered {
    /// Writes a wire struct.
    pub(crate) fn of(form: &impl serde::Serialize, missing: Missing) -> Self {
        Self {
            body: serde_json::to_vec(form).expect("wire structs hold only text keys"),
            missing: missing.0,
        }
    }
}

/// What a form demands and an order has not, gathered while the form is filled in.
#[derive(Debug, Default)]
pub(crate) struct Missing(Vec<&'static str>);

impl Missing {
    /// Notes a path, once.
    pub(crate) fn note(&mut self, path: &'static str) {
        if !self.0.contains(&path) {
            self.0.push(path);
        }
    }

    /// The same value; notes the path where there is none.
    pub(crate) fn demand<T>(&mut self, path: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.note(path);
        }
        value
    }
}

/// A form that an order can be given in.
#[derive(Clone, Copy)]
pub enum RenderAs {
    /// The very bytes of its latest full text.
    Submitted,
    /// A dialect's form.
    Dialect(&'static dyn Dialect),
}

impl RenderAs {
    /// The form of this name: `submitted`, or a dialect's id.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == "submitted" {
            return Some(Self::Submitted);
        }
        dialects::find(name).map(Self::Dialect)
    }
}

/// An order, which came in the dialect `from`, in another form. In its own dialect's form it is as it was submitted, with
/// what was added to it since.
#[must_use]
pub fn render(order: &StoredOrder, from: &dyn Dialect, form: RenderAs) -> Rendered {
    let whole = |text: String| Rendered {
        body: text.into_bytes(),
        missing: Vec::new(),
    };
    match form {
        RenderAs::Submitted => whole(order.texts.first().cloned().unwrap_or_default()),
        RenderAs::Dialect(to) if to.id() == from.id() => whole(from.own_form(order)),
        RenderAs::Dialect(to) => to.render(&from.canonical(order), &order.time_zone),
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
