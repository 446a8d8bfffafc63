//! Encodes outcomes and refused requests, with all details.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::wire::{Batch, BatchError, OrderError, OrderResult, OrderWarning, Refusal};
use crate::dialect::{Reply, Results, Slot, Submitted};
use crate::hint::{self, Asked, Hint};
use crate::json::NameCase;
use crate::order::failure::RequestFailure;
use crate::order::outcome::{BatchStatus, Counts, Outcome, State};
use crate::order::problem::{Code, Problem, Step};
use crate::order::warning::Warning;

/// The outcome of a batch: 200 if every order was stored, 207 if some were, 422 if none was.
pub(super) fn batch(submitted: &Submitted<'_>) -> Reply {
    assert_eq!(submitted.slots.len(), submitted.outcomes.len());
    let counts = Counts::of(submitted.outcomes);
    let status = counts.status();
    let is_empty = submitted.slots.is_empty();
    let body = Batch {
        id: submitted.batch.to_string(),
        status: status.name(),
        dry_run: submitted.options.dry_run,
        received: counts.received(),
        accepted: counts.accepted,
        updated: counts.updated,
        unchanged: counts.unchanged,
        rejected: counts.rejected,
        withheld: counts.withheld,
        errors: is_empty.then_some([BatchError {
            code: "empty_batch",
            message: "the batch has no orders",
        }]),
        results: results(submitted),
    };
    let http_status = match status {
        BatchStatus::Complete => 200,
        BatchStatus::Partial => 207,
        BatchStatus::Rejected => 422,
    };
    Reply::json(http_status, &body)
}

fn results<'s>(submitted: &Submitted<'s>) -> Option<Listed<'s>> {
    match submitted.options.results {
        Results::All | Results::Rejected => Some(Listed(*submitted)),
        Results::None => None,
    }
}

/// The outcomes of the listed orders. Each is serialized when it is written, so only the response takes memory.
pub(super) struct Listed<'s>(Submitted<'s>);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(submitted) = self;
        let is_wanted = |outcome: &Outcome| match submitted.options.results {
            Results::All => true,
            Results::Rejected => outcome.taken().is_none(),
            Results::None => false,
        };
        let pairs = submitted.slots.iter().zip(submitted.outcomes).enumerate();
        let wanted = pairs.filter(|(_, (_, outcome))| is_wanted(outcome));
        serializer.collect_seq(wanted.map(|(index, (slot, outcome))| result(index, slot, outcome)))
    }
}

fn result<'s>(index: usize, slot: &'s Slot<'s>, outcome: &'s Outcome) -> OrderResult<'s> {
    let taken = outcome.taken();
    let number = taken.and_then(|taken| taken.number);
    let problems: &[Problem] = match outcome {
        Outcome::Rejected(problems) => problems,
        Outcome::Accepted(_) | Outcome::Updated(_) | Outcome::Unchanged(_) | Outcome::Withheld => {
            &[]
        }
    };
    OrderResult {
        index,
        line: slot.line,
        name: slot.name.as_deref(),
        // If the server assigned the number, the number is the key.
        key: match (&slot.key, number) {
            (Some(key), _) => Some(Cow::Borrowed(key.as_ref())),
            (None, Some(number)) => Some(Cow::Owned(number.to_string())),
            (None, None) => None,
        },
        outcome: outcome.name(),
        state: taken
            .and_then(|taken| taken.held.as_ref())
            .map(|_| State::Held.name()),
        rule: taken.and_then(|taken| taken.held.as_deref()),
        order_id: taken.map(|taken| taken.order.to_string()),
        number,
        orders: taken.map_or(&[], |taken| &taken.sub_orders),
        revision: taken.map(|taken| taken.revision),
        errors: errors(Some(slot.raw), problems, &slot.warnings),
        warnings: slot.warnings.iter().map(warning).collect(),
    }
}

/// Problems of one order. Without its text, no value is shown.
fn errors(text: Option<&str>, problems: &[Problem], warnings: &[Warning]) -> Vec<OrderError> {
    if problems.is_empty() {
        return Vec::new();
    }
    let asked = problems.iter().map(|problem| Asked::of(problem, warnings));
    let hints = hint::hints(text, NameCase::Exact, &Vec::from_iter(asked));
    let pairs = problems.iter().zip(hints);
    let error = |(problem, hint): (&Problem, Hint)| OrderError {
        pointer: problem.path.pointer(),
        code: problem.code.id(),
        message: sentence(problem),
        value: hint.value,
        rule: hint.rule,
        hint: hint.hint,
    };
    pairs.map(error).collect()
}

fn warning(warning: &Warning) -> OrderWarning {
    OrderWarning {
        pointer: warning.path.pointer(),
        code: warning.code.id(),
        message: warning.to_string(),
        hint: hint::of_warning(warning),
    }
}

/// The problem's message. If alternatives to a missing attribute exist, the message names them.
fn sentence(problem: &Problem) -> String {
    if problem.code != Code::Required {
        return problem.to_string();
    }
    match problem.path.0.last() {
        Some(Step::Name(name)) if name == "placed_at" => format!("{problem} (or fulfilled_at)"),
        Some(Step::Name(name)) if name == "sku" => format!("{problem} (or ean, or product_id)"),
        Some(Step::Name(_) | Step::Index(_)) | None => problem.to_string(),
    }
}

/// A refused request, as problem details.
pub(super) fn problem(failure: &RequestFailure, path: &str) -> Reply {
    let status = failure.status();
    let first = if let RequestFailure::Gone { first, .. } = failure {
        first.as_deref()
    } else {
        None
    };
    let mut errors = Vec::new();
    if let RequestFailure::Invalid(problems) = failure {
        errors = self::errors(None, problems, &[]);
    }
    let body = Refusal {
        r#type: format!("/docs#{}", failure.id()),
        code: failure.id(),
        title: failure.title(),
        status,
        detail: failure.message(),
        instance: path,
        first,
        errors,
    };
    let mut reply = Reply::json(status, &body).for_failure(failure);
    reply.content_type = "application/problem+json";
    if *failure == RequestFailure::Unauthorized {
        return reply.with_header("www-authenticate", "Bearer realm=\"Wharfinger\"");
    }
    reply
}
