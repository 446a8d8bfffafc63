//! Changes of attributes that keep every other byte of a text.

use std::ops::Range;

use super::is_json;
use super::places::{Place, locate, text_of};
use super::scan::is_white_space;

/// Most attributes of one order that one change removes. Each removal walks through the text again.
const REMOVED_MAX: usize = 200;

/// A change of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It gets this value, which is JSON. If it is absent it is added.
    Set(String),
    /// It gets another name.
    Rename(String),
    /// It is removed.
    Remove,
}

/// Applies changes to attributes, each given by its JSON pointer. `None` if one of them cannot be made.
pub(crate) fn apply(text: &str, changes: &[(&str, Change)]) -> Option<String> {
    let mut text = text.to_owned();
    let pointers: Vec<_> = changes.iter().map(|(pointer, _)| *pointer).collect();
    let places = locate(&text, &pointers);
    let mut edits = Vec::new();
    let mut removed = Vec::new();
    for ((pointer, change), place) in changes.iter().zip(places) {
        let place = place?;
        match change {
            Change::Set(value) if place.missing.is_empty() => {
                edits.push((place.value, value.clone()));
            }
            Change::Set(value) => edits.push(added(&text, &place, value)?),
            Change::Rename(name) if place.missing.is_empty() => {
                edits.push((place.name?, quoted(name)));
            }
            Change::Rename(_) => return None,
            Change::Remove if place.missing.is_empty() => {
                removed.push((place.value.start, *pointer));
            }
            Change::Remove => {}
        }
    }
    // From the end, so that the places before stay where they are.
    edits.sort_by_key(|(range, _)| std::cmp::Reverse((range.start, range.end)));
    edits.dedup();
    let mut begin_of_last = text.len();
    for (range, by) in edits {
        if range.end > begin_of_last {
            return None;
        }
        begin_of_last = range.start;
        text.replace_range(range, &by);
    }
    removed.sort_unstable();
    removed.dedup();
    if removed.len() > REMOVED_MAX {
        return None;
    }
    for (_, pointer) in removed.into_iter().rev() {
        let place = locate(&text, &[pointer]).pop()??;
        text.replace_range(with_comma(&text, &place)?, "");
    }
    Some(text)
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A member that is added to an object, written like its other members.
fn added(text: &str, place: &Place, value: &str) -> Option<(Range<usize>, String)> {
    let object = &text[place.value.clone()];
    let inner = object.strip_prefix('{')?.strip_suffix('}')?;
    let (name, rest) = place.missing.split_first()?;
    let mut value = value.to_owned();
    for token in rest.iter().rev() {
        value = match token.as_str() {
            "0" => format!("[{value}]"),
            name => format!("{{{}: {value}}}", quoted(name)),
        };
    }
    let start = place.value.start + 1;
    if inner.trim().is_empty() {
        return Some((
            start..place.value.end - 1,
            format!("{}: {value}", quoted(name)),
        ));
    }
    let before = &inner[..inner.len() - inner.trim_start().len()];
    let end = start + inner.trim_end().len();
    let space = if inner.contains("\": ") { " " } else { "" };
    let member = format!(",{before}{}:{space}{value}", quoted(name));
    Some((end..end, member))
}

/// An attribute with the comma that goes with it. `None` for the root.
fn with_comma(text: &str, place: &Place) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = place
        .name
        .as_ref()
        .map_or(place.value.start, |name| name.start);
    let end = place.value.end;
    let white_behind = |at: usize| {
        bytes[at..]
            .iter()
            .take_while(|byte| is_white_space(**byte))
            .count()
    };
    let behind = end + white_behind(end);
    if bytes.get(behind) == Some(&b',') {
        return Some(start..behind + 1 + white_behind(behind + 1));
    }
    let before = bytes[..start]
        .iter()
        .rposition(|byte| !is_white_space(*byte))?;
    match bytes[before] {
        b',' => Some(before..end),
        b'{' | b'[' => Some(start..end),
        _ => None,
    }
}

/// A value that a person has written, as JSON of the kind that it replaces: `like` is that value as it is spelled.
pub(crate) fn literal(value: &str, like: Option<&str>, code: &str) -> String {
    let trimmed = value.trim();
    let is_container = trimmed.starts_with(['{', '[']) && is_json(trimmed);
    let is_bare_kind = like.is_some_and(|like| {
        like.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            || matches!(like, "true" | "false")
    });
    let is_bare = !trimmed.starts_with('"') && is_json(trimmed);
    if is_container || (is_bare && (is_bare_kind || code == "not_boolean")) {
        trimmed.to_owned()
    } else {
        quoted(value)
    }
}

/// A value as a person reads it: text without quotes and escapes, anything else as it is spelled.
pub(crate) fn plain(raw: &str) -> String {
    if raw.starts_with('"') {
        text_of(raw)
    } else {
        raw.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "{ \"key\":\"A-1\",\r\n\t\"total\": 10.50, \"big\":12345678901234567890.10,\n  \"lines\" : [ {\"sku\":\"S\"} ,{\"sku\":\"T\\u0020\"}, {\"ean\":1e5}],\"none\":{ } }";

    fn set(pointer: &str, value: &str) -> Option<String> {
        apply(ORDER, &[(pointer, Change::Set(value.to_owned()))])
    }

    #[test]
    fn a_value_is_replaced_and_every_other_byte_stays() {
        for (pointer, before, value) in [
            ("/key", "\"A-1\"", "\"B\""),
            ("/total", "10.50", "7"),
            ("/lines/1/sku", "\"T\\u0020\"", "\"T\""),
            ("/lines/2/ean", "1e5", "\"5\""),
            ("/none", "{ }", "null"),
        ] {
            let wanted = ORDER.replacen(before, value, 1);
            assert_eq!(set(pointer, value), Some(wanted), "{pointer}");
        }
        let all = ["/lines/0/sku", "/key", "/lines/1/sku", "/key"];
        let changes = all.map(|pointer| (pointer, Change::Set("9".to_owned())));
        let wanted = ORDER
            .replace("\"A-1\"", "9")
            .replace("\"S\"", "9")
            .replace("\"T\\u0020\"", "9");
        assert_eq!(apply(ORDER, &changes), Some(wanted));
    }

    #[test]
    fn an_absent_attribute_is_added_like_its_neighbours() {
        let add =
            |text: &str, pointer: &str| apply(text, &[(pointer, Change::Set("1".to_owned()))]);
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(add(r#"{"a":2}"#, "/b"), is(r#"{"a":2,"b":1}"#));
        assert_eq!(
            add("{\n  \"a\": 2\n}", "/b"),
            is("{\n  \"a\": 2,\n  \"b\": 1\n}")
        );
        assert_eq!(add("{}", "/c/email"), is(r#"{"c": {"email": 1}}"#));
        assert_eq!(add("{}", "/lines/0/sku"), is(r#"{"lines": [{"sku": 1}]}"#));
        assert_eq!(
            add(r#"{"c":{"d":3}}"#, "/c/e~1f"),
            is(r#"{"c":{"d":3,"e/f":1}}"#)
        );
        assert_eq!(add(r#"{"c":"text"}"#, "/c/d"), None);
        assert_eq!(add(r#"{"c":[]}"#, "/c/4"), None);
        assert_eq!(add("not json", "/c"), None);
    }

    #[test]
    fn an_attribute_is_removed_with_its_comma() {
        let remove = |text: &str, pointers: &[&str]| {
            let changes: Vec<_> = pointers
                .iter()
                .map(|pointer| (*pointer, Change::Remove))
                .collect();
            apply(text, &changes)
        };
        let is = |text: &str| Some(text.to_owned());
        let text = "{\"a\":1, \"b\" : [1, 2 ,3],\n\"c\":{}}";
        assert_eq!(remove(text, &["/a"]), is("{\"b\" : [1, 2 ,3],\n\"c\":{}}"));
        assert_eq!(remove(text, &["/c"]), is("{\"a\":1, \"b\" : [1, 2 ,3]}"));
        assert_eq!(
            remove(text, &["/b/1", "/b/2"]),
            is("{\"a\":1, \"b\" : [1 ],\n\"c\":{}}")
        );
        assert_eq!(
            remove(text, &["/b/0", "/b/1", "/b/2"]),
            is("{\"a\":1, \"b\" : [ ],\n\"c\":{}}")
        );
        assert_eq!(remove(text, &["/a", "/b", "/c"]), is("{}"));
        assert_eq!(remove(text, &["/x"]), is(text));
        assert_eq!(remove(text, &[""]), None);
    }

    #[test]
    fn a_name_is_replaced() {
        let rename = |pointer| apply(ORDER, &[(pointer, Change::Rename("a\"b".to_owned()))]);
        assert_eq!(rename("/big"), Some(ORDER.replace("\"big\"", "\"a\\\"b\"")));
        assert_eq!(rename("/lines/0"), None);
        assert_eq!(rename("/x"), None);
    }

    #[test]
    fn a_value_keeps_the_kind_of_the_one_that_it_replaces() {
        for (value, like, code, wanted) in [
            ("5", Some("\"x\""), "", "\"5\""),
            ("5", Some("7"), "", "5"),
            ("5.50", Some("-7"), "", "5.50"),
            ("five", Some("7"), "", "\"five\""),
            ("true", Some("\"yes\""), "not_boolean", "true"),
            ("[1]", None, "", "[1]"),
            (" a\"b\n", None, "", "\" a\\\"b\\n\""),
            ("\"q\"", Some("7"), "", "\"\\\"q\\\"\""),
        ] {
            assert_eq!(literal(value, like, code), wanted, "{value} like {like:?}");
        }
        assert_eq!(plain("\"T\\u0020\""), "T ");
        assert_eq!(plain("1e5"), "1e5");
    }
}
