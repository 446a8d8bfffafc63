//! A JSON text with line breaks and indentation.

use std::borrow::Cow;

use super::is_json;
use super::scan::{Kind, tokens};

/// Deeper levels are indented no further, so that the result stays in proportion.
const INDENTED_MAX: usize = 60;

/// Longest text that is formatted before it is shown, in bytes. A longer one could exceed the limit of an order.
const FORMATTED_BYTES_MAX: usize = 200_000;

/// The text of an order as an editor first shows it: one attribute a line, if it was sent in one line.
pub(crate) fn first_shown(came: &str) -> Cow<'_, str> {
    let is_line = !came.trim().contains(['\n', '\r']) && came.len() <= FORMATTED_BYTES_MAX;
    let pretty = if is_line { pretty(came) } else { None };
    let pretty = pretty.filter(|pretty| pretty.len() <= FORMATTED_BYTES_MAX);
    pretty.map_or(Cow::Borrowed(came), Cow::Owned)
}

/// The text with one attribute a line. Everything but the white space between tokens stays as it is spelled. `None` if the
/// text is no JSON.
pub(crate) fn pretty(text: &str) -> Option<String> {
    if !is_json(text) {
        return None;
    }
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut was_start = false;
    for token in tokens(text) {
        let is_start = matches!(token.kind, Kind::ObjectStart | Kind::ArrayStart);
        let is_end = matches!(token.kind, Kind::ObjectEnd | Kind::ArrayEnd);
        if is_end {
            depth = depth.saturating_sub(1);
        }
        // An empty container stays on its line.
        if was_start != is_end && (was_start || is_end) {
            new_line(&mut out, depth);
        }
        out.push_str(&text[token.start..token.end]);
        match token.kind {
            Kind::Comma => new_line(&mut out, depth),
            Kind::Colon => out.push(' '),
            Kind::ObjectStart | Kind::ArrayStart => depth += 1,
            Kind::ObjectEnd | Kind::ArrayEnd | Kind::Text | Kind::Bare => {}
        }
        was_start = is_start;
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(INDENTED_MAX) {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_changes() {
        let text = "\u{feff}{\"a\":[1.50,{}, [ ] ,{\"b\\u0020\" : 1e400}],\r\n\"c\":\"x, {y}\"}";
        let wanted = "{\n  \"a\": [\n    1.50,\n    {},\n    [],\n    {\n      \"b\\u0020\": 1e400\n    }\n  ],\n  \"c\": \"x, {y}\"\n}";
        assert_eq!(pretty(text).as_deref(), Some(wanted));
        assert_eq!(pretty(wanted).as_deref(), Some(wanted));
        assert_eq!(pretty("{'a':1}"), None);
        assert_eq!(
            pretty(" 12345678901234567890.10 ").as_deref(),
            Some("12345678901234567890.10")
        );
    }

    #[test]
    fn deep_texts_stay_in_proportion() {
        let deep = "[".repeat(20_000) + "1" + &"]".repeat(20_000);
        let made = pretty(&deep).unwrap();
        assert!(made.len() < deep.len() * 2 * (INDENTED_MAX + 2));
    }

    #[test]
    fn only_short_texts_of_one_line_are_formatted_at_first() {
        assert_eq!(first_shown(r#"{"a":1}"#), "{\n  \"a\": 1\n}");
        for came in ["{\"a\":\n1}", "{'a':1}"] {
            assert_eq!(first_shown(came), came);
        }
        let long = format!("[{}1]", "1,".repeat(FORMATTED_BYTES_MAX / 4));
        assert_eq!(first_shown(&long), long, "it would get too long");
    }
}
