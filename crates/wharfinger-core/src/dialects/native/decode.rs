//! Judging one canonical order.

use crate::admit::Intent;
use crate::dialect::{Context, Draft, Number, Slot, Verdict};
use crate::form::Form;
use crate::json::{Entry, Kind};
use crate::limits::KEY_CHARS_MAX;
use crate::problem::{Code, Problem};
use crate::validate::short_text;

/// Judges one order by itself.
pub(super) fn judge<'a>(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
    let mut problems = Vec::new();
    let mut key = None;
    if entry.value.kind() == Kind::Object {
        let mut order = Form::of_order(entry.value, &mut problems);
        key = order.mandatory("key", short_text(KEY_CHARS_MAX));
    } else {
        problems.push(Problem::with_order(Code::NotObject));
    }
    Slot {
        raw: entry.raw,
        line: None,
        name: None,
        key,
        organisation: context.organisation.map(|organisation| organisation.id),
        email: None,
        warnings: Vec::new(),
        verdict: if problems.is_empty() {
            Verdict::Good(Draft {
                hash: entry.hash,
                intent: Intent::Upsert,
                number: Number::None,
            })
        } else {
            Verdict::Faulty(problems)
        },
    }
}

/// The e-mail address of a stored order's customer.
pub(super) fn stored_email(_text: &str) -> Option<String> {
    None
}
