//! Finds unknown attributes. Most are misspellings that would otherwise go unnoticed.

use std::borrow::Cow;

use strsim::osa_distance;

use crate::json::{Kind, NameCase, Value};
use crate::limits::WARNINGS_PER_ORDER_MAX;
use crate::order::warning::{Warning, WarningCode};
use crate::reading::form::{Form, StackPath};

/// The maximum length of a name that a warning shows. Longer names are not compared with known ones.
const NAME_CHARS_MAX: usize = 40;

/// The maximum edit distance between an unknown name and the known name that was probably meant.
const DISTANCE_MAX: usize = 3;

/// The attributes that an object of an order may have.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The names, in the order in which most senders write them.
    pub names: &'static [&'static str],
    /// The attributes that hold objects, or arrays of objects, with known attributes.
    pub parts: &'static [(&'static str, &'static Shape)],
    /// Whether an array of such objects may also be written as an object with any names.
    pub is_keyed: bool,
}

impl Shape {
    /// Creates the shape of an object whose members need no further search.
    #[must_use]
    pub const fn flat(names: &'static [&'static str]) -> Self {
        Self {
            names,
            parts: &[],
            is_keyed: false,
        }
    }
}

/// Which unknown attributes are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportUnknown {
    /// All of them.
    All,
    /// Only those that resemble an attribute which the object lacks. Clients of a vendor also send attributes of their
    /// own.
    Misspelt,
}

/// Adds warnings about the unknown attributes of an order.
///
/// They are sorted by name within each object. The objects are in the order of `shape`.
pub fn look(order: Form<'_, '_, '_>, shape: &'static Shape, rules: (NameCase, ReportUnknown)) {
    let (order, notes) = order.end();
    if notes.has_unread || !notes.problems.is_empty() {
        look_through(order, shape, rules, &mut notes.warnings);
    } else {
        // Most orders have only attributes that the rules read. Then there is nothing to search for.
        debug_assert!({
            let mut warnings = Vec::new();
            look_through(order, shape, rules, &mut warnings);
            warnings.is_empty()
        });
    }
}

#[inline(never)]
fn look_through(
    order: Value<'_, '_>,
    shape: &'static Shape,
    (case, tell): (NameCase, ReportUnknown),
    warnings: &mut Vec<Warning>,
) {
    let mut looking = Looking {
        case,
        tell,
        warnings,
    };
    looking.object(StackPath::Root, order, shape);
}

struct Looking<'w> {
    case: NameCase,
    tell: ReportUnknown,
    warnings: &'w mut Vec<Warning>,
}

impl Looking<'_> {
    fn object(&mut self, place: StackPath<'_>, object: Value<'_, '_>, shape: &'static Shape) {
        let known = shape.names;
        // Most senders write attributes in the table's order, so the search starts after the last match.
        let mut next = 0;
        let told_before = self.warnings.len();
        for (name, _) in object.members() {
            let is_same = |attribute: &&str| self.case.same(attribute.as_bytes(), name.as_bytes());
            let at = known[next..]
                .iter()
                .position(is_same)
                .map(|ahead| next + ahead);
            match at.or_else(|| known[..next].iter().position(is_same)) {
                Some(at) => next = at + 1,
                None => self.unknown(place, &name, object, known),
            }
        }
        // Sorted by name, so that the order of members does not matter. Nested objects follow in the order of `shape`.
        if let Some(told) = self.warnings.get_mut(told_before..)
            && told.len() > 1
        {
            told.sort_by_cached_key(|warning| warning.path.to_string());
        }
        for (name, shape) in shape.parts {
            if let Some(value) = object.get(name) {
                self.part(StackPath::Member(&place, name), value, shape);
            }
        }
    }

    /// Searches the object or objects that an attribute holds.
    fn part(&mut self, place: StackPath<'_>, value: Value<'_, '_>, shape: &'static Shape) {
        if value.kind() == Kind::Object && shape.is_keyed {
            for (key, item) in value.members() {
                self.object(StackPath::Member(&place, &key), item, shape);
            }
        } else if value.kind() == Kind::Object {
            self.object(place, value, shape);
        }
        for (index, element) in value.elements().enumerate() {
            self.object(StackPath::Element(&place, index), element, shape);
        }
    }

    #[cold]
    fn unknown(
        &mut self,
        place: StackPath<'_>,
        name: &str,
        object: Value<'_, '_>,
        known: &'static [&'static str],
    ) {
        if self.warnings.len() >= WARNINGS_PER_ORDER_MAX {
            return;
        }
        let meant = nearest(name, known);
        let is_told = match (self.tell, meant) {
            (ReportUnknown::All, _) => true,
            (ReportUnknown::Misspelt, Some(meant)) => object
                .get(meant)
                .is_none_or(|value| value.is_blank() || value.is_empty_container()),
            (ReportUnknown::Misspelt, None) => false,
        };
        if is_told {
            let shown = match name.char_indices().nth(NAME_CHARS_MAX) {
                Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
                None => Cow::Borrowed(name),
            };
            self.warnings.push(Warning {
                path: StackPath::Member(&place, &shown).path(),
                code: WarningCode::UnknownAttribute { meant },
            });
        }
    }
}

/// Returns the most similar attribute, if it is similar enough. Ignores case and punctuation: `placedAt` equals
/// `placed_at`.
pub(crate) fn nearest(name: &str, known: &'static [&'static str]) -> Option<&'static str> {
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

    const ORDER: [&str; 5] = ["key", "placed_at", "customer", "shipping_address", "lines"];
    const LINE: [&str; 2] = ["quantity", "unit_price"];

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
