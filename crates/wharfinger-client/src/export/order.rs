//! The cells of an order in a table.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::formulas::guarded;

/// Columns of an order.
pub(super) const ORDER: [&str; 46] = [
    "id",
    "organisation",
    "dialect",
    "key",
    "number",
    "state",
    "revision",
    "batch_id",
    "created_at",
    "updated_at",
    "placed_at",
    "fulfilled_at",
    "language",
    "locale",
    "customer_ref",
    "customer_email",
    "customer_title",
    "customer_first_name",
    "customer_last_name",
    "customer_phone",
    "billing_name",
    "billing_company",
    "billing_lines",
    "billing_suburb",
    "billing_city",
    "billing_state",
    "billing_postcode",
    "billing_country",
    "shipping_name",
    "shipping_company",
    "shipping_lines",
    "shipping_suburb",
    "shipping_city",
    "shipping_state",
    "shipping_postcode",
    "shipping_country",
    "shipping_price",
    "discount",
    "currency",
    "delivery_reference",
    "purchase_order",
    "instructions",
    "metadata",
    "fulfilment_status",
    "ticket_number",
    "tracking_url",
];
/// Columns of a line, after those of its order.
pub(super) const LINE: [&str; 10] = [
    "line",
    "quantity",
    "sku",
    "ean",
    "product_id",
    "description",
    "unit_price",
    "line_currency",
    "weight_kg",
    "line_metadata",
];

type Text = Option<String>;
type Json = Option<Box<RawValue>>;

/// An order as a server shows it. Numbers keep their spelling.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Order {
    id: Text,
    organisation: Text,
    dialect: Text,
    key: Text,
    number: Json,
    state: Text,
    revision: Json,
    batch_id: Text,
    created_at: Text,
    updated_at: Text,
    placed_at: Text,
    fulfilled_at: Text,
    language: Text,
    locale: Text,
    customer: Customer,
    billing_address: Address,
    shipping_address: Address,
    pub(super) lines: Vec<Line>,
    shipping_price: Text,
    discount: Text,
    currency: Text,
    references: References,
    instructions: Text,
    metadata: Json,
    fulfilment: Fulfilment,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Customer {
    r#ref: Text,
    email: Text,
    title: Text,
    first_name: Text,
    last_name: Text,
    phone: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address {
    name: Text,
    company: Text,
    lines: Vec<String>,
    suburb: Text,
    city: Text,
    state: Text,
    postcode: Text,
    country: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    quantity: Json,
    sku: Text,
    ean: Text,
    product_id: Text,
    description: Text,
    unit_price: Text,
    currency: Text,
    weight_kg: Json,
    metadata: Json,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct References {
    delivery_reference: Text,
    purchase_order: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fulfilment {
    status: Text,
    ticket_number: Text,
    tracking_url: Text,
}

impl Order {
    /// Its cells, for [`ORDER`].
    pub(super) fn cells(&self) -> Vec<String> {
        let mut cells: Vec<String> = Vec::with_capacity(ORDER.len());
        let known = [&self.id, &self.organisation, &self.dialect, &self.key];
        cells.extend(known.map(text));
        cells.push(json(&self.number));
        cells.push(text(&self.state));
        cells.push(json(&self.revision));
        let times = [
            &self.batch_id,
            &self.created_at,
            &self.updated_at,
            &self.placed_at,
            &self.fulfilled_at,
        ];
        cells.extend(times.map(text));
        cells.extend([&self.language, &self.locale].map(text));
        let customer = &self.customer;
        let names = [
            &customer.title,
            &customer.first_name,
            &customer.last_name,
            &customer.phone,
        ];
        cells.extend([&customer.r#ref, &customer.email].map(text));
        cells.extend(names.map(text));
        cells.extend(self.billing_address.cells());
        cells.extend(self.shipping_address.cells());
        cells.extend([&self.shipping_price, &self.discount].map(number));
        let references = &self.references;
        let rest = [
            &self.currency,
            &references.delivery_reference,
            &references.purchase_order,
            &self.instructions,
        ];
        cells.extend(rest.map(text));
        cells.push(json(&self.metadata));
        let fulfilment = &self.fulfilment;
        let reported = [
            &fulfilment.status,
            &fulfilment.ticket_number,
            &fulfilment.tracking_url,
        ];
        cells.extend(reported.map(text));
        cells
    }
}

impl Address {
    fn cells(&self) -> [String; 8] {
        let lines = Some(self.lines.join("\n"));
        [
            &self.name,
            &self.company,
            &lines,
            &self.suburb,
            &self.city,
            &self.state,
            &self.postcode,
            &self.country,
        ]
        .map(text)
    }
}

impl Line {
    /// Its cells, for [`LINE`].
    pub(super) fn cells(&self, number_of_line: usize) -> [String; 10] {
        [
            number_of_line.to_string(),
            json(&self.quantity),
            text(&self.sku),
            text(&self.ean),
            text(&self.product_id),
            text(&self.description),
            number(&self.unit_price),
            text(&self.currency),
            json(&self.weight_kg),
            json(&self.metadata),
        ]
    }
}

/// A cell of text. One that a spreadsheet would run as a formula is guarded.
fn text(text: &Text) -> String {
    guarded(text.as_deref().unwrap_or_default()).into_owned()
}

/// A cell of a number. A negative one is a number and no formula, so it stays as it is.
fn number(number: &Text) -> String {
    let digits = number.as_deref().unwrap_or_default();
    match is_number(digits) {
        true => digits.to_owned(),
        false => text(number),
    }
}

/// A cell of a JSON number or object.
fn json(json: &Json) -> String {
    let json = json.as_deref().map(|json| json.get().to_owned());
    number(&json)
}

fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, decimals)) => is_digits(whole) && is_digits(decimals),
        None => is_digits(text),
    }
}
