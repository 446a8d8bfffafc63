//! Errors and warnings of orders, as the routes of receipts and imports show them.
//!
//! Values, rules and hints are made here, from the order's text. They are not stored, so an erased order has none.

use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;
use wharfinger_core::hint::{self, Asked, Hint};
use wharfinger_core::json::NameCase;

use crate::store::{RecordedProblem, Rejection};

/// One error of an order, or one warning about it.
#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "RecordedProblem")]
pub(super) struct Problem {
    /// The attribute, as a JSON pointer (RFC 6901) relative to the order.
    pointer: String,
    code: String,
    message: String,
    /// The value that was sent, at most 100 characters of it. Absent if the attribute is, and if the order's text is no longer kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// What a valid value is.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// What is wrong with the value, or what was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// How the names of attributes are compared in a stored batch's dialect.
pub(super) fn names(dialect: &str) -> NameCase {
    dialects::find(dialect).map_or(NameCase::Exact, Dialect::name_case)
}

/// The errors of a rejected order.
pub(super) fn errors(rejection: &Rejection, names: NameCase) -> Vec<Problem> {
    let all: Vec<_> = rejection.errors.iter().collect();
    some_errors(rejection, &all, names)
}

/// Some errors of a rejected order.
pub(super) fn some_errors(
    rejection: &Rejection,
    some: &[&RecordedProblem],
    names: NameCase,
) -> Vec<Problem> {
    let asked = some
        .iter()
        .map(|error| Asked::of_stored(&error.pointer, &error.code, &error.message));
    let (asked, messages): (Vec<_>, Vec<_>) = asked.unzip();
    let hints = hint::hints(rejection.text.as_deref(), names, &asked);
    let rows = some.iter().zip(messages).zip(hints);
    rows.map(|((error, message), hint)| problem(error, message, hint))
        .collect()
}

/// The warnings of an order.
pub(super) fn warnings(recorded: &[RecordedProblem]) -> Vec<Problem> {
    recorded.iter().map(warning).collect()
}

/// A warning.
pub(super) fn warning(recorded: &RecordedProblem) -> Problem {
    let hint = Hint {
        hint: hint::of_stored_warning(&recorded.pointer, &recorded.message),
        ..Hint::default()
    };
    problem(recorded, &recorded.message, hint)
}

/// The problems of an order that was judged by this request.
pub(super) fn judged(
    problems: &[wharfinger_core::order::problem::Problem],
    hints: &[Hint],
) -> Vec<Problem> {
    let pairs = problems.iter().zip(hints.iter().cloned());
    pairs
        .map(|(problem, hint)| Problem {
            pointer: problem.path.pointer(),
            code: problem.code.id().to_owned(),
            message: problem.to_string(),
            value: hint.value,
            rule: hint.rule,
            hint: hint.hint,
        })
        .collect()
}

fn problem(recorded: &RecordedProblem, message: &str, hint: Hint) -> Problem {
    Problem {
        pointer: recorded.pointer.clone(),
        code: recorded.code.clone(),
        message: message.to_owned(),
        value: hint.value,
        rule: hint.rule,
        hint: hint.hint,
    }
}
