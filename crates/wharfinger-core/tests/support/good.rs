//! The valid orders of the golden cases.

use std::path::Path;

use serde_json::Value;
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;

use crate::one::problems;
use crate::support::case::{self, Step};

/// Larger bodies test limits. Here they would only slow the tests down.
const BODY_BYTES_MAX: usize = 20_000;

/// Returns every order of the cases that its dialect accepts.
pub(crate) fn orders() -> Vec<(&'static dyn Dialect, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialects");
    let mut orders = Vec::new();
    for case in case::read_all(&root).into_iter().flatten() {
        let dialect = dialects::find(&case.dialect).expect("a dialect");
        for step in case.steps {
            let Step::Exchange(exchange) = step else {
                continue;
            };
            if exchange.body().len() > BODY_BYTES_MAX {
                continue;
            }
            let Ok(body) = serde_json::from_slice(&exchange.body()) else {
                continue;
            };
            for order in orders_of(&body) {
                let text = order.to_string();
                if order.is_object() && problems(dialect, &text).is_empty() {
                    orders.push((dialect, text));
                }
            }
        }
    }
    orders
}

fn orders_of(body: &Value) -> Vec<&Value> {
    match body {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(members) => members.values().chain([body]).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
