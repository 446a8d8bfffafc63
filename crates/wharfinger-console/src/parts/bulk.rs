//! Tables that are pasted: products and customers of an organisation.

use std::io::Cursor;

use bytes::Bytes;
use http::Method;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};
use wharfinger_client::source::Kept;

use super::forms::form;
use super::words::count;
use crate::api::{Refused, segment};
use crate::texts::visible;
use crate::visit::{Posted, Visit};

/// Entries of one paste.
const ENTRIES_MAX: usize = 10_000;
/// Entries with faults that are shown.
const SHOWN_MAX: usize = 100;

/// What became of a paste.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Loaded {
    received: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    results: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    index: usize,
    errors: Vec<Fault>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fault {
    pointer: String,
    message: String,
}

/// Why nothing was loaded.
pub(crate) enum NotLoaded {
    /// What was pasted cannot be read.
    Unreadable(String),
    /// The server refused.
    Refused(Refused),
}

impl NotLoaded {
    /// The sentence about it.
    pub(crate) fn sentence(&self) -> &str {
        match self {
            Self::Unreadable(sentence) => sentence,
            Self::Refused(refused) => refused.sentence(),
        }
    }
}

/// Loads what the form of [`paste_form`] has.
pub(crate) async fn load(posted: &Posted, code: &str, what: &str) -> Result<Loaded, NotLoaded> {
    let entries = entries(posted.field("entries")).map_err(NotLoaded::Unreadable)?;
    let target = format!(
        "/v1/organisations/{}/{what}?results=rejected",
        segment(code)
    );
    let body = Bytes::from(Value::from(entries).to_string());
    let sent = posted.visit.send(Method::POST, &target, Some(body)).await;
    sent.and_then(|sent| sent.json())
        .map_err(NotLoaded::Refused)
}

/// Reads JSON, or a table whose first row names the attributes.
fn entries(text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Paste the column names and at least one row.".to_owned());
    }
    if text.starts_with(['[', '{']) {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let values: Result<Vec<_>, _> = values.collect();
        let values = values.map_err(|error| format!("The text is not valid JSON: {error}."))?;
        let all = values.into_iter().flat_map(|value| match value {
            Value::Array(items) => items,
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => vec![other],
        });
        return Ok(all.collect());
    }
    let table = Kept {
        reader: Box::new(Cursor::new(text.as_bytes().to_vec())),
        name: "The table",
        bytes: text.len() as u64,
    };
    let table = table
        .table(ENTRIES_MAX + 1)
        .map_err(|error| format!("{error:#}"))?;
    if table.rows.len() > ENTRIES_MAX {
        return Err(format!(
            "At most {} rows can be imported at once.",
            count(ENTRIES_MAX as u64)
        ));
    }
    let mut entries = Vec::new();
    for (at, row) in table.rows.iter().enumerate() {
        let (has, wanted) = (row.len(), table.columns.len());
        if has != wanted {
            let row = at + 2;
            return Err(format!(
                "Row {row} has {has} cells, and there are {wanted} columns."
            ));
        }
        entries.push(entry(&table.columns, row));
    }
    Ok(entries)
}

/// A row as an object. Empty cells are left out; lists have `|` between their items.
fn entry(columns: &[String], row: &[String]) -> Value {
    let cells = columns
        .iter()
        .zip(row)
        .filter(|(_, cell)| !cell.trim().is_empty());
    let members = cells.map(|(column, cell)| {
        let value = match column.as_str() {
            "markets" | "pricelists" => {
                let items = cell
                    .split('|')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                items.map(Value::from).collect()
            }
            _ => Value::from(cell.trim()),
        };
        (column.clone(), value)
    });
    Value::Object(members.collect::<Map<_, _>>())
}

/// The form for a paste.
pub(crate) fn paste_form(
    visit: &Visit,
    action: &str,
    code: &str,
    example: &str,
    pasted: &str,
) -> Markup {
    let content = html! {
        input type="hidden" name="organisation" value=(code);
        label.field {
            span { "Rows as CSV with column names in the first row, or JSON" }
            textarea.code name="entries" rows="8" spellcheck="false" placeholder=(example) { (pasted) }
        }
        p.hint { "Columns: " code { (example.lines().next().unwrap_or_default()) } ". Empty cells change nothing." }
        div.actions { button.main type="submit" { "Import" } }
    };
    html! { div.paste { (form(visit, action, &content)) } }
}

impl Loaded {
    /// Whether every entry was taken.
    pub(crate) fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    /// What became of the paste.
    pub(crate) fn show(&self) -> Markup {
        html! {
            p.notice.good[self.is_whole()].warm[!self.is_whole()] role="status" {
                (count(self.received)) " received: " (count(self.created)) " created, " (count(self.updated)) " updated, "
                (count(self.unchanged)) " unchanged, " (count(self.rejected)) " rejected."
            }
            @if !self.is_whole() {
                ol.results {
                    @for entry in self.results.iter().take(SHOWN_MAX) {
                        li {
                            p.result { span.hint { "Row " (entry.index + 1) } }
                            ul { @for fault in &entry.errors { li { p { (visible(&fault.message)) } p.hint { code { (visible(&fault.pointer)) } } } } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_and_json_are_read() {
        let expected = [
            json!({"sku": "A", "markets": ["se", "no"]}),
            json!({"sku": "B", "stock": "3"}),
        ];
        let table = "sku;stock;markets\nA;;se | no\nB;3;\n";
        assert_eq!(entries(table).unwrap(), expected);
        let lines = "{\"sku\":\"A\"}\n{\"sku\":\"B\"}";
        assert_eq!(
            entries(lines).unwrap(),
            [json!({"sku": "A"}), json!({"sku": "B"})]
        );
        assert_eq!(entries("[{\"sku\":\"A\"}]").unwrap(), [json!({"sku": "A"})]);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, sentence) in [
            (" ", "Paste the column names"),
            ("{\"a\"", "The text is not valid JSON"),
            (
                "sku,stock\nA,1,2\n",
                "Row 2 has 3 cells, and there are 2 columns.",
            ),
        ] {
            let told = entries(text).unwrap_err();
            assert!(told.starts_with(sentence), "{told}");
        }
    }
}
