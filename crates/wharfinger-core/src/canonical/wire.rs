//! The canonical order in responses: absent attributes are left out, and money and times are text.

use std::fmt::Display;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Amount;

/// The order as it would be submitted. Numbers of other dialects' orders that a submission cannot have are left out.
pub(crate) fn write(from: &super::Order) -> impl Serialize {
    let is_taken = |amount: &Option<Amount>| {
        let amount = amount.as_ref();
        amount.is_some_and(|amount| !amount.is_negative())
    };
    let mut written = order(from);
    for (line, from) in written.lines.iter_mut().zip(&from.lines) {
        line.quantity = line.quantity.take().filter(|_| from.quantity.is_positive());
        line.unit_price = line.unit_price.filter(|_| is_taken(&from.unit_price));
        line.weight_kg = line.weight_kg.take().filter(|_| is_taken(&from.weight_kg));
    }
    written
}

/// Optional text.
type Text<'s> = Option<&'s str>;

/// The canonical order as JSON.
#[derive(Serialize)]
pub(crate) struct Order<'s> {
    organisation: &'s str,
    key: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fulfilled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_address: Option<Address<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_address: Option<Address<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Line<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_price: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discount: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<References<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Customer<'s> {
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Text<'s>,
}

#[derive(Serialize)]
struct Address<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Text<'s>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    lines: &'s [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    suburb: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postcode: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Text<'s>,
}

#[derive(Serialize)]
struct Line<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ean: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_kg: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct References<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_reference: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_order: Text<'s>,
}

/// The order as it is written.
pub(crate) fn order(order: &super::Order) -> Order<'_> {
    Order {
        organisation: &order.organisation,
        key: &order.key,
        placed_at: order.placed_at.as_ref().map(told),
        fulfilled_at: order.fulfilled_at.as_ref().map(told),
        language: order.language.as_deref(),
        locale: order.locale.as_deref(),
        customer: customer(&order.customer),
        billing_address: address(&order.billing_address),
        shipping_address: address(&order.shipping_address),
        lines: order.lines.iter().map(line).collect(),
        shipping_price: order.shipping_price.as_ref().map(Amount::as_str),
        discount: order.discount.as_ref().map(Amount::as_str),
        currency: order.currency.as_deref(),
        references: references(&order.references),
        instructions: order.instructions.as_deref(),
        metadata: order.metadata.as_ref().and_then(super::Json::to_raw),
    }
}

fn told(value: &impl Display) -> String {
    value.to_string()
}

fn customer(customer: &super::Customer) -> Option<Customer<'_>> {
    (*customer != super::Customer::default()).then_some(Customer {
        reference: customer.reference.as_deref(),
        email: customer.email.as_deref(),
        title: customer.title.as_deref(),
        first_name: customer.first_name.as_deref(),
        last_name: customer.last_name.as_deref(),
        phone: customer.phone.as_deref(),
    })
}

fn address(address: &super::Address) -> Option<Address<'_>> {
    (!address.is_empty()).then(|| Address {
        name: address.name.as_deref(),
        company: address.company.as_deref(),
        lines: &address.lines,
        suburb: address.suburb.as_deref(),
        city: address.city.as_deref(),
        state: address.state.as_deref(),
        postcode: address.postcode.as_deref(),
        country: address.country.as_deref(),
    })
}

fn line(line: &super::Line) -> Line<'_> {
    Line {
        quantity: line.quantity.to_json_number(),
        sku: line.sku.as_deref(),
        ean: line.ean.as_deref(),
        product_id: line.product_id.as_deref(),
        description: line.description.as_deref(),
        unit_price: line.unit_price.as_ref().map(Amount::as_str),
        currency: line.currency.as_deref(),
        weight_kg: line.weight_kg.as_ref().and_then(Amount::to_json_number),
        metadata: line.metadata.as_ref().and_then(super::Json::to_raw),
    }
}

fn references(references: &super::References) -> Option<References<'_>> {
    (*references != super::References::default()).then_some(References {
        delivery_reference: references.delivery_reference.as_deref(),
        purchase_order: references.purchase_order.as_deref(),
    })
}
