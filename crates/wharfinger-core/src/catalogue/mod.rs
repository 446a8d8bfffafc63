//! What an organisation sells, and to whom: products, pieces on hand, customers.

mod attach;
mod demand;
pub mod load;

pub use attach::{Attach, Attached, KnownCustomers};
pub use demand::{Demand, Identifier, Names, Offer, PARTS_MAX, Wanted, decide, parts, place};

use crate::canonical::Amount;
use crate::ids::OrderId;

/// Whether an organisation's orders are held against its catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CatalogueMode {
    /// Any product and any customer is taken; no stock is kept.
    #[default]
    Open,
    /// Products must be sold and in stock, and customers known.
    Enforced,
}

impl CatalogueMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Open, Self::Enforced];

    /// The mode's name as users read and write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Enforced => "enforced",
        }
    }

    /// The mode of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// The most pieces of a product: numbers that every JSON reader can hold.
pub const PIECES_MAX: u64 = (1 << 53) - 1;

/// A product as it is loaded and shown. It has at least one of `id`, `sku` and `ean`; each names one product of its
/// organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The catalogue's number of it.
    pub id: Option<u64>,
    /// The seller's code for it.
    pub sku: Option<String>,
    /// The number on its bar code.
    pub ean: Option<String>,
    /// Whether it is sold at present.
    pub active: bool,
    /// Where it lies; none where that is all one.
    pub warehouse: Option<String>,
    /// Pieces on hand that no order has taken.
    pub stock: u64,
    /// What one costs, where the order does not say so.
    pub price: Option<Amount>,
    /// ISO 4217: the price's currency.
    pub currency: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// The markets that it is sold in, by name or number; all where there are none.
    pub markets: Vec<String>,
    /// The price lists that it is sold by; all where there are none.
    pub pricelists: Vec<String>,
}

/// A customer as it is loaded and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The number that orders name it by.
    pub id: u64,
    /// Its e-mail address, in the form that [`crate::email::normal`] gives; no two customers of an organisation have the same.
    pub email: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Family names.
    pub last_name: Option<String>,
    /// Whether it asked to be sent the way to a new password.
    pub wants_new_password: bool,
}

/// The store's number of a product. Never shown to clients, who know its id, code or bar code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductNumber(pub i64);

/// What was decided on an order when it was held against a catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Its lines; those of the submitted order that are not here are of other parts.
    pub lines: Vec<AdmittedLine>,
    /// The customer that it is attached to.
    pub customer: Option<u64>,
    /// Where it was split: what all parts share.
    pub split: Option<Split>,
}

/// What the parts of an order share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The first part, which has the order's own key, its shipping costs and its discount.
    pub origin: OrderId,
    /// The numbers of all parts, the first one's first; known to the first part alone.
    pub numbers: Vec<u64>,
}

/// What was decided on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmittedLine {
    /// Its place among the lines of the submitted order, from 0.
    pub at: u32,
    /// The product, if the catalogue has it.
    pub product: Option<ProductNumber>,
    /// The warehouse that it is sent from.
    pub warehouse: Option<String>,
    /// The catalogue's price, where the order gave none.
    pub price: Option<Amount>,
    /// Pieces that it has taken from stock.
    pub taken: u64,
    /// Whether it is yet to be had from somewhere.
    pub is_back_ordered: bool,
}

impl Admission {
    /// The numbers of all parts, where this is the first of them.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        self.split.as_ref().map_or(&[], |split| &split.numbers)
    }

    /// What was decided on a line of the submitted order; none where another part has it.
    #[must_use]
    pub fn line(&self, at: usize) -> Option<&AdmittedLine> {
        let at = u32::try_from(at).ok()?;
        // They are in the order of their places.
        let found = self.lines.binary_search_by_key(&at, |line| line.at);
        found.ok().map(|found| &self.lines[found])
    }
}
