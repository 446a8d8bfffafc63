//! JSON values that are passed through unchanged.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::{NameCase, Reader, Value};

/// The text of a JSON value as it was sent, except for white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Takes a text that is valid JSON. Removes the white space between tokens, so that the text fits on one line.
    pub(crate) fn of(raw: &str) -> Self {
        let mut compact = String::with_capacity(raw.len());
        let mut is_text = false;
        let mut is_escaped = false;
        for character in raw.chars() {
            if is_text || !character.is_ascii_whitespace() {
                compact.push(character);
            }
            if is_escaped {
                is_escaped = false;
            } else if character == '"' {
                is_text = !is_text;
            } else {
                is_escaped = is_text && character == '\\';
            }
        }
        Self(compact)
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_raw(&self) -> Option<Box<RawValue>> {
        RawValue::from_string(self.0.clone()).ok()
    }

    /// The members of an object. Empty for any other kind.
    pub(crate) fn members(&self) -> Members<'_> {
        let Ok(mut reader) = Reader::of_stored(&self.0, NameCase::Exact) else {
            return Members::default();
        };
        let entry = reader.next().ok().flatten();
        Members::of(entry.map(|entry| entry.value))
    }
}

/// The members of an object, with their values as spelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Collects the members of an object. Empty for any other kind.
    pub(crate) fn of(object: Option<Value<'_, 'a>>) -> Self {
        let members = object.iter().flat_map(Value::members);
        Self(members.map(|(name, value)| (name, value.raw())).collect())
    }

    /// Sets a member. An existing member keeps its position.
    pub(crate) fn set(&mut self, name: Cow<'a, str>, raw: &'a str) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(member) => member.1 = raw,
            None => self.0.push((name, raw)),
        }
    }

    /// Removes the members whose names do not satisfy the condition.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| is_kept(name));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, raw)| {
            let value: Option<&RawValue> = serde_json::from_str(raw).ok();
            (name, value)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_between_parts_is_left_out_and_all_else_kept() {
        let raw = "{ \"a b\" :\n[ 1.50 , \"x \\\" y\\\\\" , { } ] }";
        assert_eq!(Json::of(raw).as_str(), r#"{"a b":[1.50,"x \" y\\",{}]}"#);
    }

    #[test]
    fn members_are_written_as_they_were_read() {
        let json = Json::of(r#"{"b":1e400,"a":{"x":[]},"é\n":1.50}"#);
        let mut members = json.members();
        let text = |members: &Members<'_>| serde_json::to_string(members).unwrap();
        assert_eq!(text(&members), json.as_str());
        members.set("b".into(), "2");
        members.retain(|name| name != "a");
        assert_eq!(text(&members), r#"{"b":2,"é\n":1.50}"#);
    }
}
