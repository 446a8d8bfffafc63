//! Products and customers as the commands and the HTTP API show them. They can be loaded again in this form.

use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::decide::catalogue::{Customer, Product};

/// A product of a catalogue.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Product")]
pub struct ProductView {
    /// Its number in the catalogue.
    pub id: Option<u64>,
    /// The seller's product code (SKU).
    pub sku: Option<String>,
    /// Its bar code number (EAN).
    pub ean: Option<String>,
    /// Whether it is sold.
    pub active: bool,
    /// The warehouse that stocks it.
    pub warehouse: Option<String>,
    /// Pieces on hand that no order has taken.
    pub stock: u64,
    /// Its price: a decimal number.
    pub price: Option<String>,
    /// The currency of the price (ISO 4217).
    pub currency: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The markets in which it is sold; all of them if the list is empty.
    pub markets: Vec<String>,
    /// The price lists in which it is sold; all of them if the list is empty.
    pub pricelists: Vec<String>,
}

impl ProductView {
    /// Describes a product.
    #[must_use]
    pub fn of(product: Product) -> Self {
        Self {
            id: product.id,
            sku: product.sku,
            ean: product.ean,
            active: product.active,
            warehouse: product.warehouse,
            stock: product.stock,
            price: product.price.map(|price| price.to_string()),
            currency: product.currency,
            name: product.name,
            markets: product.markets,
            pricelists: product.pricelists,
        }
    }
}

/// A customer.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Customer")]
pub struct CustomerView {
    /// The number by which orders refer to the customer.
    pub id: u64,
    /// The e-mail address, in lower case.
    pub email: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Family names.
    pub last_name: Option<String>,
    /// Whether the customer asked for a password reset.
    pub wants_new_password: bool,
}

impl CustomerView {
    /// Describes a customer.
    #[must_use]
    pub fn of(customer: Customer) -> Self {
        Self {
            id: customer.id,
            email: customer.email,
            first_name: customer.first_name,
            last_name: customer.last_name,
            wants_new_password: customer.wants_new_password,
        }
    }
}
