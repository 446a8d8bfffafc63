//! What an organisation sells, and to whom: products, pieces on hand, customers.

pub mod load;

use crate::canonical::Amount;

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
