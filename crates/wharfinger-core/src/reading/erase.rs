//! Erases the person from an order's text.
//!
//! Each dialect lists the attributes that are retained. Everything else is removed, whether the
//! dialect knows it or not: free text and the sender's own attributes may name a person. Retained values were validated
//! before they were stored. They are numbers, dates, codes from lists, and the keys of orders and products.

use crate::json::{Kind, NameCase, Reader, Value};

/// An attribute that is retained.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// A scalar value.
    Value(&'static str),
    /// An object, with its retained attributes.
    Object(&'static str, &'static [Self]),
    /// An array of objects, with the retained attributes of each.
    Each(&'static str, &'static [Self]),
    /// An array of objects, or an object used as one, with the retained attributes of each.
    ///
    /// It is always written as an array, because the names of such an object may contain anything.
    Items(&'static str, &'static [Self]),
}

impl Figure {
    fn name(&self) -> &'static str {
        match self {
            Self::Value(name)
            | Self::Object(name, _)
            | Self::Each(name, _)
            | Self::Items(name, _) => name,
        }
    }
}

/// Returns a stored text without the person.
///
/// The result is still JSON in the dialect. Retained values keep their spelling. Erasing an erased text changes
/// nothing.
#[must_use]
pub fn erased(names: NameCase, figures: &[Figure], text: &str) -> String {
    let mut out = String::new();
    let mut reader = Reader::of_stored(text, names).ok();
    let entry = reader.as_mut().and_then(|reader| reader.next().ok()?);
    match entry {
        Some(entry) => write(entry.value, names, figures, &mut out),
        // An unreadable text may contain anything.
        None => out.push_str("{}"),
    }
    out
}

/// Writes the retained attributes of an object. Anything else becomes an empty object.
fn write(object: Value<'_, '_>, names: NameCase, figures: &[Figure], out: &mut String) {
    out.push('{');
    let mut separator = "";
    for (name, value) in object.members() {
        let is_named = |figure: &&Figure| names.same(name.as_bytes(), figure.name().as_bytes());
        let Some(figure) = figures.iter().find(is_named) else {
            continue;
        };
        if !fits(figure, value.kind()) {
            continue;
        }
        // The name equals that of a retained attribute except for case, so it needs no escaping.
        out.push_str(separator);
        out.push('"');
        out.push_str(&name);
        out.push_str("\":");
        separator = ",";
        match figure {
            Figure::Value(_) => out.push_str(value.raw()),
            Figure::Object(_, members) => write(value, names, members, out),
            Figure::Each(_, members) | Figure::Items(_, members) => {
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

fn fits(figure: &Figure, kind: Kind) -> bool {
    match figure {
        Figure::Value(_) => match kind {
            Kind::Number | Kind::Text | Kind::True | Kind::False => true,
            Kind::Null | Kind::Array | Kind::Object => false,
        },
        Figure::Object(..) => kind == Kind::Object,
        Figure::Each(..) => kind == Kind::Array,
        Figure::Items(..) => matches!(kind, Kind::Array | Kind::Object),
    }
}
