//! Random JSON texts, and what the reader makes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use wharfinger_core::json::{Envelope, Kind, Malformed, NameCase, Reader, Rules, Value};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::problem::Problem;

/// A JSON value. Numbers are kept as spelled.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// The names are distinct.
    Object(Vec<(String, Json)>),
}

/// One order as the reader returned it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) name: Option<String>,
    pub(crate) raw: String,
    pub(crate) hash: u128,
    pub(crate) faults: Vec<String>,
    pub(crate) value: serde_json::Value,
}

pub(crate) fn rules(names: NameCase) -> Rules {
    let limits = Limits::default();
    Rules {
        names,
        depth_max: limits.order_depth_max,
        order_bytes_max: limits.order_bytes_max,
    }
}

/// Reads a body that is a single order.
pub(crate) fn read_one(body: &[u8]) -> Result<Read, Malformed> {
    let mut entries = read(body, Envelope::One, NameCase::Exact)?;
    Ok(entries.remove(0))
}

pub(crate) fn read(
    body: &[u8],
    envelope: Envelope,
    names: NameCase,
) -> Result<Vec<Read>, Malformed> {
    read_by(rules(names), body, envelope)
}

pub(crate) fn read_by(
    rules: Rules,
    body: &[u8],
    envelope: Envelope,
) -> Result<Vec<Read>, Malformed> {
    let mut reader = Reader::new(body, envelope, rules)?;
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        let is_readable = entry.faults.is_empty();
        entries.push(Read {
            name: entry.name.map(String::from),
            raw: entry.raw.to_owned(),
            hash: entry.hash,
            faults: entry
                .faults
                .iter()
                .map(|at| Problem::from(at).to_string())
                .collect(),
            value: if is_readable {
                converted(entry.value)
            } else {
                serde_json::Value::Null
            },
        });
    }
    Ok(entries)
}

fn converted(value: Value<'_, '_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::True => true.into(),
        Kind::False => false.into(),
        Kind::Number => serde_json::from_str(value.raw()).expect("a number without fault"),
        Kind::Text => value.text().expect("text").into_owned().into(),
        Kind::Array => value.elements().map(converted).collect(),
        Kind::Object => {
            let mut object = serde_json::Map::new();
            for (name, member) in value.members() {
                if object.len() > 100 {
                    object.insert(name.into_owned(), converted(member));
                    continue;
                }
                let found = value.get(&name).map(|found| found.raw().as_ptr());
                assert_eq!(
                    found,
                    Some(member.raw().as_ptr()),
                    "{name} leads to its member"
                );
                object.insert(name.into_owned(), converted(member));
            }
            object.into()
        }
    }
}

/// Parses a text that has no faults.
pub(crate) fn tree_of(text: &[u8]) -> Option<Json> {
    let mut reader = Reader::new(text, Envelope::One, rules(NameCase::Exact)).ok()?;
    let entry = reader.next().ok()??;
    entry.faults.is_empty().then(|| tree_of_value(entry.value))
}

fn tree_of_value(value: Value<'_, '_>) -> Json {
    match value.kind() {
        Kind::Null => Json::Null,
        Kind::True => Json::Bool(true),
        Kind::False => Json::Bool(false),
        Kind::Number => Json::Number(value.raw().into()),
        Kind::Text => Json::Text(value.text().expect("text").into_owned()),
        Kind::Array => Json::Array(value.elements().map(tree_of_value).collect()),
        Kind::Object => {
            let members = value
                .members()
                .map(|(name, member)| (name.into_owned(), tree_of_value(member)));
            Json::Object(members.collect())
        }
    }
}

/// Generates any JSON object without faults.
pub(crate) fn tree() -> impl Strategy<Value = Json> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,15})",
        "-?(0|[1-9][0-9]{0,8})\\.[0-9]{1,8}",
        "-?[1-9](\\.[0-9]{1,4})?[eE][+-]?[0-9]",
    ];
    let text = "[ -~\\t\\n\"\\\\éß€😀\\u{1}\\u{7f}\\u{ffff}]{0,20}";
    any_object(number, text, "[a-cA-C_\"\\\\é]{0,3}", 6)
}

/// Generates JSON objects from a set so small that two are often equal.
pub(crate) fn small_tree() -> impl Strategy<Value = Json> {
    any_object("[12]", "[ab]?", "[ab]", 2)
}

fn any_object(
    number: impl Strategy<Value = String> + 'static,
    text: &'static str,
    name: &'static str,
    size: usize,
) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number.prop_map(Json::Number),
        text.prop_map(Json::Text),
    ];
    let value = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..=size).prop_map(Json::Array),
            object_of(name, inner, size),
        ]
    });
    object_of(name, value, size)
}

fn object_of(
    name: &'static str,
    value: impl Strategy<Value = Json>,
    size: usize,
) -> impl Strategy<Value = Json> {
    vec((name, value), 0..=size).prop_map(|mut members| {
        members.sort_by(|left, right| left.0.cmp(&right.0));
        members.dedup_by(|left, right| left.0 == right.0);
        Json::Object(members)
    })
}

/// Writes a tree in canonical form: equal for trees that differ only in member order, white space and escapes.
pub(crate) fn canonical(tree: &Json) -> String {
    match tree {
        Json::Object(members) => {
            let mut written: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", serde_json::json!(name), canonical(value)))
                .collect();
            written.sort();
            format!("{{{}}}", written.join(","))
        }
        Json::Array(elements) => {
            let written: Vec<String> = elements.iter().map(canonical).collect();
            format!("[{}]", written.join(","))
        }
        Json::Null => "null".into(),
        Json::Bool(value) => value.to_string(),
        Json::Number(spelling) => spelling.clone(),
        Json::Text(text) => serde_json::json!(text).to_string(),
    }
}

/// Writes a tree in one of many styles. `style` selects white space, escapes and the order of members.
pub(crate) fn write(tree: &Json, style: u64) -> String {
    let mut out = String::new();
    write_value(tree, &mut Dice(style), &mut out);
    out
}

/// A deterministic source of small numbers. Seed 0 always gives 0, which selects the plain style.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        if self.0 == 0 {
            return 0;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }
}

fn write_value(tree: &Json, dice: &mut Dice, out: &mut String) {
    write_space(dice, out);
    match tree {
        Json::Null | Json::Bool(_) | Json::Number(_) => out.push_str(&canonical(tree)),
        Json::Text(text) => write_text(text, dice, out),
        Json::Array(elements) => {
            out.push('[');
            for (place, element) in elements.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write_value(element, dice, out);
            }
            write_space(dice, out);
            out.push(']');
        }
        Json::Object(members) => {
            let mut members: Vec<&(String, Json)> = members.iter().collect();
            let first = dice.below(members.len().max(1));
            members.rotate_left(first);
            if dice.below(2) == 1 {
                members.reverse();
            }
            out.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write_space(dice, out);
                write_text(name, dice, out);
                write_space(dice, out);
                out.push(':');
                write_value(value, dice, out);
            }
            write_space(dice, out);
            out.push('}');
        }
    }
    write_space(dice, out);
}

fn write_space(dice: &mut Dice, out: &mut String) {
    out.push_str(["", "", "", " ", "\n", "\t", "\r\n  "][dice.below(7)]);
}

fn write_text(text: &str, dice: &mut Dice, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let must = matches!(character, '"' | '\\' | '\0'..='\u{1f}');
        let short = match character {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '/' => Some("\\/"),
            '\n' => Some("\\n"),
            '\t' => Some("\\t"),
            _ => None,
        };
        match (short, dice.below(8)) {
            (_, 1..) if !must => out.push(character),
            (Some(short), 0..4) => out.push_str(short),
            (None, _) if !must && dice.0 == 0 => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let escape = if dice.below(2) == 0 {
                        format!("\\u{unit:04x}")
                    } else {
                        format!("\\u{unit:04X}")
                    };
                    out.push_str(&escape);
                }
            }
        }
    }
    out.push('"');
}

/// One modification of a text: position, kind and byte.
pub(crate) type Hit = (usize, u8, u8);

pub(crate) fn hits() -> impl Strategy<Value = Vec<Hit>> {
    let telling: &[u8] = b"{}[]:,\"\\u0189-+.eEtfn \n\x01\xc3\xa9";
    let byte = prop_oneof![proptest::sample::select(telling), any::<u8>()];
    vec((any::<usize>(), 0..6_u8, byte), 1..4)
}

pub(crate) fn damage(text: &mut Vec<u8>, hits: &[Hit]) {
    for &(place, kind, byte) in hits {
        let at = place % (text.len() + 1);
        match kind {
            0 | 1 => text.insert(at, byte),
            2 if at < text.len() => text[at] = byte,
            3 if at < text.len() => {
                text.remove(at);
            }
            4 => text.truncate(at),
            _ => {
                let tail = text[at..].to_vec();
                text.extend(tail);
            }
        }
    }
}

/// Generates fragments of JSON in any order.
pub(crate) fn pieces() -> impl Strategy<Value = String> {
    let pieces: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "{\"a\":",
        "},{",
        "],[",
        ",",
        ",",
        ":",
        "\"a\"",
        "\"b\":",
        "\"\\u00e9\"",
        "\"",
        "\\",
        "\\ud800",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\u0000\"",
        "0",
        "-1.5",
        "1e9",
        "1e999",
        "01",
        "1.",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\u{b}",
        "\u{feff}",
        "é",
    ];
    vec(proptest::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat())
}
