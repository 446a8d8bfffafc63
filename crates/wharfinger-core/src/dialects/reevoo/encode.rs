//! Encodes answers and refused requests in the vendor's format.

use serde_json::value::RawValue;

use super::wire::{
    BatchErrors, BatchResult, BatchUnauthorized, Denied, OrderAccepted, OrderInvalid, Refusal,
    RejectedOrder, Summary,
};
use super::{BATCH, ONE, ORGANISATIONS, organisations};
use crate::dialect::{Answer, Operation, Reply, Slot, Submitted, Verdict};
use crate::order::failure::{FailureClass, RequestFailure};
use crate::order::outcome::{Counts, Outcome, WITHHELD};
use crate::order::problem::{Code, CodeClass, Problem};
use crate::order::warning::{Warning, with_hint};

/// The maximum number of rejected orders that a response lists. The summary counts all of them.
const LISTED_MAX: usize = 1_000;

/// Encodes an answer in the vendor's format.
pub(super) fn encode(operation: &Operation, answer: &Answer<'_>) -> Reply {
    match answer {
        Answer::Submitted(submitted) if *operation == ONE => encode_one(submitted),
        Answer::Submitted(submitted) => encode_batch(submitted),
        Answer::Organisations(page) if *operation == ORGANISATIONS => organisations::list(page),
        Answer::Organisations(page) => match page.organisations {
            [organisation] => organisations::show(organisation),
            _ => refuse(Some(operation), &RequestFailure::Internal),
        },
        // No operation of this dialect produces these.
        Answer::Orders(_) | Answer::Order(_) | Answer::Withdrawn(_) => {
            refuse(Some(operation), &RequestFailure::Internal)
        }
    }
}

fn encode_one(submitted: &Submitted<'_>) -> Reply {
    match submitted.outcomes {
        [Outcome::Accepted(_) | Outcome::Updated(_) | Outcome::Unchanged(_)] => Reply::json(
            202,
            &OrderAccepted {
                status: 202,
                id: submitted.batch.to_string(),
                message: "Customer order accepted",
            },
        ),
        [Outcome::Rejected(problems)] => invalid_order(texts(
            problems,
            submitted.slots.first().map_or(&[], |slot| &slot.warnings),
        )),
        [Outcome::Withheld] => invalid_order(vec![WITHHELD.into()]),
        [] | [_, _, ..] => refuse(Some(&ONE), &RequestFailure::Internal),
    }
}

/// Vendor quirk: the message is the same for a missing body and for an order with errors.
fn invalid_order(errors: Vec<String>) -> Reply {
    let body = OrderInvalid {
        status: 422,
        message: "No data provided",
        errors,
    };
    Reply::json(422, &body)
}

fn encode_batch(submitted: &Submitted<'_>) -> Reply {
    assert_eq!(submitted.slots.len(), submitted.outcomes.len());
    let counts = Counts::of(submitted.outcomes);
    // Vendor quirk: 206 means that part of the batch was accepted. It has nothing to do with ranges.
    let (status, message) = match (counts.taken(), counts.rejected) {
        (0, _) => (422, "Batch is invalid"),
        (_, 0) => (202, "Batch Accepted"),
        (_, _) => (206, "Batch partially accepted"),
    };
    let errors = match status {
        202 => None,
        _ if !submitted.root_fits => Some(BatchErrors::OfBatch([
            "batch must be an array of customer orders",
        ])),
        _ => Some(BatchErrors::OfOrders(rejected_orders(submitted))),
    };
    let body = BatchResult {
        status,
        id: submitted.batch.to_string(),
        message,
        summary: Summary {
            accepted: counts.taken(),
            rejected: counts.rejected,
        },
        errors,
    };
    Reply::json(status, &body)
}

fn rejected_orders<'s>(submitted: &Submitted<'s>) -> Vec<RejectedOrder<'s>> {
    let mut rejected = Vec::new();
    for (slot, outcome) in submitted.slots.iter().zip(submitted.outcomes) {
        if rejected.len() == LISTED_MAX {
            break;
        }
        match outcome {
            Outcome::Accepted(_) | Outcome::Updated(_) | Outcome::Unchanged(_) => {}
            Outcome::Rejected(problems) => rejected.push(RejectedOrder {
                customer_order: as_sent(slot),
                errors: texts(problems, &slot.warnings),
            }),
            Outcome::Withheld => rejected.push(RejectedOrder {
                customer_order: as_sent(slot),
                errors: vec![WITHHELD.into()],
            }),
        }
    }
    rejected
}

/// The order byte for byte. `None` if it is unreadable, because its bytes may then not be JSON.
fn as_sent<'s>(slot: &Slot<'s>) -> Option<&'s RawValue> {
    match slot.verdict {
        Verdict::Good(_) | Verdict::Faulty(_) => serde_json::from_str(slot.raw).ok(),
        Verdict::Unreadable(_) => None,
    }
}

fn texts(problems: &[Problem], warnings: &[Warning]) -> Vec<String> {
    let told = problems.iter();
    told.map(|problem| with_hint(text(problem), problem, warnings))
        .collect()
}

/// The vendor has two messages about an attribute, and a few about the order as a whole.
fn text(problem: &Problem) -> String {
    let path = &problem.path;
    let is_whole_order = path.is_root();
    match problem.code.class() {
        CodeClass::Missing => format!("{path} cannot be blank"),
        CodeClass::Final => format!("order_ref {}", problem.code),
        CodeClass::TooLarge => "customer order is too large".into(),
        CodeClass::Invalid if is_whole_order && problem.code == Code::NotObject => {
            "customer order must be an object".into()
        }
        CodeClass::Invalid | CodeClass::Catalogue if is_whole_order => {
            "invalid customer order".into()
        }
        CodeClass::Invalid | CodeClass::Catalogue => format!("invalid {path}"),
    }
}

/// Encodes a refused request in the vendor's format.
pub(super) fn refuse(operation: Option<&Operation>, failure: &RequestFailure) -> Reply {
    let status = failure.usual_status();
    let reply = match failure.class() {
        FailureClass::Unauthorized => unauthorized(status, operation),
        // The vendor has one message for both.
        FailureClass::Forbidden | FailureClass::OrganisationDisabled => Reply::json(
            status,
            &Denied {
                status,
                error: "Access denied",
            },
        ),
        FailureClass::OrganisationUnknown | FailureClass::OrganisationMissing => {
            refusal(status, "Invalid TRKREF supplied".into())
        }
        FailureClass::EmptyBody => invalid_order(Vec::new()),
        FailureClass::Other => refusal(status, failure.message()),
    };
    reply.for_failure(failure)
}

fn refusal(status: u16, message: String) -> Reply {
    Reply::json(status, &Refusal { status, message })
}

/// Vendor quirk: the batch route has the message in `errors`, every other route in `message`.
fn unauthorized(status: u16, operation: Option<&Operation>) -> Reply {
    let reply = if operation == Some(&BATCH) {
        let errors = "Unauthorized";
        Reply::json(status, &BatchUnauthorized { status, errors })
    } else {
        refusal(status, "Unauthorized".into())
    };
    reply.with_header("www-authenticate", r#"Basic realm="Wharfinger""#)
}
