//! What a form of the page changes in the text.

use crate::parts::Suggestion;
use crate::texts::{Change, apply, literal, locate};
use crate::visit::Posted;

/// The text of a form, with what was pressed and what was written into the fields beside the faults.
pub(super) fn text(posted: &Posted, came: &str) -> String {
    let mut text = with_line_ends(posted.field("text"), came);
    for (pointer, change) in changes(posted, &text) {
        // A change that does not fit the text any more is left out: the page then shows the fault again.
        text = apply(&text, &[(&pointer, change)]).unwrap_or(text);
    }
    text
}

/// Forms send each line break as CR LF. The text gets those of the order as it came, and is the same bytes if nothing was
/// changed.
fn with_line_ends(sent: &str, came: &str) -> String {
    let sent = sent.replace("\r\n", "\n");
    if sent == came.replace("\r\n", "\n").replace('\r', "\n") {
        came.to_owned()
    } else if came.contains("\r\n") {
        sent.replace('\n', "\r\n")
    } else {
        sent
    }
}

fn changes(posted: &Posted, text: &str) -> Vec<(String, Change)> {
    let rows = posted.fields("pointer").zip(posted.fields("code"));
    let values = posted.fields("was").zip(posted.fields("value"));
    let mut changes = Vec::new();
    for ((pointer, code), (was, value)) in rows.zip(values) {
        if was != value {
            changes.push((pointer.to_owned(), set(text, pointer, code, value)));
        }
    }
    if let Some((pointer, code, suggestion)) = pressed(posted.field("apply")) {
        changes.push(match suggestion {
            Suggestion::Value(value) => {
                let change = set(text, &pointer, &code, &value);
                (pointer, change)
            }
            Suggestion::Name(from, to) => (from, Change::Rename(to)),
        });
    }
    changes
}

/// A value as a person writes it, in place of the one that is there.
fn set(text: &str, pointer: &str, code: &str, value: &str) -> Change {
    let place = locate(text, &[pointer]).pop().flatten();
    let like = place.filter(|place| place.missing.is_empty());
    let like = like.map(|place| &text[place.value]);
    Change::Set(literal(value, like, code))
}

/// The value of a button that applies a suggestion.
pub(super) fn button(pointer: &str, code: &str, suggestion: &Suggestion) -> String {
    let (kind, first, second) = match suggestion {
        Suggestion::Value(value) => ("value", value.as_str(), ""),
        Suggestion::Name(from, to) => ("name", from.as_str(), to.as_str()),
    };
    serde_json::json!([kind, pointer, code, first, second]).to_string()
}

fn pressed(button: &str) -> Option<(String, String, Suggestion)> {
    let read: Option<[String; 5]> = serde_json::from_str(button).ok();
    let [kind, pointer, code, first, second] = read?;
    let suggestion = match kind.as_str() {
        "value" => Suggestion::Value(first),
        "name" => Suggestion::Name(first, second),
        _ => return None,
    };
    Some((pointer, code, suggestion))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_nobody_changed_stays_byte_for_byte() {
        let came = "{\r\n\"a\":1,\n\"b\":2,\r\"c\":3}";
        let sent = "{\r\n\"a\":1,\r\n\"b\":2,\r\n\"c\":3}";
        assert_eq!(with_line_ends(sent, came), came);
        assert_eq!(with_line_ends("{\r\n}", came), "{\r\n}");
        assert_eq!(with_line_ends("{\r\n}", "{\n \n}"), "{\n}");
    }

    #[test]
    fn a_button_is_read_as_it_was_written() {
        for suggestion in [
            Suggestion::Value("a\"b".to_owned()),
            Suggestion::Name("/a/b".to_owned(), "c".to_owned()),
        ] {
            let button = button("/a~1b", "not_x", &suggestion);
            let wanted = ("/a~1b".to_owned(), "not_x".to_owned(), suggestion);
            assert_eq!(pressed(&button), Some(wanted));
        }
        assert_eq!(pressed(""), None);
        assert_eq!(pressed("[\"other\",\"\",\"\",\"\",\"\"]"), None);
    }
}
