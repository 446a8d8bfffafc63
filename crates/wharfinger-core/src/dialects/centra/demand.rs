//! What an order requires of an enforced catalogue.

use std::borrow::Cow;

use super::present::{given, integer, text};
use crate::decide::catalogue::{Attach, Demand, Identifier, Names, Wanted};
use crate::json::Value;
use crate::reading::email;
use crate::reading::validate;

const NAMES: Names = Names {
    lines: "products",
    customer: "customerId",
    register: "customerRegister",
};

/// Reads what a valid order requires. `email` is the customer's address.
pub(super) fn of(order: Value<'_, '_>, email: Option<&str>) -> Demand {
    let is_set = |name| flag(order, name);
    let is_forced = is_set("forceCreate").unwrap_or(false);
    let products = given(order, "products");
    let products = products.iter().flat_map(Value::items);
    Demand {
        names: NAMES,
        lines: products.map(wanted).collect(),
        markets: named(order, "marketId", "market"),
        pricelists: named(order, "pricelistId", "pricelist"),
        takes_stock: is_set("adjustStock").unwrap_or(true),
        is_forced,
        customer: customer(order, email),
    }
}

/// If a product is identified in several ways, the first of these counts.
fn wanted(product: Value<'_, '_>) -> Wanted {
    let owned = |name| text(product, name).map(Cow::into_owned);
    let id = integer(product, "id").map(Identifier::Id);
    let named = id
        .or_else(|| owned("ean").map(Identifier::Ean))
        .or_else(|| owned("sku").map(Identifier::Sku));
    Wanted {
        // Cannot happen: an order without any identifier is invalid.
        product: named.unwrap_or(Identifier::Sku(String::new())),
        quantity: integer(product, "qty").unwrap_or_default(),
        needs_price: given(product, "unitPrice").is_none(),
    }
}

/// The names of something identified by number, name or both.
fn named(order: Value<'_, '_>, number: &str, name: &str) -> Vec<String> {
    let number = integer(order, number).map(|number| number.to_string());
    let name = text(order, name).map(Cow::into_owned);
    number.into_iter().chain(name).collect()
}

fn customer(order: Value<'_, '_>, address: Option<&str>) -> Attach {
    let payer = given(order, "invoiceAddress").or_else(|| given(order, "address"));
    let name = |name| text(payer?, name).map(Cow::into_owned);
    Attach {
        id: integer(order, "customerId"),
        registers: flag(order, "customerRegister").unwrap_or(false),
        email: address.map(|address| email::normal(address).into_owned()),
        first_name: name("firstName"),
        last_name: name("lastName"),
        wants_new_password: flag(order, "customerSetNewPassword").unwrap_or(false),
    }
}

fn flag(order: Value<'_, '_>, name: &str) -> Option<bool> {
    validate::boolean(given(order, name)?).ok()
}
