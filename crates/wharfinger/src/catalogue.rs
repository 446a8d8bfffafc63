//! Products and customers as the commands and the HTTP API show them. They can be loaded again in this form.

use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::catalogue::{Customer, Product};

/// A product, as it is told.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Product")]
pub struct ToldProduct {
    /// The catalogue's number of it.
    pub id: Option<u64>,
    /// The seller's code for it.
    pub sku: Option<String>,
    /// The number on its bar code.
    pub ean: Option<String>,
    /// Whether it is sold at present.
    pub active: bool,
    /// Where it lies.
    pub warehouse: Option<String>,
    /// Pieces on hand that no order has taken.
    pub stock: u64,
    /// What one costs: a decimal number.
    pub price: Option<String>,
    /// ISO 4217: the price's currency.
    pub currency: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// The markets that it is sold in; all where there are none.
    pub markets: Vec<String>,
    /// The price lists that it is sold by; all where there are none.
    pub pricelists: Vec<String>,
}

impl ToldProduct {
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

/// A customer, as it is told.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Customer")]
pub struct ToldCustomer {
    /// The number that orders name it by.
    pub id: u64,
    /// Its e-mail address, in small letters.
    pub email: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Family names.
    pub last_name: Option<String>,
    /// Whether it asked to be sent the way to a new password.
    pub wants_new_password: bool,
}

impl ToldCustomer {
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
