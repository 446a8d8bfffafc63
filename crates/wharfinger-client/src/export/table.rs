//! Orders as a table. The columns and their order do not change; new ones are added at the end.

use std::io::Write as _;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Rows;
use crate::formulas::guarded;
use crate::out_file::OutFile;

/// Columns of an order.
const ORDER: [&str; 46] = [
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
const LINE: [&str; 10] = [
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

/// A table that is being written.
pub(super) struct Table<'o> {
    rows: csv::Writer<OutFile<'o>>,
    kind: Rows,
}

impl<'o> Table<'o> {
    pub(super) fn begin(out: OutFile<'o>, kind: Rows) -> Result<Self> {
        let mut rows = csv::Writer::from_writer(out);
        match kind {
            Rows::Orders => rows.write_record(ORDER)?,
            Rows::Lines => rows.write_record(ORDER.iter().chain(&LINE))?,
        }
        Ok(Self { rows, kind })
    }

    /// Writes an order: one row, or a row for each of its lines. An order without lines has one row then too.
    pub(super) fn order(&mut self, order: &RawValue) -> Result<()> {
        let order: Order = serde_json::from_str(order.get())
            .context("the order is not in the expected form; is this a Wharfinger server?")?;
        let cells = order.cells();
        match self.kind {
            Rows::Orders => self.rows.write_record(&cells)?,
            Rows::Lines if order.lines.is_empty() => {
                let blank = LINE.map(|_| String::new());
                self.rows.write_record(cells.iter().chain(&blank))?;
            }
            Rows::Lines => {
                for (index, line) in order.lines.iter().enumerate() {
                    let line = line.cells(index + 1);
                    self.rows.write_record(cells.iter().chain(&line))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        let out = self.rows.into_inner();
        let mut out = out.map_err(|error| anyhow::anyhow!("{}", error.error()))?;
        out.flush()?;
        out.finish()
    }
}

type Text = Option<String>;
type Json = Option<Box<RawValue>>;

/// An order as a server shows it. Numbers keep their spelling.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Order {
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
    lines: Vec<Line>,
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
struct Line {
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
    fn cells(&self) -> Vec<String> {
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
    fn cells(&self, number_of_line: usize) -> [String; 10] {
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    fn written(kind: Rows, order: &serde_json::Value) -> Vec<Vec<(String, String)>> {
        let mut out = Vec::new();
        let mut table = Table::begin(OutFile::begin(None, &mut out).unwrap(), kind).unwrap();
        table.order(&to_raw_value(order).unwrap()).unwrap();
        table.finish().unwrap();
        let mut rows = csv::Reader::from_reader(&out[..]);
        let header = rows.headers().unwrap().clone();
        let pairs = |row: csv::StringRecord| {
            let pairs = header.iter().zip(&row).filter(|(_, cell)| !cell.is_empty());
            pairs
                .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
                .collect()
        };
        rows.records().map(|row| pairs(row.unwrap())).collect()
    }

    fn cell<'r>(row: &'r [(String, String)], column: &str) -> Option<&'r str> {
        let found = row.iter().find(|(name, _)| name == column);
        found.map(|(_, cell)| cell.as_str())
    }

    #[test]
    fn every_column_has_its_value_and_formulas_are_guarded() {
        let order = json!({
            "id": "1", "key": "=1+1", "number": 7, "revision": 2, "batch_id": "b", "locale": "en-GB",
            "customer": {"ref": "@c", "email": "a@x.y", "phone": "+44 1"},
            "billing_address": {"name": "Ann", "lines": ["Kai 1", "2nd"], "country": "SE"},
            "shipping_address": {"name": "\tBo", "lines": ["-5"]},
            "shipping_price": "-1.50", "discount": "10", "references": {"purchase_order": "P"}, "metadata": {"a": 1.50},
            "lines": [
                {"quantity": -2, "sku": "-5", "unit_price": "-0.10", "weight_kg": 1.50},
                {"quantity": 1, "ean": "'=x", "currency": "SEK", "metadata": {}},
            ],
            "fulfilment": {"status": "PICKED", "tracking_url": "https://x.y"},
        });
        let rows = written(Rows::Lines, &order);
        for (column, value) in [
            ("id", "1"),
            ("key", "'=1+1"),
            ("number", "7"),
            ("revision", "2"),
            ("batch_id", "b"),
            ("locale", "en-GB"),
            ("customer_ref", "'@c"),
            ("customer_email", "a@x.y"),
            ("customer_phone", "'+44 1"),
            ("billing_name", "Ann"),
            ("billing_lines", "Kai 1\n2nd"),
            ("billing_country", "SE"),
            ("shipping_name", "'\tBo"),
            ("shipping_lines", "'-5"),
            ("shipping_price", "-1.50"),
            ("discount", "10"),
            ("purchase_order", "P"),
            ("metadata", "{\"a\":1.5}"),
            ("fulfilment_status", "PICKED"),
            ("tracking_url", "https://x.y"),
            ("line", "1"),
            ("quantity", "-2"),
            ("sku", "'-5"),
            ("unit_price", "-0.10"),
            ("weight_kg", "1.5"),
        ] {
            assert_eq!(cell(&rows[0], column), Some(value), "{column}");
        }
        assert_eq!(rows.len(), 2);
        assert_eq!(cell(&rows[1], "ean"), Some("''=x"));
        assert_eq!(cell(&rows[1], "line_currency"), Some("SEK"));
        assert_eq!(cell(&rows[1], "key"), Some("'=1+1"), "on each row");
        let rows = written(Rows::Orders, &order);
        assert_eq!((rows.len(), cell(&rows[0], "line")), (1, None));
    }

    #[test]
    fn an_order_without_lines_has_a_row() {
        let rows = written(Rows::Lines, &json!({"key": "A"}));
        assert_eq!(rows, [vec![("key".to_owned(), "A".to_owned())]]);
    }
}
