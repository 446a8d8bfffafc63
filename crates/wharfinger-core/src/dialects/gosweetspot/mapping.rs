//! Converts between the vendor's order and the canonical order.

use super::decode;
use super::wire::{Form, FormProduct};
use crate::canonical::{
    Address, Customer, Line, Missing, Order, References, Rendered, Stored, read, split_name,
};
use crate::dialect::StoredOrder;
use crate::json::NameCase;
use crate::order::amount::Amount;

/// Converts a stored order to the canonical form.
pub(super) fn canonical(stored: &StoredOrder) -> Order {
    let text = stored.texts.first().map_or("", String::as_str);
    read(text, NameCase::Ignored, |order| Order {
        organisation: stored.organisation.clone(),
        key: stored.key.clone(),
        customer: contact(&order),
        shipping_address: Address {
            name: order.text("consignee"),
            company: None,
            lines: ["address1", "address2"]
                .into_iter()
                .filter_map(|name| order.text(name))
                .collect(),
            suburb: order.text("suburb"),
            city: order.text("city"),
            state: None,
            postcode: order.text("postcode"),
            country: country(&order),
        },
        lines: order
            .each("products")
            .map(|product| line(&product))
            .collect(),
        references: References {
            delivery_reference: order.text("delvref"),
            purchase_order: None,
        },
        instructions: order.text("delvinstructions"),
        ..Order::default()
    })
}

/// The contact for questions about the delivery.
fn contact(order: &Stored<'_, '_>) -> Customer {
    let name = order.text("contactname");
    let (first_name, last_name) = name.as_deref().map(split_name).unwrap_or_default();
    Customer {
        reference: None,
        email: order
            .checked("email", decode::email)
            .map(|(address, _)| address.into_owned()),
        title: None,
        first_name,
        last_name,
        phone: order.text("contactphone"),
    }
}

/// Vendor quirk: `UK` stands for `GB`.
fn country(order: &Stored<'_, '_>) -> Option<String> {
    let (code, _) = order.checked("country", decode::country)?;
    Some(if code == "UK" { "GB" } else { &code }.to_owned())
}

fn line(product: &Stored<'_, '_>) -> Line {
    Line {
        quantity: product.amount("units").unwrap_or_else(|| Amount::from(1)),
        sku: product.text("productcode"),
        ean: None,
        product_id: None,
        description: product.text("description"),
        unit_price: product.amount("unitvalue"),
        currency: product
            .checked("currency", decode::currency)
            .map(|(code, _)| code.into_owned()),
        weight_kg: product.amount("unitkg"),
        metadata: None,
    }
}

/// Renders an order in the vendor's form.
pub(super) fn render(order: &Order) -> Rendered {
    let mut missing = Missing::default();
    let address = order.destination();
    let [address1, address2] = address.two_lines();
    let contact_name = order.customer.name();
    let name = address.name.clone().or_else(|| address.company.clone());
    let consignee = name.or_else(|| contact_name.clone());
    let form = Form {
        packingslipno: &order.key,
        consignee: missing.demand("consignee", consignee),
        address1,
        address2,
        suburb: address.suburb.as_deref(),
        city: address.city.as_deref(),
        postcode: address.postcode.as_deref(),
        country: address.country.as_deref(),
        delvref: order.references.delivery_reference.as_deref(),
        delvinstructions: order.instructions.as_deref(),
        contactname: contact_name,
        contactphone: order.customer.phone.as_deref(),
        email: order.customer.email.as_deref(),
        products: order
            .lines
            .iter()
            .map(|line| product(order, line))
            .collect(),
    };
    Rendered::of(&form, missing)
}

fn product<'s>(order: &'s Order, line: &'s Line) -> FormProduct<'s> {
    let of_order = line.unit_price.as_ref().and(order.currency.as_deref());
    FormProduct {
        productcode: line.sku.as_deref(),
        description: line.description.as_deref(),
        units: line.quantity.to_json_number(),
        unitvalue: line.unit_price.as_ref().and_then(Amount::to_json_number),
        unitkg: line.weight_kg.as_ref().and_then(Amount::to_json_number),
        currency: line.currency.as_deref().or(of_order),
    }
}
