//! An order, as `/v1` shows it.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lists::frame;
use super::words::time;
use crate::api;
use crate::texts::visible;

/// The attributes of an order that pages show. Numbers keep their spelling.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) organisation: String,
    pub(crate) key: String,
    pub(crate) dialect: String,
    pub(crate) number: Option<u64>,
    pub(crate) state: String,
    pub(crate) revision: u32,
    pub(crate) batch_id: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) placed_at: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) customer: Customer,
    pub(crate) billing_address: Option<Address>,
    pub(crate) shipping_address: Option<Address>,
    pub(crate) lines: Vec<Line>,
    pub(crate) shipping_price: Option<String>,
    pub(crate) discount: Option<String>,
    pub(crate) instructions: Option<String>,
    pub(crate) fulfilment: Option<Fulfilment>,
    pub(crate) held: Option<Hold>,
}

/// Who ordered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Customer {
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) phone: Option<String>,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<String>,
}

/// An address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Address {
    name: Option<String>,
    company: Option<String>,
    lines: Vec<String>,
    suburb: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postcode: Option<String>,
    country: Option<String>,
}

/// A line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    pub(crate) quantity: Option<Box<RawValue>>,
    pub(crate) sku: Option<String>,
    pub(crate) ean: Option<String>,
    pub(crate) product_id: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) unit_price: Option<String>,
    pub(crate) currency: Option<String>,
}

/// The latest report of fulfilment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fulfilment {
    pub(crate) status: Option<String>,
    pub(crate) ticket_number: Option<String>,
    pub(crate) tracking_url: Option<String>,
    pub(crate) picked_at: Option<String>,
    pub(crate) delivered_at: Option<String>,
    pub(crate) printed_at: Option<String>,
    pub(crate) printed_by: Option<String>,
    /// How much of each line was sent.
    pub(crate) lines: Option<Box<RawValue>>,
    pub(crate) updated_at: Option<String>,
}

/// Why an order is held.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hold {
    pub(crate) rule: String,
    pub(crate) sentence: String,
    pub(crate) at: Option<String>,
    pub(crate) error: Option<String>,
}

impl Order {
    /// The address of the order's page.
    pub(crate) fn address(&self) -> String {
        order_address(&self.id)
    }

    /// Whether the order has an open state, so that it can still be changed.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "draft" | "pending" | "held")
    }
}

/// The address of an order's page.
pub(crate) fn order_address(id: &str) -> String {
    format!("/console/orders/{}", api::segment(id))
}

impl Customer {
    /// The name of the customer. Empty if it is not known.
    pub(crate) fn name(&self) -> String {
        let names = [&self.first_name, &self.last_name].into_iter().flatten();
        names.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// What the customer is known by, in one line.
    pub(crate) fn shown(&self) -> Markup {
        let name = self.name();
        let other = self.email.as_ref().or(self.reference.as_ref());
        let other = other.or(self.phone.as_ref());
        html! {
            @if !name.is_empty() { bdi { (visible(&name)) } }
            @else if let Some(other) = other { bdi { (visible(other)) } }
            @else { span.hint { "not given" } }
        }
    }
}

impl Address {
    /// The lines of the address.
    pub(crate) fn shown(&self) -> Markup {
        let first = [&self.name, &self.company].into_iter().flatten();
        let city = [&self.postcode, &self.city, &self.state];
        let city = city.into_iter().flatten().map(String::as_str);
        let city = city.collect::<Vec<_>>().join(" ");
        let last = [&self.suburb].into_iter().flatten();
        html! {
            address {
                @for line in first.chain(&self.lines).chain(last) { div { bdi { (visible(line)) } } }
                @if !city.is_empty() { div { bdi { (visible(&city)) } } }
                @if let Some(country) = &self.country { div { (visible(country)) } }
            }
        }
    }
}

/// An optional text from outside. Nothing where it is absent.
pub(crate) fn text(value: Option<&String>) -> Markup {
    html! { @if let Some(value) = value { bdi { (visible(value)) } } }
}

/// A row of facts, if its value is there.
pub(crate) fn fact(name: &str, value: Option<&String>) -> Markup {
    html! { @if let Some(value) = value { dt { (name) } dd { bdi { (visible(value)) } } } }
}

/// A row of facts with a time or a date, if it is there.
pub(crate) fn fact_at(name: &str, at: Option<&String>) -> Markup {
    html! { @if let Some(at) = at { dt { (name) } dd { (time(at)) } } }
}

/// The lines of an order as a table.
pub(crate) fn lines(order: &Order, shown_max: usize) -> Markup {
    let has_price = order.lines.iter().any(|line| line.unit_price.is_some());
    let left_out = order.lines.len().saturating_sub(shown_max);
    html! {
        (frame("Order lines", &html! {
            table.lines.stack {
                thead {
                    tr {
                        th scope="col" { "Article" }
                        th scope="col" { "Description" }
                        th.number scope="col" { "Quantity" }
                        @if has_price { th.number scope="col" { "Unit price" } }
                    }
                }
                tbody {
                    @for line in order.lines.iter().take(shown_max) {
                        tr {
                            td.wide { (text(line.sku.as_ref().or(line.ean.as_ref()).or(line.product_id.as_ref()))) }
                            td data-label="Description" { (text(line.description.as_ref())) }
                            td.number data-label="Quantity" { @if let Some(quantity) = &line.quantity { (quantity.get()) } }
                            @if has_price {
                                td.number data-label="Unit price" {
                                    @if let Some(price) = &line.unit_price {
                                        (price) " " (line.currency.as_ref().or(order.currency.as_ref()).map_or("", String::as_str))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }))
        @if left_out > 0 {
            p.hint { (super::count(left_out as u64)) " more lines are not shown. They are in the text of the order." }
        }
    }
}
