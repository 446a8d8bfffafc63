//! Causes of rejections: the errors of orders without their places in arrays, so that they can be counted.

use std::collections::BTreeMap;

use wharfinger_core::dialects;
use wharfinger_core::reading::fields::{Field, Holds};

/// The longest pointer of a cause, in bytes. It is part of the key of an index.
const POINTER_BYTES_MAX: usize = 256;

/// Why orders were rejected: how many of them have each cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Causes(BTreeMap<(String, String), CauseCount>);

/// How many orders have a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CauseCount {
    /// How many.
    pub orders: u64,
    /// The index in the batch of the last of them.
    pub last_index: u32,
}

impl Causes {
    /// Counts an error of an order. Orders must come one after another: an order with several errors of a cause counts once.
    pub(crate) fn note(&mut self, index: u32, code: &str, pointer: &str) {
        let of_order = CauseCount {
            orders: 1,
            last_index: index,
        };
        let cause = (code.to_owned(), cause_pointer(code, pointer));
        let known = self.0.entry(cause);
        known
            .and_modify(|count| {
                if count.last_index != index {
                    count.orders += 1;
                    count.last_index = index;
                }
            })
            .or_insert(of_order);
    }

    /// The causes: code, pointer, and how many orders have it.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str, CauseCount)> {
        let causes = self.0.iter();
        causes.map(|((code, pointer), count)| (code.as_str(), pointer.as_str(), *count))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Codes of errors that any member can have, also one whose name the sender made up.
const OF_ANY_MEMBER: [&str; 6] = [
    "repeated_name",
    "too_deep",
    "lone_surrogate",
    "nul_character",
    "too_many_digits",
    "not_name",
];

/// The pointer of an error as its cause has it: with `*` for each place in an array, and for each name that the sender chose, where
/// it ends. Otherwise a sender could make any number of causes. The end of a very long pointer is cut off.
pub(crate) fn cause_pointer(code: &str, pointer: &str) -> String {
    let mut cause = without_chosen_names(code, pointer);
    if cause.len() > POINTER_BYTES_MAX {
        let end = cause.floor_char_boundary(POINTER_BYTES_MAX);
        cause.truncate(cause[..end].rfind('/').unwrap_or(end));
        cause.push_str("/…");
    }
    cause
}

/// Replaces each array index with `*`. Ends with `*` below `metadata`, and at an unknown name.
fn without_chosen_names(code: &str, pointer: &str) -> String {
    let is_of_any = OF_ANY_MEMBER.contains(&code);
    let mut tables: Vec<&'static [Field]> = dialects::ALL.iter().map(|of| of.fields()).collect();
    let (mut cause, mut is_in_metadata, mut may_be_named) = (String::new(), false, false);
    for step in pointer.split('/').skip(1) {
        cause.push('/');
        if is_in_metadata {
            cause.push('*');
            break;
        }
        is_in_metadata = step.eq_ignore_ascii_case("metadata");
        // A pointer that is already that of a cause stays as it is.
        if is_index(step) || step == "*" {
            cause.push('*');
            continue;
        }
        if !is_of_any {
            cause.push_str(step);
            continue;
        }
        let fields = tables.iter().flat_map(|fields| fields.iter());
        let known = fields.filter(|field| field.name.eq_ignore_ascii_case(step));
        let known: Vec<_> = known.collect();
        match known.first() {
            Some(field) => {
                cause.push_str(field.name);
                may_be_named = known.iter().any(|of| matches!(of.holds, Holds::Items(_)));
                tables = known.iter().filter_map(|field| field.members()).collect();
            }
            None => {
                cause.push('*');
                if !std::mem::take(&mut may_be_named) {
                    break;
                }
            }
        }
    }
    cause
}

fn is_index(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit())
}

/// Replaces each array index in a pointer with `*`.
pub(crate) fn without_indexes(pointer: &str) -> String {
    let steps = pointer.split('/');
    let steps: Vec<_> = steps
        .map(|step| if is_index(step) { "*" } else { step })
        .collect();
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_counts_once_for_each_cause() {
        let mut causes = Causes::default();
        causes.note(3, "missing", "/lines/0/sku");
        causes.note(3, "missing", "/lines/1/sku");
        causes.note(3, "missing", "/lines/1/name");
        causes.note(5, "missing", "/lines/7/sku");
        let found = Vec::from_iter(causes.iter().map(|(_, pointer, count)| {
            let CauseCount { orders, last_index } = count;
            (pointer, orders, last_index)
        }));
        assert_eq!(found, [("/lines/*/name", 1, 3), ("/lines/*/sku", 2, 5)]);
    }

    #[test]
    fn a_pointer_of_any_length_becomes_one_of_bounded_length() {
        assert_eq!(cause_pointer("c", ""), "");
        assert_eq!(cause_pointer("c", "/a1/22"), "/a1/*");
        let long = format!("/lines/3/{}/{}", "é".repeat(100), "x".repeat(1_000));
        let expected = format!("/lines/*/{}/…", "é".repeat(100));
        assert_eq!(cause_pointer("c", &long), expected);
        assert_eq!(cause_pointer("c", "/lines/3/metadata"), "/lines/*/metadata");
        assert!(
            cause_pointer("c", &format!("/{}", "é".repeat(1_000))).len() <= POINTER_BYTES_MAX + 4
        );
    }

    #[test]
    fn names_that_a_sender_chose_are_not_part_of_a_cause() {
        for (code, pointer, expected) in [
            ("repeated_name", "/metadata/n123", "/metadata/*"),
            (
                "repeated_name",
                "/lines/3/metadata/a/b/c",
                "/lines/*/metadata/*",
            ),
            (
                "not_name",
                "/order_items/0/metadata/a b",
                "/order_items/*/metadata/*",
            ),
            ("repeated_name", "/n123", "/*"),
            ("too_deep", "/customer/n/lines/sku", "/customer/*"),
            ("repeated_name", "/CUSTOMER/Email", "/customer/email"),
            ("too_many_digits", "/lines/0/quantity", "/lines/*/quantity"),
            ("required", "/lines/0/sku", "/lines/*/sku"),
            ("nul_character", "", ""),
        ] {
            let cause = cause_pointer(code, pointer);
            assert_eq!(cause, expected);
            assert_eq!(cause_pointer(code, &cause), cause, "it stays as it is");
        }
    }
}
