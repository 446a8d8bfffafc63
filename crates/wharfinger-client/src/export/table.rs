//! Orders as a table. The columns and their order do not change; new ones are added at the end.

use std::io::Write as _;

use anyhow::{Context, Result};
use serde_json::value::RawValue;

use super::Rows;
use super::order::{LINE, ORDER, Order};
use crate::out_file::OutFile;

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
