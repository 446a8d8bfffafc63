//! What a form of orders cannot hold: found by bringing an order into the form and back.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use wharfinger_core::json::{Decimal, Envelope, Kind, NameCase, Reader, Rules, Value};

/// Attributes that are named of one order.
const NAMED_MAX: usize = 50;

/// A value that is another one afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// The canonical attribute.
    pub(super) attribute: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// A scalar of an order.
#[derive(Clone, Debug)]
struct Leaf {
    /// Names and indexes, such as `lines[0].sku`.
    path: String,
    /// The last name of the path.
    name: String,
    value: String,
}

/// A path with `[]` in place of each index: `lines[].sku`.
pub(super) fn of_any_element(path: &str) -> String {
    let mut plain = String::new();
    let mut is_index = false;
    for letter in path.chars() {
        is_index = is_index && letter != ']';
        if !is_index {
            plain.push(letter);
        }
        is_index = is_index || letter == '[';
    }
    plain
}

/// The attributes of `text` that are not in `back` and do not matter for the result. `render` brings an order into the other
/// form.
pub(super) fn left_out(text: &str, back: &str, render: impl Fn(&str) -> Vec<u8>) -> Vec<String> {
    let there = leaves(back);
    let paths: HashSet<String> = there
        .iter()
        .map(|leaf| of_any_element(&leaf.path))
        .collect();
    let values: HashSet<(&str, String)> = there
        .iter()
        .map(|leaf| (leaf.name.as_str(), plain(&leaf.value)))
        .collect();
    let is_missing = |leaf: &Leaf| {
        !paths.contains(&of_any_element(&leaf.path))
            && !values.contains(&(leaf.name.as_str(), plain(&leaf.value)))
    };
    let mut named = Vec::new();
    let mut whole = None;
    for leaf in leaves(text).into_iter().filter(is_missing) {
        let attribute = of_any_element(&leaf.path);
        if named.len() == NAMED_MAX || named.contains(&attribute) {
            continue;
        }
        // It may have become something else, such as a part of a name.
        let whole = whole.get_or_insert_with(|| render(text));
        if render(&without(text, &leaf.path)) == *whole {
            named.push(attribute);
        }
    }
    named
}

/// The values that differ between two canonical orders. Attributes that only one of them has are no changes.
pub(super) fn changes(before: &str, after: &str) -> Vec<Change> {
    let [before, after] = [before, after].map(|text| leaves(&merged(text)));
    let count = |leaves: &[Leaf]| {
        let lines = leaves.iter().filter(|leaf| leaf.path.starts_with("lines["));
        let lines = lines.filter_map(|leaf| leaf.path.split(']').next());
        lines.collect::<HashSet<_>>().len()
    };
    let are_lines_alike = count(&before) == count(&after);
    let mut changes = Vec::new();
    for leaf in before {
        let is_line = leaf.path.starts_with("lines[");
        let other = after.iter().find(|other| other.path == leaf.path);
        let Some(other) = other.filter(|_| are_lines_alike || !is_line) else {
            continue;
        };
        // A day that becomes its midnight is no other day.
        let is_same = plain(&other.value) == plain(&leaf.value)
            || other.value.starts_with(&format!("{}T", leaf.value));
        if !is_same && changes.len() < NAMED_MAX {
            changes.push(Change {
                attribute: leaf.path,
                before: leaf.value,
                after: other.value.clone(),
            });
        }
    }
    changes
}

/// A value for comparing: numbers without decimals that are zero, and with a point.
fn plain(value: &str) -> String {
    let number = Decimal::parse(value.replace(',', ".").into());
    match number.filter(|_| value.contains([',', '.'])) {
        Some(_) => {
            let trimmed = value.replace(',', ".");
            let trimmed = trimmed.trim_end_matches('0').trim_end_matches('.');
            trimmed.to_owned()
        }
        None => value.to_owned(),
    }
}

fn read<T>(text: &str, tell: impl FnOnce(Value<'_, '_>) -> T) -> Option<T> {
    let rules = Rules {
        names: NameCase::Exact,
        depth_max: usize::MAX,
        order_bytes_max: usize::MAX,
    };
    let mut reader = Reader::new(text.as_bytes(), Envelope::One, rules).ok()?;
    let entry = reader.next().ok()??;
    Some(tell(entry.value))
}

fn leaves(text: &str) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    read(text, |order| gather(order, "", "", &mut leaves));
    leaves
}

fn gather(value: Value<'_, '_>, path: &str, name: &str, leaves: &mut Vec<Leaf>) {
    match value.kind() {
        Kind::Object => {
            for (name, member) in value.members() {
                gather(member, &member_path(path, &name), &name, leaves);
            }
        }
        Kind::Array => {
            for (index, element) in value.elements().enumerate() {
                gather(element, &format!("{path}[{index}]"), name, leaves);
            }
        }
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => {
            if !value.is_blank() {
                let text = value.text();
                leaves.push(Leaf {
                    path: path.to_owned(),
                    name: name.to_owned(),
                    value: text.map_or_else(|| value.raw().to_owned(), Cow::into_owned),
                });
            }
        }
    }
}

fn member_path(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// The text without the scalar at a path.
fn without(text: &str, path: &str) -> String {
    let mut json = String::new();
    read(text, |order| copy(order, "", path, &mut json));
    json
}

/// Copies a value, but for the scalar at a path. Numbers keep their spelling.
fn copy(value: Value<'_, '_>, path: &str, left_out: &str, json: &mut String) {
    let mut separator = "";
    match value.kind() {
        Kind::Object => {
            json.push('{');
            for (name, member) in value.members() {
                let path = member_path(path, &name);
                if path != left_out {
                    json.push_str(separator);
                    json.push_str(&serde_json::Value::from(name.as_ref()).to_string());
                    json.push(':');
                    copy(member, &path, left_out, json);
                    separator = ",";
                }
            }
            json.push('}');
        }
        Kind::Array => {
            json.push('[');
            for (index, element) in value.elements().enumerate() {
                let path = format!("{path}[{index}]");
                if path != left_out {
                    json.push_str(separator);
                    copy(element, &path, left_out, json);
                    separator = ",";
                }
            }
            json.push(']');
        }
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => {
            json.push_str(value.raw());
        }
    }
}

/// A canonical order in which equal lines that follow each other are one line, because some forms have one line a piece.
fn merged(text: &str) -> String {
    let Ok(mut order) = serde_json::from_str::<serde_json::Value>(text) else {
        return text.to_owned();
    };
    let Some(serde_json::Value::Array(lines)) = order.get_mut("lines") else {
        return text.to_owned();
    };
    // Texts as they are, so that no number is read as floating point.
    let mut raw: Vec<(String, u64)> = Vec::new();
    for line in std::mem::take(lines) {
        let mut rest = line.clone();
        let quantity = rest
            .as_object_mut()
            .and_then(|line| line.shift_remove("quantity"));
        let Some(quantity) = quantity.as_ref().and_then(serde_json::Value::as_u64) else {
            return text.to_owned();
        };
        let rest = rest.to_string();
        match raw.last_mut() {
            Some((same, sum)) if *same == rest => *sum += quantity,
            Some(_) | None => raw.push((rest, quantity)),
        }
    }
    let lines = raw.into_iter().filter_map(|(line, quantity)| {
        let mut line: serde_json::Value = serde_json::from_str(&line).ok()?;
        line["quantity"] = quantity.into();
        Some(line)
    });
    order["lines"] = lines.collect();
    order.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_afterwards_and_does_not_matter_is_left_out() {
        let text = r#"{"key":"A","phone":"+44 1","title":" ","lines":[{"sku":"x","bin":1},{"sku":"y","bin":2}],"name":"Ann Archer"}"#;
        let back = r#"{"key":"A","lines":[{"sku":"x"},{"sku":"y"}]}"#;
        // The name decides the result, though it is not there afterwards.
        let render = |text: &str| text.matches("Ann").count().to_string().into_bytes();
        assert_eq!(left_out(text, back, render), ["phone", "lines[].bin"]);
    }

    #[test]
    fn one_attribute_is_removed_and_numbers_keep_their_spelling() {
        let text = r#"{"a":1.50,"b":[{"c":1e400,"d":"\n"},"x"]}"#;
        assert_eq!(
            without(text, "b[0].d"),
            r#"{"a":1.50,"b":[{"c":1e400},"x"]}"#
        );
        assert_eq!(
            without(text, "b[1]"),
            r#"{"a":1.50,"b":[{"c":1e400,"d":"\n"}]}"#
        );
        assert_eq!(without(text, "z"), text);
    }

    #[test]
    fn changed_values_are_named_and_spellings_are_no_changes() {
        let before = r#"{"placed_at":"2026-11-16T08:15:00Z","fulfilled_at":"2026-11-16","discount":"1.005","shipping_price":"49",
            "lines":[{"quantity":2,"sku":"x","unit_price":"5.10"}]}"#;
        let after = r#"{"placed_at":"2026-11-16","fulfilled_at":"2026-11-16T00:00:00Z","discount":"1.01","shipping_price":"49.00",
            "lines":[{"quantity":1,"sku":"x","unit_price":"5.1"},{"quantity":1,"sku":"x","unit_price":"5.1"}],"locale":"en-GB"}"#;
        let changes = changes(before, after);
        let told: Vec<_> = changes
            .iter()
            .map(|change| change.attribute.as_str())
            .collect();
        assert_eq!(told, ["placed_at", "discount"]);
        assert_eq!(changes[1].after, "1.01");
    }
}
