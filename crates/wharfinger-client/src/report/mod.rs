//! Faults of orders, as people, programs and spreadsheets read them.
//!
//! A fault is an error that rejects an order, or a warning that does not. It was found by the core on this machine, or
//! by a server; both look the same. May import `formulas` and `terminal`.

mod csv;
mod text;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::csv::{AllColumns, REASON_COLUMNS, reason};
use crate::terminal::shown;

/// Characters of a key or a name that a report shows.
const KEY_CHARS_MAX: usize = 100;

/// A cell of a table that an order was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The row, from 1. The row of column names is row 1.
    pub row: u64,
    /// The name of the column.
    pub column: String,
}

/// An order of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it. `-` is standard input.
    pub file: Arc<str>,
    /// The line on which the order begins, from 1. In a table, its first row.
    pub line: u64,
    /// The order's position in the file, from 0.
    pub index: u64,
    /// The order's key, or the sender's name for the order if the key cannot be read.
    pub key: Option<String>,
}

/// One fault of an order, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The order.
    pub place: Place,
    /// The cell of a table that the value came from, if the order was made from a table.
    pub cell: Option<Cell>,
    /// Whether it is a warning: such an order is accepted nevertheless.
    pub is_warning: bool,
    /// What is wrong.
    pub error: Error,
}

/// What is wrong with an attribute. Servers write it in this form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Error {
    /// The attribute, as a JSON pointer relative to the order. Empty means the order itself.
    #[serde(default)]
    pub pointer: String,
    /// The stable code.
    #[serde(default)]
    pub code: String,
    /// A sentence.
    #[serde(default)]
    pub message: String,
    /// The value that was sent, shortened.
    #[serde(default)]
    pub value: Option<String>,
    /// What a valid value looks like.
    #[serde(default)]
    pub rule: Option<String>,
    /// What is probably wrong, or was probably meant.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Fault {
    /// An error or a warning of an order, as a server wrote it: an element of `errors` or `warnings`.
    ///
    /// # Errors
    /// The value is no such element.
    pub fn of_server(
        place: Place,
        is_warning: bool,
        error: serde_json::Value,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            place,
            cell: None,
            is_warning,
            error: serde_json::from_value(error)?,
        })
    }

    /// The line to name: the cell's row if there is a cell, otherwise the line of the order.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.cell.as_ref().map_or(self.place.line, |cell| cell.row)
    }

    fn severity(&self) -> &'static str {
        match self.is_warning {
            true => "warning",
            false => "error",
        }
    }
}

impl Place {
    /// The key for one line of a terminal or a cell: shortened, without control characters.
    #[must_use]
    pub fn key_shown(&self) -> Option<String> {
        let key = self.key.as_deref()?;
        Some(part_of_line(key, KEY_CHARS_MAX))
    }
}

/// At most `chars_max` characters of a text, and a mark if that is not all. Without control characters.
fn part_of_line(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", shown(&text[..end])),
        None => shown(text).into_owned(),
    }
}

/// One JSON object a fault. Absent parts are left out.
impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'f> {
            file: &'f str,
            line: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            column: Option<&'f str>,
            index: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<&'f str>,
            severity: &'static str,
            pointer: &'f str,
            code: &'f str,
            message: &'f str,
            #[serde(skip_serializing_if = "Option::is_none")]
            value: Option<&'f str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            rule: Option<&'f str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'f str>,
        }
        let Self {
            place, cell, error, ..
        } = self;
        let line = Line {
            file: &place.file,
            line: self.line(),
            column: cell.as_ref().map(|cell| cell.column.as_str()),
            index: place.index,
            key: place.key.as_deref(),
            severity: self.severity(),
            pointer: &error.pointer,
            code: &error.code,
            message: &error.message,
            value: error.value.as_deref(),
            rule: error.rule.as_deref(),
            hint: error.hint.as_deref(),
        };
        line.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn fault(key: &str, hint: Option<&str>) -> Fault {
        let place = Place {
            file: "orders.json".into(),
            line: 12,
            index: 3,
            key: Some(key.to_owned()),
        };
        let error = json!({
            "pointer": "/customer/email",
            "code": "not_email",
            "message": "customer.email is not an e-mail address",
            "value": "anna",
            "hint": hint,
            "unheard_of": 1,
        });
        Fault::of_server(place, false, error).unwrap()
    }

    #[test]
    fn a_fault_is_one_json_object() {
        let written = serde_json::to_value(fault("A-1", Some("anna: there is no @"))).unwrap();
        assert_eq!(
            written,
            json!({
                "file": "orders.json",
                "line": 12,
                "index": 3,
                "key": "A-1",
                "severity": "error",
                "pointer": "/customer/email",
                "code": "not_email",
                "message": "customer.email is not an e-mail address",
                "value": "anna",
                "hint": "anna: there is no @",
            })
        );
    }

    #[test]
    fn what_is_no_object_is_no_fault_and_a_newer_server_may_say_less() {
        let place = fault("A-1", None).place;
        assert!(Fault::of_server(place.clone(), false, json!([1])).is_err());
        let little = Fault::of_server(place, true, json!({"code": "new"})).unwrap();
        assert_eq!(little.error.code, "new");
        assert!(little.is_warning && little.error.value.is_none());
    }

    #[test]
    fn the_cell_names_the_line() {
        let mut fault = fault("A-1", None);
        fault.cell = Some(Cell {
            row: 14,
            column: "Email".into(),
        });
        assert_eq!(fault.line(), 14);
        assert_eq!(serde_json::to_value(&fault).unwrap()["column"], "Email");
    }
}
