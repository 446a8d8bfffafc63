//! A JSON text with line breaks and indentation.

use super::is_json;
use super::scan::{Kind, tokens};

/// Deeper levels are indented no further, so that the result stays in proportion.
const INDENTED_MAX: usize = 60;

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
}
