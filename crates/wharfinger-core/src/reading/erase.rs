//! Erases the person from an order's text.
//!
//! The table of a dialect says which attributes are retained ([`Holds`]). Everything else is removed, whether the
//! dialect knows it or not: free text and the sender's own attributes may name a person. Retained values were validated
//! before they were stored. They are numbers, dates, codes from lists, and the keys of orders and products.

use crate::json::{Kind, NameCase, Reader, Value};
use crate::reading::fields::{Field, Holds};

/// Returns a stored text without the person.
///
/// The result is still JSON in the dialect. Retained values keep their spelling. Erasing an erased text changes
/// nothing.
#[must_use]
pub fn erased(names: NameCase, fields: &[Field], text: &str) -> String {
    let mut out = String::new();
    let mut reader = Reader::of_stored(text, names).ok();
    let entry = reader.as_mut().and_then(|reader| reader.next().ok()?);
    match entry {
        Some(entry) => write(entry.value, names, fields, &mut out),
        // An unreadable text may contain anything.
        None => out.push_str("{}"),
    }
    out
}

/// Writes the retained attributes of an object. Anything else becomes an empty object.
fn write(object: Value<'_, '_>, names: NameCase, fields: &[Field], out: &mut String) {
    out.push('{');
    let mut separator = "";
    for (name, value) in object.members() {
        let is_named = |field: &&Field| names.same(name.as_bytes(), field.name.as_bytes());
        let Some(field) = fields.iter().find(is_named) else {
            continue;
        };
        if !field.is_retained() || !fits(field, value.kind()) {
            continue;
        }
        // The name equals that of a retained attribute except for case, so it needs no escaping.
        out.push_str(separator);
        out.push('"');
        out.push_str(&name);
        out.push_str("\":");
        separator = ",";
        match field.holds {
            Holds::Removed => {}
            Holds::Retained => out.push_str(value.raw()),
            Holds::Object(members) => write(value, names, members, out),
            Holds::Each(members) | Holds::Items(members) => {
                out.push('[');
                for (at, element) in value.items().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    // Every line stays, even if empty: fulfilment reports refer to lines by position.
                    write(element, names, members, out);
                }
                out.push(']');
            }
        }
    }
    out.push('}');
}

fn fits(field: &Field, kind: Kind) -> bool {
    match field.holds {
        Holds::Removed => false,
        Holds::Retained => match kind {
            Kind::Number | Kind::Text | Kind::True | Kind::False => true,
            Kind::Null | Kind::Array | Kind::Object => false,
        },
        Holds::Object(_) => kind == Kind::Object,
        Holds::Each(_) => kind == Kind::Array,
        Holds::Items(_) => matches!(kind, Kind::Array | Kind::Object),
    }
}
