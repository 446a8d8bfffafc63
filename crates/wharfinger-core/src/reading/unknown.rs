//! Finds unknown attributes. Most are misspellings that would otherwise go unnoticed.

use std::borrow::Cow;

use strsim::osa_distance;

use crate::json::{Kind, NameCase, Value};
use crate::limits::WARNINGS_PER_ORDER_MAX;
use crate::order::warning::{Warning, WarningCode};
use crate::reading::fields::{Field, Holds};
use crate::reading::form::{Form, StackPath};

/// The maximum length of a name that a warning shows. Longer names are not compared with known ones.
const NAME_CHARS_MAX: usize = 40;

/// The maximum edit distance between an unknown name and the known name that was probably meant.
const DISTANCE_MAX: usize = 3;

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
/// They are sorted by name within each object. The objects are in the order of `fields`.
pub fn look(order: Form<'_, '_, '_>, fields: &'static [Field], rules: (NameCase, ReportUnknown)) {
    let (order, notes) = order.end();
    if notes.has_unread || !notes.problems.is_empty() {
        look_through(order, fields, rules, &mut notes.warnings);
    } else {
        // Most orders have only attributes that the rules read. Then there is nothing to search for.
        debug_assert!({
            let mut warnings = Vec::new();
            look_through(order, fields, rules, &mut warnings);
            warnings.is_empty()
        });
    }
}

#[inline(never)]
fn look_through(
    order: Value<'_, '_>,
    fields: &'static [Field],
    (case, report): (NameCase, ReportUnknown),
    warnings: &mut Vec<Warning>,
) {
    let mut looking = Looking {
        case,
        report,
        warnings,
    };
    looking.object(StackPath::Root, order, fields);
}

struct Looking<'w> {
    case: NameCase,
    report: ReportUnknown,
    warnings: &'w mut Vec<Warning>,
}

impl Looking<'_> {
    fn object(&mut self, place: StackPath<'_>, object: Value<'_, '_>, fields: &'static [Field]) {
        // Most senders write attributes in the table's order, so the search starts after the last match.
        let mut next = 0;
        let reported_before = self.warnings.len();
        for (name, _) in object.members() {
            let is_same = |field: &Field| self.case.same(field.name.as_bytes(), name.as_bytes());
            let at = fields[next..]
                .iter()
                .position(is_same)
                .map(|ahead| next + ahead);
            match at.or_else(|| fields[..next].iter().position(is_same)) {
                Some(at) => next = at + 1,
                None => self.unknown(place, &name, object, fields),
            }
        }
        // Sorted by name, so that the order of members does not matter. Nested objects follow in the order of `fields`.
        if let Some(reported) = self.warnings.get_mut(reported_before..)
            && reported.len() > 1
        {
            reported.sort_by_cached_key(|warning| warning.path.to_string());
        }
        for field in fields {
            let Some(members) = field.members() else {
                continue;
            };
            if let Some(value) = object.get(field.name) {
                let is_keyed = matches!(field.holds, Holds::Items(_));
                let place = StackPath::Member(&place, field.name);
                self.nested(place, value, members, is_keyed);
            }
        }
    }

    /// Searches the object or objects that an attribute holds.
    fn nested(
        &mut self,
        place: StackPath<'_>,
        value: Value<'_, '_>,
        members: &'static [Field],
        is_keyed: bool,
    ) {
        if value.kind() == Kind::Object && is_keyed {
            for (key, item) in value.members() {
                self.object(StackPath::Member(&place, &key), item, members);
            }
        } else if value.kind() == Kind::Object {
            self.object(place, value, members);
        }
        for (index, element) in value.elements().enumerate() {
            self.object(StackPath::Element(&place, index), element, members);
        }
    }

    #[cold]
    fn unknown(
        &mut self,
        place: StackPath<'_>,
        name: &str,
        object: Value<'_, '_>,
        known: &'static [Field],
    ) {
        if self.warnings.len() >= WARNINGS_PER_ORDER_MAX {
            return;
        }
        let meant = nearest(name, known);
        let is_reported = match (self.report, meant) {
            (ReportUnknown::All, _) => true,
            (ReportUnknown::Misspelt, Some(meant)) => object
                .get(meant)
                .is_none_or(|value| value.is_blank() || value.is_empty_container()),
            (ReportUnknown::Misspelt, None) => false,
        };
        if is_reported {
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

/// Returns the most similar attribute, if it is similar enough.
pub(crate) fn nearest(name: &str, known: &'static [Field]) -> Option<&'static str> {
    nearest_of(name, known.iter().map(|field| field.name))
}

/// Returns the most similar name, if one is similar enough. Ignores case and punctuation: `placedAt` equals `placed_at`.
#[must_use]
pub fn nearest_of<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let letters = letters(name);
    let distance_max = (letters.len() / 3).clamp(1, DISTANCE_MAX);
    let distances = known.map(|known| {
        let distance = osa_distance(&letters, &self::letters(known));
        (distance, known)
    });
    let near = distances.filter(|(distance, _)| *distance <= distance_max);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

fn letters(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::fields::field;

    const ORDER: &[Field] = &[
        field("key"),
        field("placed_at"),
        field("customer"),
        field("shipping_address"),
        field("lines"),
    ];
    const LINE: &[Field] = &[field("quantity"), field("unit_price")];

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
            assert_eq!(nearest(name, ORDER), meant, "{name}");
        }
        assert_eq!(nearest("qty", LINE), None);
        assert_eq!(nearest("unitPrice", LINE), Some("unit_price"));
        assert_eq!(nearest(&"k".repeat(1_000_000), ORDER), None);
    }
}
