//! One change in all orders of a cause.

use super::Cause;
use crate::parts::{Fault, Rejection, Suggestion, suggestions};
use crate::texts::{Change, Place, apply, is_json, literal, locate, plain};
use crate::visit::Posted;

/// The changes that can be made: their names in the form, and what a person reads.
pub(super) const HOWS: &[(&str, &str)] = &[
    ("hint", "Use the suggestion for each order"),
    ("set", "Set a new value"),
    ("replace", "Find and replace in the value"),
    ("remove", "Remove the attribute"),
    (
        "none",
        "Change nothing. For example after a missing product, customer or organisation was added",
    ),
];

/// A change, as the form says it.
pub(super) struct Wanted<'p> {
    how: &'p str,
    value: &'p str,
    from: &'p str,
    by: &'p str,
}

/// The change of one order.
pub(super) struct Made {
    /// The text. `None` if it goes as it came.
    pub(super) text: Option<String>,
    /// Of each attribute that changes: where it is, the value before and after. `None` is absent.
    pub(super) values: Vec<(String, Option<String>, Option<String>)>,
}

impl<'p> Wanted<'p> {
    /// Reads a form. `None` if it says nothing that can be done.
    pub(super) fn of(posted: &'p Posted) -> Result<Self, &'static str> {
        let wanted = Self {
            how: posted.field("how"),
            value: posted.field("value"),
            from: posted.field("from"),
            by: posted.field("by"),
        };
        if !HOWS.iter().any(|(name, _)| *name == wanted.how) {
            return Err("Select a change.");
        }
        if wanted.how == "replace" && wanted.from.is_empty() {
            return Err("Enter the text to find.");
        }
        Ok(wanted)
    }

    /// The fields of a form that says the same.
    pub(super) fn fields(&self) -> [(&'static str, &'p str); 4] {
        [
            ("how", self.how),
            ("value", self.value),
            ("from", self.from),
            ("by", self.by),
        ]
    }

    /// Makes the change in an order. Says why if it cannot be made there.
    pub(super) fn make(&self, found: &Rejection, cause: &Cause<'_>) -> Result<Made, &'static str> {
        let text = found.text().ok_or("Its text is no longer kept.")?;
        if !is_json(text) {
            return Err("It is not valid JSON. Mend it on its own page.");
        }
        if self.how == "none" {
            return Ok(Made {
                text: None,
                values: Vec::new(),
            });
        }
        let faults: Vec<_> = found
            .errors
            .iter()
            .filter(|fault| cause.is_of(fault))
            .collect();
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        let places = locate(text, &pointers);
        let mut changes = Vec::new();
        let mut values = Vec::new();
        for (fault, place) in faults.iter().zip(places) {
            let place = place.ok_or("It does not have the attribute.")?;
            let Some((pointer, change)) = self.change(text, fault, &place) else {
                continue;
            };
            let before = place
                .missing
                .is_empty()
                .then(|| plain(&text[place.value.clone()]));
            let after = match &change {
                Change::Set(value) => Some(plain(value)),
                Change::Rename(name) => Some(format!("renamed to {name}")),
                Change::Remove => None,
            };
            if before == after {
                continue;
            }
            values.push((fault.pointer.clone(), before, after));
            changes.push((pointer, change));
        }
        if changes.is_empty() {
            return Err("Nothing would change.");
        }
        let changes: Vec<_> = changes
            .iter()
            .map(|(pointer, change)| (pointer.as_str(), change.clone()))
            .collect();
        let text = apply(text, &changes)
            .ok_or("The change is not possible here. Mend it on its own page.")?;
        Ok(Made {
            text: Some(text),
            values,
        })
    }

    /// The change of one attribute. `None` if it stays as it is.
    fn change(&self, text: &str, fault: &Fault, place: &Place) -> Option<(String, Change)> {
        let like = place.missing.is_empty().then(|| &text[place.value.clone()]);
        let here = |change| Some((fault.pointer.clone(), change));
        let set = |value: &str| here(Change::Set(literal(value, like, &fault.code)));
        match self.how {
            "set" => set(self.value),
            "replace" => {
                let value = plain(like?);
                value
                    .contains(self.from)
                    .then(|| set(&value.replace(self.from, self.by)))?
            }
            "remove" => like.and_then(|_| here(Change::Remove)),
            "hint" => match suggestions(fault).into_iter().next()? {
                Suggestion::Value(value) => set(&value),
                Suggestion::Name(from, to) => Some((from, Change::Rename(to))),
            },
            _ => None,
        }
    }
}
