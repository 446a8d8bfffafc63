//! What differs between an expected response and a received one.

use serde::Serialize;

use crate::case::{Golden, HEADERS_TOLD, normalise};
use crate::exchange::Answer;
use crate::json::Json;

/// Characters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 200;

/// Differences of one response that are listed. More of them say nothing new.
const DIFFERENCES_MAX: usize = 100;

/// A place where two responses or requests differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// `status`, `header NAME`, a JSON pointer into the body, or `body`.
    pub(crate) place: String,
    /// What was expected. `None`: nothing.
    pub(crate) expected: Option<String>,
    /// What is there instead. `None`: nothing.
    pub(crate) got: Option<String>,
}

impl Difference {
    pub(crate) fn new(place: &str, expected: Option<&str>, got: Option<&str>) -> Self {
        Self {
            place: place.to_owned(),
            expected: expected.map(cut),
            got: got.map(cut),
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [expected, got] =
            [&self.expected, &self.got].map(|value| value.as_deref().unwrap_or("nothing"));
        write!(out, "{}: expected {expected}, got {got}", self.place)
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Compares a response with the expected one. Headers of Wharfinger's own count only if the server is one.
pub(crate) fn responses(golden: &Golden<'_>, answer: &Answer, is_ours: bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    if golden.status != answer.status {
        let [expected, got] = [golden.status, answer.status].map(|status| status.to_string());
        differences.push(Difference::new("status", Some(&expected), Some(&got)));
    }
    for name in HEADERS_TOLD {
        if name.starts_with("wharfinger-") && !is_ours {
            continue;
        }
        let mut golden = golden.headers.iter();
        let expected = golden.find(|(known, _)| *known == name);
        let expected = expected.map(|(_, value)| (*value).to_owned());
        let got = answer.header_list(name).map(|value| normalise(&value));
        if !is_same_header(name, expected.as_deref(), got.as_deref()) {
            let place = format!("header {name}");
            differences.push(Difference::new(&place, expected.as_deref(), got.as_deref()));
        }
    }
    let body = normalise(&String::from_utf8_lossy(&answer.body));
    bodies(golden.body, &body, &mut differences);
    differences.truncate(DIFFERENCES_MAX);
    differences
}

fn is_same_header(name: &str, expected: Option<&str>, got: Option<&str>) -> bool {
    let plain = |value: &str| {
        let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        match name {
            "content-type" => value.to_ascii_lowercase().replace('"', ""),
            _ => value,
        }
    };
    expected.map(plain) == got.map(plain)
}

/// Compares two bodies: as JSON if both are, else as text.
pub(crate) fn bodies(expected: &str, got: &str, differences: &mut Vec<Difference>) {
    if expected == got {
        return;
    }
    match (Json::of(expected), Json::of(got)) {
        (Some(expected), Some(got)) => values(&expected, &got, &mut String::new(), differences),
        _ => {
            let shown = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let [expected, got] = [expected, got].map(shown);
            let difference = Difference::new("body", expected.as_deref(), got.as_deref());
            differences.push(difference);
        }
    }
}

/// Compares two values. `pointer` is their place.
fn values(expected: &Json, got: &Json, pointer: &mut String, differences: &mut Vec<Difference>) {
    if differences.len() > DIFFERENCES_MAX {
        return;
    }
    match (expected, got) {
        (Json::Object(expected), Json::Object(got)) => {
            for (name, value) in expected {
                pair(Some(value), got.get(name), name, pointer, differences);
            }
            for (name, value) in got {
                if !expected.contains_key(name) {
                    pair(None, Some(value), name, pointer, differences);
                }
            }
        }
        (Json::Array(expected), Json::Array(got)) => {
            for at in 0..expected.len().max(got.len()) {
                let name = at.to_string();
                pair(expected.get(at), got.get(at), &name, pointer, differences);
            }
        }
        _ if expected == got => {}
        _ => {
            // The whole body has the pointer "", which nobody would see.
            let place = if pointer.is_empty() { "body" } else { pointer };
            let [expected, got] = [expected, got].map(ToString::to_string);
            differences.push(Difference::new(place, Some(&expected), Some(&got)));
        }
    }
}

fn pair(
    expected: Option<&Json>,
    got: Option<&Json>,
    name: &str,
    pointer: &mut String,
    differences: &mut Vec<Difference>,
) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    match (expected, got) {
        (Some(expected), Some(got)) => values(expected, got, pointer, differences),
        _ => {
            let [expected, got] = [expected, got].map(|value| value.map(ToString::to_string));
            let difference = Difference::new(pointer, expected.as_deref(), got.as_deref());
            differences.push(difference);
        }
    }
    pointer.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(expected: &str, got: &str) -> Vec<String> {
        let mut differences = Vec::new();
        bodies(expected, got, &mut differences);
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_difference_has_its_pointer() {
        let expected = r#"{"summary":{"accepted":1},"list":[1,{"a/b":55.10}],"gone":"x"}"#;
        let got = r#"{"list":[1,{"a/b":55.1},null],"summary":{"accepted":2}}"#;
        assert_eq!(
            told(expected, got),
            [
                "/gone: expected \"x\", got nothing",
                "/list/1/a~1b: expected 55.10, got 55.1",
                "/list/2: expected nothing, got null",
                "/summary/accepted: expected 1, got 2",
            ]
        );
    }

    #[test]
    fn bodies_that_are_no_json_are_compared_as_text() {
        assert_eq!(told("[1]", "[ 1 ]"), Vec::<String>::new());
        assert_eq!(told("true", ""), ["body: expected true, got nothing"]);
        assert_eq!(told("true", "false"), ["body: expected true, got false"]);
    }

    #[test]
    fn statuses_and_headers_are_compared() {
        let golden =
            Golden::of("202\ncontent-type: application/json\nwharfinger-batch-id: <uuid>\n\n{}\n");
        let answer = Answer {
            status: 200,
            headers: vec![
                (
                    "Content-Type".into(),
                    "Application/JSON; charset=utf-8".into(),
                ),
                ("Allow".into(), "PUT".into()),
            ],
            body: b"{}".to_vec(),
        };
        let golden = golden.unwrap();
        let told = |is_ours| -> Vec<String> {
            let differences = responses(&golden, &answer, is_ours);
            differences
                .iter()
                .map(|difference| difference.place.clone())
                .collect()
        };
        assert_eq!(
            told(false),
            ["status", "header allow", "header content-type"]
        );
        assert_eq!(told(true).last().unwrap(), "header wharfinger-batch-id");
    }
}
