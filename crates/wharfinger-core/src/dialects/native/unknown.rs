//! Names that no attribute has: most often a slip of the keyboard, which would else go unnoticed.

use std::borrow::Cow;
use std::fmt;

use strsim::osa_distance;

use crate::canonical::attributes::{ADDRESS, CUSTOMER, LINE, ORDER, REFERENCES};
use crate::json::Value;
use crate::limits::WARNINGS_PER_ORDER_MAX;

/// Characters of a name that a warning shows; no longer name is likened to an attribute's.
const NAME_CHARS_MAX: usize = 40;

/// The most letters that may differ between a name and the one that was meant.
const DISTANCE_MAX: usize = 3;

/// A sentence for each unknown name; metadata may have any.
pub(super) fn warnings(order: Value<'_, '_>) -> Vec<String> {
    let mut warnings = Vec::new();
    look(Place::Order, order, &ORDER, &mut warnings);
    for (name, known) in [
        ("customer", &CUSTOMER[..]),
        ("billing_address", &ADDRESS),
        ("shipping_address", &ADDRESS),
        ("references", &REFERENCES),
    ] {
        if let Some(part) = order.get(name) {
            look(Place::Part(name), part, known, &mut warnings);
        }
    }
    let lines = order.get("lines");
    for (index, line) in lines.iter().flat_map(Value::elements).enumerate() {
        look(Place::Line(index), line, &LINE, &mut warnings);
    }
    warnings
}

/// Where a name stands.
#[derive(Clone, Copy)]
enum Place {
    Order,
    Part(&'static str),
    Line(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => Ok(()),
            Self::Part(name) => write!(out, "{name}."),
            Self::Line(index) => write!(out, "lines[{index}]."),
        }
    }
}

fn look(place: Place, object: Value<'_, '_>, known: &[&str], warnings: &mut Vec<String>) {
    // Most senders write attributes in the order of the table, so that the one behind the last is tried first.
    let mut next = 0;
    for (name, _) in object.members() {
        let is_same = |attribute: &&str| *attribute == name;
        let found = known[next..].iter().position(is_same);
        if let Some(ahead) = found {
            next += ahead + 1;
        } else if !known[..next].iter().any(is_same) && warnings.len() < WARNINGS_PER_ORDER_MAX {
            warnings.push(warning(&place, &name, known));
        }
    }
}

fn warning(place: &Place, name: &str, known: &[&str]) -> String {
    let shown = match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    };
    match nearest(name, known) {
        Some(meant) => format!("unknown attribute `{place}{shown}`, did you mean `{meant}`?"),
        None => format!("unknown attribute `{place}{shown}`"),
    }
}

/// The attribute whose name is nearest, if it is near. Case and signs make no difference, so that `placedAt` is `placed_at`.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let letters = letters(name);
    let distance_max = (letters.len() / 3).clamp(1, DISTANCE_MAX);
    let distances = known.iter().map(|attribute| {
        (
            osa_distance(&letters, &self::letters(attribute)),
            *attribute,
        )
    });
    let near = distances.filter(|(distance, _)| *distance <= distance_max);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, attribute)| attribute)
}

fn letters(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_that_was_meant_is_named() {
        for (name, meant) in [
            ("custmer", Some("customer")),
            ("placedAt", Some("placed_at")),
            ("Shipping-Adress", Some("shipping_address")),
            ("LINES", Some("lines")),
            ("kye", Some("key")),
            ("total", None),
            ("x", None),
            ("", None),
            ("🛒🛒🛒", None),
        ] {
            assert_eq!(nearest(name, &ORDER), meant, "{name}");
        }
        assert_eq!(nearest("qty", &LINE), None);
        assert_eq!(nearest("unitPrice", &LINE), Some("unit_price"));
        assert_eq!(nearest(&"k".repeat(1_000_000), &ORDER), None);
    }
}
