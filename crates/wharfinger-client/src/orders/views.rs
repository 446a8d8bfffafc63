//! Orders and their history, as a server sends them, and their columns.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::table::Column;

/// An order in the canonical form.
#[derive(Debug, Deserialize)]
pub(super) struct Order {
    pub(super) id: String,
    organisation: String,
    key: String,
    number: Option<u64>,
    state: String,
    revision: u64,
    dialect: String,
    batch_id: Option<String>,
    created_at: String,
    updated_at: String,
    placed_at: Option<String>,
    fulfilled_at: Option<String>,
    #[serde(default)]
    customer: Customer,
    #[serde(default)]
    shipping_address: Address,
    #[serde(default)]
    lines: Vec<Line>,
    instructions: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Customer {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Address {
    name: Option<String>,
    company: Option<String>,
    #[serde(default)]
    lines: Vec<String>,
    suburb: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postcode: Option<String>,
    country: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    /// Text or a number, as it is spelled.
    quantity: Option<Box<RawValue>>,
    sku: Option<String>,
    ean: Option<String>,
    product_id: Option<String>,
    description: Option<String>,
    unit_price: Option<String>,
    currency: Option<String>,
}

/// The parts that are present, separated by spaces.
fn joined<const N: usize>(parts: [&Option<String>; N]) -> String {
    let parts = parts.into_iter().flatten().map(String::as_str);
    Vec::from_iter(parts).join(" ")
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

fn digits(value: Option<u64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

impl Line {
    fn told(&self) -> String {
        let quantity = self.quantity.as_ref();
        let quantity = quantity.map_or("1", |quantity| quantity.get().trim_matches('"'));
        let rest = joined([
            &self.sku,
            &self.ean,
            &self.product_id,
            &self.description,
            &self.unit_price,
            &self.currency,
        ]);
        format!("{quantity} × {rest}")
    }
}

impl Address {
    fn told(&self) -> String {
        let lines = Some(self.lines.join(", ")).filter(|lines| !lines.is_empty());
        joined([
            &self.name,
            &self.company,
            &lines,
            &self.suburb,
            &self.city,
            &self.state,
            &self.postcode,
            &self.country,
        ])
    }
}

impl Order {
    /// Everything, part by part.
    pub(super) fn parts(&self) -> Vec<(&'static str, String)> {
        let customer = &self.customer;
        let mut parts = vec![
            ("order", self.id.clone()),
            ("organisation", self.organisation.clone()),
            ("dialect", self.dialect.clone()),
            ("key", self.key.clone()),
            ("number", digits(self.number)),
            ("state", self.state.clone()),
            ("revision", self.revision.to_string()),
            ("batch", text(self.batch_id.as_ref())),
            ("placed at", text(self.placed_at.as_ref())),
            ("fulfilled at", text(self.fulfilled_at.as_ref())),
            ("created at", self.created_at.clone()),
            ("updated at", self.updated_at.clone()),
            (
                "customer",
                joined([
                    &customer.first_name,
                    &customer.last_name,
                    &customer.email,
                    &customer.phone,
                ]),
            ),
            ("ship to", self.shipping_address.told()),
        ];
        let lines = self.lines.iter();
        parts.extend(lines.map(|line| ("line", line.told())));
        parts.push(("instructions", text(self.instructions.as_ref())));
        parts
    }
}

/// The columns of a list of orders.
pub(super) const ORDERS: &[Column<Order>] = &[
    ("ORDER", |order| order.id.clone()),
    ("ORGANISATION", |order| order.organisation.clone()),
    ("DIALECT", |order| order.dialect.clone()),
    ("KEY", |order| order.key.clone()),
    ("NUMBER", |order| digits(order.number)),
    ("STATE", |order| order.state.clone()),
    ("REVISION", |order| order.revision.to_string()),
    ("CREATED AT", |order| order.created_at.clone()),
    ("UPDATED AT", |order| order.updated_at.clone()),
    ("EMAIL", |order| text(order.customer.email.as_ref())),
    ("LINES", |order| order.lines.len().to_string()),
];

/// An entry of the history of an order.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    r#type: String,
    at: String,
    revision: Option<u64>,
    batch_id: Option<String>,
    key_id: Option<String>,
}

/// The columns of a history.
pub(super) const HISTORY: &[Column<Entry>] = &[
    ("AT", |entry| entry.at.clone()),
    ("WHAT", |entry| entry.r#type.clone()),
    ("REVISION", |entry| digits(entry.revision)),
    ("BATCH", |entry| text(entry.batch_id.as_ref())),
    ("BY", |entry| text(entry.key_id.as_ref())),
];
