//! Hints for problems with an order as a whole, whose value is its text.

use super::{Asked, Hint, VALUE_CHARS_MAX, shortened};
use crate::json::Kind;

use super::{Sent, rule, values};

/// Characters before a fault that are shown with it.
const CHARS_BEFORE: usize = 30;

/// The hint for a problem with the order as a whole.
pub(super) fn hint(asked: &Asked<'_>, text: &str) -> Hint {
    let rule = rule::of(asked.code, asked.bound.as_deref());
    let (value, hint) = match asked.code {
        "not_json" => of_line(text, asked.bound.as_deref()),
        "order_too_large" => (None, Some(format!("it has {} bytes", text.len()))),
        "not_object" | "not_array" => of_root(asked.code, text),
        _ => (None, None),
    };
    Hint { value, rule, hint }
}

/// A text that is JSON, but no object.
fn of_root(code: &str, text: &str) -> (Option<String>, Option<String>) {
    let text = text.trim();
    let kind = match text.as_bytes().first() {
        Some(b'"') => Kind::Text,
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        Some(b'n') => Kind::Null,
        Some(b't') => Kind::True,
        Some(b'f') => Kind::False,
        Some(_) | None => Kind::Number,
    };
    // Escapes do not matter here: only the first and the last character do.
    let inner = match kind {
        Kind::Text => text.trim_matches('"'),
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Array | Kind::Object => text,
    };
    let sent = Sent {
        kind,
        text: inner.into(),
        is_empty_container: false,
    };
    let value = Some(shortened(text, VALUE_CHARS_MAX));
    (value, values::hint(code, None, "", Some(&sent)))
}

/// A line that is not JSON: the text around the fault, and what usually stands behind such a fault.
fn of_line(text: &str, column: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(column) = column.and_then(|column| column.parse::<usize>().ok()) else {
        return (None, None);
    };
    let mut at = column.saturating_sub(1).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (before, behind) = text.split_at(at);
    let start = before
        .char_indices()
        .rev()
        .take(CHARS_BEFORE)
        .last()
        .map_or(before.len(), |(start, _)| start);
    let value = Some(shortened(&text[start..], VALUE_CHARS_MAX));
    (value, usual_fault(before, behind).map(Into::into))
}

fn usual_fault(before: &str, behind: &str) -> Option<&'static str> {
    let starts = |words: &[&str]| words.iter().any(|word| behind.starts_with(word));
    let last = before.trim_end().chars().next_back();
    if starts(&["True", "False", "None"]) {
        return Some("JSON writes true, false and null in lower case; Python's json.dumps does so");
    }
    if starts(&["NaN", "Infinity", "-Infinity", "undefined"]) {
        return Some("JSON has no such value; write null, or leave the attribute out");
    }
    match (last, behind.chars().next()) {
        (_, None) => Some("the text ends before the order does; was it cut off?"),
        (_, Some('\'' | '“' | '”' | '„')) => Some("JSON uses straight double quotes: \""),
        (Some(','), Some('}' | ']')) => Some("remove the comma before the closing bracket"),
        (_, Some('/' | '#')) => Some("JSON has no comments"),
        (Some('0'), Some('0'..='9')) => Some("a number has no leading zeros; send it as text"),
        (_, Some('{' | '[' | '"')) => Some("is a comma or a line break missing?"),
        (_, Some(_)) => None,
    }
}
