//! JSON as values, with numbers as they are spelled: `55.10` and `55.1` differ.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A value. Members have no order, as in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Object(BTreeMap<String, Json>),
    Array(Vec<Json>),
    Text(String),
    /// A number, `true`, `false` or `null`, as it is spelled.
    Word(String),
}

impl Json {
    /// Reads a text. `None` if it is no JSON.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        let raw = raw.get();
        Some(match raw.as_bytes().first()? {
            b'{' => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
                let members = members.into_iter();
                let members = members.map(|(name, value)| Some((name, Self::of(value.get())?)));
                Self::Object(members.collect::<Option<_>>()?)
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
                let elements = elements.into_iter().map(|value| Self::of(value.get()));
                Self::Array(elements.collect::<Option<_>>()?)
            }
            b'"' => Self::Text(serde_json::from_str(raw).ok()?),
            _ => Self::Word(raw.to_owned()),
        })
    }
}

impl std::fmt::Display for Json {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Object(members) => {
                out.write_str("{")?;
                for (at, (name, value)) in members.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    write!(out, "{comma}{}:{value}", quoted(name))?;
                }
                out.write_str("}")
            }
            Self::Array(elements) => {
                out.write_str("[")?;
                for (at, element) in elements.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    write!(out, "{comma}{element}")?;
                }
                out.write_str("]")
            }
            Self::Text(text) => out.write_str(&quoted(text)),
            Self::Word(word) => out.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn numbers_keep_their_spelling_and_members_have_no_order() {
        assert_ne!(Json::of("[55.10]"), Json::of("[55.1]"));
        assert_eq!(
            Json::of(r#"{"a":1,"b":"é"}"#),
            Json::of(r#"{ "b" : "\u00e9", "a":1 }"#)
        );
        assert_eq!(Json::of("{} x"), None);
        let text = r#"{"a":[1.50,null,{"b":"\n"}]}"#;
        assert_eq!(Json::of(text).unwrap().to_string(), text);
    }
}
