//! The catalogue of an organisation: products with their stock, and customers.

mod attach;
mod demand;
pub mod import;

pub use attach::{Attach, Attached, KnownCustomers};
pub use demand::{
    Demand, Identifier, Names, Offer, SUB_ORDERS_MAX, Wanted, decide, place, sub_orders,
};

use crate::order::amount::Amount;
use crate::order::ids::OrderId;

/// The maximum stock of a product: the largest integer that every JSON reader represents exactly.
pub const PIECES_MAX: u64 = (1 << 53) - 1;

/// A product, as loaded and shown.
///
/// It has at least one of `id`, `sku` and `ean`. Each of them is unique within the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The catalogue's product number.
    pub id: Option<u64>,
    /// The seller's product code.
    pub sku: Option<String>,
    /// The number on the bar code.
    pub ean: Option<String>,
    /// Whether it is sold at present.
    pub active: bool,
    /// The warehouse that holds it, if warehouses matter.
    pub warehouse: Option<String>,
    /// Pieces on hand that no order has taken.
    pub stock: u64,
    /// The price of one piece, used if the order gives none.
    pub price: Option<Amount>,
    /// ISO 4217. The price's currency.
    pub currency: Option<String>,
    /// The product's name.
    pub name: Option<String>,
    /// The markets in which it is sold, by name or number. Empty means all.
    pub markets: Vec<String>,
    /// The price lists by which it is sold. Empty means all.
    pub pricelists: Vec<String>,
}

/// A customer, as loaded and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The number that orders refer to.
    pub id: u64,
    /// The e-mail address, normalised by [`crate::reading::email::normal`]. Unique within the organisation.
    pub email: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Family names.
    pub last_name: Option<String>,
    /// Whether the customer requested a new password.
    pub wants_new_password: bool,
}

/// The store's number for a product. Never shown to clients, which use the id, SKU or EAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductNumber(pub i64);

/// The catalogue's decision on an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The admitted lines. Other lines of the submitted order belong to other sub-orders.
    pub lines: Vec<AdmittedLine>,
    /// The number of the customer that the order is attached to.
    pub customer: Option<u64>,
    /// For a split order, what all sub-orders share.
    pub split: Option<Split>,
}

/// What the sub-orders of a split order share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The id of the first sub-order. It has the order's own key, shipping price and discount.
    pub origin: OrderId,
    /// The numbers of all sub-orders, the first sub-order's first. Only the first sub-order has them.
    pub numbers: Vec<u64>,
}

/// The catalogue's decision on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmittedLine {
    /// The position of the line in the submitted order, from 0.
    pub at: u32,
    /// The product, if the catalogue has it.
    pub product: Option<ProductNumber>,
    /// The warehouse that the line ships from.
    pub warehouse: Option<String>,
    /// The catalogue's price, if the order gave none.
    pub price: Option<Amount>,
    /// Pieces taken from stock.
    pub taken: u64,
    /// Whether the line is back-ordered.
    pub is_back_ordered: bool,
}

impl Admission {
    /// The numbers of all sub-orders, if this is the first sub-order.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        self.split.as_ref().map_or(&[], |split| &split.numbers)
    }

    /// The decision on a line of the submitted order. `None` if the line belongs to another sub-order.
    #[must_use]
    pub fn line(&self, at: usize) -> Option<&AdmittedLine> {
        let at = u32::try_from(at).ok()?;
        // Lines are sorted by position.
        let found = self.lines.binary_search_by_key(&at, |line| line.at);
        found.ok().map(|found| &self.lines[found])
    }
}
