//! What is left of an order's text once the person in it is erased: its figures, and nothing that was not foreseen.
//!
//! Each dialect lists what stays ([`Dialect::figures`]). All else goes, whether the dialect knows it or not: free text and
//! attributes of the sender's own may name a person anywhere. What stays was checked before it was stored: numbers, days,
//! codes of lists, and the keys of orders and products.

use crate::dialect::Dialect;
use crate::json::{Kind, NameCase, Reader, Value};

/// An attribute that stays.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// A value that is neither an array nor an object.
    Value(&'static str),
    /// What stays of an object.
    Object(&'static str, &'static [Self]),
    /// What stays of each object of an array.
    Each(&'static str, &'static [Self]),
    /// What stays of each object of an array, or of an object that is written for one. Its names may be anything, so that it
    /// becomes an array.
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

/// A stored text without the person: still JSON of the dialect's, with the figures spelled as they were. A text that was so
/// erased stays as it is.
#[must_use]
pub fn erased(dialect: &dyn Dialect, text: &str) -> String {
    let names = dialect.name_case();
    let mut out = String::new();
    let mut reader = Reader::of_stored(text, names).ok();
    let entry = reader.as_mut().and_then(|reader| reader.next().ok()?);
    match entry {
        Some(entry) => write(entry.value, names, dialect.figures(), &mut out),
        // What cannot be read may hold anything.
        None => out.push_str("{}"),
    }
    out
}

/// Writes what stays of an object; of anything else, nothing does.
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
        // It is that of a figure, but for its case: nothing in it needs an escape.
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
                    // Lines keep their places, by which reports of fulfilment name them.
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
