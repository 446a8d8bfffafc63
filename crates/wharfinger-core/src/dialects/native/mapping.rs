//! Reads the canonical order from its own text and writes it again.

use crate::canonical::{
    Address, Customer, Line, Missing, Order, References, Rendered, Stored, read, write,
};
use crate::dialect::StoredOrder;
use crate::json::NameCase;
use crate::order::amount::Amount;
use crate::reading::moment::moment;
use crate::reading::validate;

/// Converts a stored order to the canonical order.
pub(super) fn canonical(stored: &StoredOrder) -> Order {
    let text = stored.texts.first().map_or("", String::as_str);
    read(text, NameCase::Exact, |order| Order {
        organisation: stored.organisation.clone(),
        key: stored.key.clone(),
        placed_at: order.checked("placed_at", moment),
        fulfilled_at: order.checked("fulfilled_at", moment),
        language: order.text("language"),
        locale: order.text("locale"),
        customer: customer(&order.object("customer")),
        billing_address: address(&order.object("billing_address")),
        shipping_address: address(&order.object("shipping_address")),
        lines: order.each("lines").map(|each| line(&each)).collect(),
        shipping_price: order.amount("shipping_price"),
        discount: order.amount("discount"),
        currency: order.text("currency"),
        references: references(&order.object("references")),
        instructions: order.text("instructions"),
        metadata: order.json("metadata"),
    })
}

fn customer(customer: &Stored<'_, '_>) -> Customer {
    Customer {
        reference: customer.text("ref"),
        email: customer.text("email"),
        title: customer.text("title"),
        first_name: customer.text("first_name"),
        last_name: customer.text("last_name"),
        phone: customer.text("phone"),
    }
}

fn address(address: &Stored<'_, '_>) -> Address {
    Address {
        name: address.text("name"),
        company: address.text("company"),
        lines: address.texts("lines"),
        suburb: address.text("suburb"),
        city: address.text("city"),
        state: address.text("state"),
        postcode: address.text("postcode"),
        country: address.text("country"),
    }
}

fn line(line: &Stored<'_, '_>) -> Line {
    Line {
        quantity: line.amount("quantity").unwrap_or_else(|| Amount::from(1)),
        sku: line.text("sku"),
        ean: line.text("ean"),
        product_id: line.text("product_id"),
        description: line.text("description"),
        unit_price: line.amount("unit_price"),
        currency: line.text("currency"),
        weight_kg: line.amount("weight_kg"),
        metadata: line.json("metadata"),
    }
}

fn references(references: &Stored<'_, '_>) -> References {
    References {
        delivery_reference: references.text("delivery_reference"),
        purchase_order: references.text("purchase_order"),
    }
}

/// The e-mail address of a stored order's customer.
pub(super) fn email(stored: &StoredOrder) -> Option<String> {
    let text = stored.texts.first()?;
    read(text, NameCase::Exact, |order| {
        let address = order.object("customer").checked("email", validate::email)?;
        Some(address.into_owned())
    })
}

/// Renders an order of any dialect as it would be submitted here.
pub(super) fn render(order: &Order) -> Rendered {
    let mut missing = Missing::default();
    if order.placed_at.is_none() && order.fulfilled_at.is_none() {
        missing.note("placed_at");
    }
    if order.lines.is_empty() {
        missing.note("lines");
    }
    for line in &order.lines {
        if line.sku.is_none() && line.ean.is_none() && line.product_id.is_none() {
            missing.note("lines[].sku");
        }
        if !line.quantity.is_positive() {
            missing.note("lines[].quantity");
        }
    }
    Rendered::of(&write(order), missing)
}
