//! Encodes answers and refused requests.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::stored;
use super::wire::{Page, Refusal, Saved};
use crate::dialect::{Orders, Reply, Slot, StoredOrder, Submitted};
use crate::hint::{self, appended};
use crate::json::NameCase;
use crate::order::failure::{FailureClass, RequestFailure};
use crate::order::outcome::{Outcome, State, WITHHELD};
use crate::order::problem::{Code, CodeClass, Problem};

/// The value of `WWW-Authenticate`. There is no registered scheme for a vendor's own header.
const CHALLENGE: &str = "AccessKey realm=\"orders\"";

/// Encodes the outcome of each order of a batch.
pub(super) fn saved(submitted: &Submitted<'_>, with_messages: bool) -> Reply {
    assert_eq!(submitted.slots.len(), submitted.outcomes.len());
    let mut answers = Vec::with_capacity(submitted.slots.len());
    for (slot, outcome) in submitted.slots.iter().zip(submitted.outcomes) {
        answers.push(Saved {
            packingslipno: slot.key.as_deref(),
            result: outcome.taken().is_some(),
            msg: with_messages.then(|| message(slot, outcome)),
        });
    }
    Reply::json(200, &answers)
}

/// Encodes whether a single order was saved.
pub(super) fn one(submitted: &Submitted<'_>) -> Reply {
    let is_saved = |outcome: &Outcome| outcome.taken().is_some();
    Reply::json(200, &submitted.outcomes.iter().any(is_saved))
}

fn message(slot: &Slot<'_>, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(_) | Outcome::Updated(_) | Outcome::Unchanged(_) => String::new(),
        // An order that was cancelled by other means than DELETE keeps its number. It is as final as a processed one.
        Outcome::Rejected(problems) if problems.iter().any(is_final) => "already processed".into(),
        Outcome::Rejected(problems) => {
            let hints = hint::of_problems(slot.raw, NameCase::Ignored, problems, &slot.warnings);
            let pairs = problems.iter().zip(&hints);
            let sentences = pairs.map(|(problem, hint)| appended(problem.to_string(), hint));
            Vec::from_iter(sentences).join("; ")
        }
        Outcome::Withheld => WITHHELD.into(),
    }
}

fn is_final(problem: &Problem) -> bool {
    problem.code.class() == CodeClass::Final
}

/// Encodes a page of orders, or a chunk of one. The first chunk has the head, the last one the end.
pub(super) fn page(orders: &Orders<'_>) -> Reply {
    let query = orders.query;
    let page_size = query.limit.max(1);
    let mut body = Vec::new();
    if orders.first {
        let seen = match orders.orders.len() {
            0 => 0,
            given => query.offset + given as u64,
        };
        // The count stops at a limit. If the page itself goes beyond it, there are more.
        let known = orders.total.max(seen);
        let head = Page {
            page: query.offset / page_size + 1,
            page_size,
            pages: known.div_ceil(page_size),
        };
        write(&mut body, &head);
        // Remove the closing brace: `Results` is another member.
        body.pop();
        body.extend_from_slice(br#","Results":["#);
    }
    push_all(&mut body, orders, |order| {
        stored::listed(order, query.with_lines)
    });
    if orders.last {
        body.extend_from_slice(b"]}");
    }
    list(body)
}

/// Encodes a part of the array of pending orders.
pub(super) fn chunk(orders: &Orders<'_>) -> Reply {
    let mut body = Vec::new();
    if orders.first {
        body.push(b'[');
    }
    push_all(&mut body, orders, stored::pending);
    if orders.last {
        body.push(b']');
    }
    list(body)
}

/// Writes orders one by one. A comma precedes each order except the very first one.
///
/// An empty chunk occurs only as the first chunk of an empty list, so a later chunk always follows an order.
fn push_all<'o, T: Serialize>(
    body: &mut Vec<u8>,
    orders: &Orders<'o>,
    in_words: impl Fn(&'o StoredOrder) -> T,
) {
    for (index, order) in orders.orders.iter().enumerate() {
        if index > 0 || !orders.first {
            body.push(b',');
        }
        write(body, &in_words(order));
    }
}

fn write(body: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(body, value)
        .expect("wire structs hold only text keys, and memory takes every write");
}

fn list(body: Vec<u8>) -> Reply {
    Reply {
        status: 200,
        headers: Vec::new(),
        content_type: "application/json",
        body,
    }
}

/// Encodes the status of one order. A cancelled order does not exist on this route.
pub(super) fn order(order: &StoredOrder) -> Reply {
    match order.state {
        State::Draft | State::Held | State::Pending | State::Processed => {
            Reply::json(200, &stored::shown(order))
        }
        State::Cancelled => refusal(&RequestFailure::NotFound(format!("Order {}", order.key))),
    }
}

/// Encodes the result for each slip number that was to be deleted.
pub(super) fn withdrawn(results: &[(String, Result<(), Code>)]) -> Reply {
    let mut answer = Map::new();
    for (number, result) in results {
        let text = match result {
            Ok(()) => "Deleted.",
            Err(Code::AlreadyProcessed) => "Cannot be deleted. Already processed.",
            Err(Code::AlreadyCancelled) => "Cannot be deleted. Already deleted.",
            // The only other error is that no order has the slip number.
            Err(_) => "Invalid packing slip number",
        };
        answer.insert(number.clone(), Value::from(text));
    }
    Reply::json(200, &answer)
}

/// Encodes a refused request.
pub(super) fn refusal(failure: &RequestFailure) -> Reply {
    let (status, message) = words(failure);
    let reply = Reply::json(status, &Refusal { message }).for_failure(failure);
    if status == 401 {
        return reply.with_header("www-authenticate", CHALLENGE);
    }
    reply
}

fn words(failure: &RequestFailure) -> (u16, Cow<'static, str>) {
    let denied = "Authorization has been denied for this request.";
    match failure.class() {
        // A site that the API key does not reach is answered like a wrong key.
        FailureClass::Unauthorized | FailureClass::OrganisationUnknown => (401, denied.into()),
        FailureClass::Forbidden => (403, "Access denied".into()),
        FailureClass::OrganisationMissing => (400, "site_id header is required".into()),
        FailureClass::OrganisationDisabled | FailureClass::EmptyBody | FailureClass::Other => {
            (failure.usual_status(), failure.message().into())
        }
    }
}
