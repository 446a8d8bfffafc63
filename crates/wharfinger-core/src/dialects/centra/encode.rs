//! Encodes outcomes and refused requests in the vendor's format.

use super::wire::{Answer as OrderAnswer, Batch, No};
use super::{UPDATE, present};
use crate::decide::admit::Intent;
use crate::dialect::{Action, Answer, Operation, Orders, Reply, Slot, Submitted, Verdict};
use crate::hint::{self, Asked, appended};
use crate::json::{Envelope, NameCase};
use crate::order::failure::{FailureClass, RequestFailure};
use crate::order::outcome::{Outcome, Taken, WITHHELD};
use crate::order::problem::{Code, Problem, Step};

/// A product cannot be added.
const NOT_SOLD: i8 = -1;
/// Stock is missing for a product.
const NO_STOCK: i8 = -2;
/// The order has no products.
const NO_PRODUCTS: i8 = -3;
/// A required attribute other than `products` is missing.
const MISSING: i8 = -4;
/// An order with this order number exists.
const NUMBER_EXISTS: i8 = -5;
/// The customer cannot be attached.
const CUSTOMER: i8 = -6;
/// Anything else: a wrong type or value.
const WRONG: i8 = -7;

/// If several codes apply, the first of these is returned. The vendor's order is not numeric.
const PRECEDENCE: [i8; 7] = [
    NO_PRODUCTS,
    MISSING,
    WRONG,
    NUMBER_EXISTS,
    NOT_SOLD,
    NO_STOCK,
    CUSTOMER,
];

/// Encodes an answer.
pub(super) fn answer(operation: &Operation, answer: &Answer<'_>) -> Reply {
    match answer {
        Answer::Submitted(submitted) => submitted_answer(operation, submitted),
        Answer::Orders(orders) => Reply {
            status: 200,
            headers: Vec::new(),
            content_type: "application/json",
            body: page(orders),
        },
        // No operation of this dialect produces these.
        Answer::Order(_) | Answer::Withdrawn(_) | Answer::Organisations(_) => {
            refusal(&RequestFailure::Internal)
        }
    }
}

/// Encodes a page of orders, or a chunk of one. Each order is encoded separately.
fn page(orders: &Orders<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    if orders.first {
        body.extend_from_slice(br#"{"status":"ok","orders":["#);
    }
    for (index, order) in orders.orders.iter().enumerate() {
        if index > 0 || !orders.first {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, &present::order(order))
            .expect("wire structs hold only text keys, and memory takes every write");
    }
    if orders.last {
        body.extend_from_slice(b"]}");
    }
    body
}

/// The status is 200 whether or not orders were created.
fn submitted_answer(operation: &Operation, submitted: &Submitted<'_>) -> Reply {
    let pairs = submitted.slots.iter().zip(submitted.outcomes);
    let is_batch = matches!(
        operation.action,
        Action::Submit {
            envelope: Envelope::ObjectOrArray,
            ..
        }
    );
    if is_batch {
        let answers = pairs.map(|(slot, outcome)| {
            let name = slot.name.as_deref().unwrap_or_default();
            (name, order_answer(slot, outcome))
        });
        return Reply::json(200, &Batch(answers.collect()));
    }
    let is_update = operation.name == UPDATE;
    let mut answers = pairs.map(|(slot, outcome)| {
        let answer = order_answer(slot, outcome);
        if let (true, OrderAnswer::No(no)) = (is_update, &answer) {
            return OrderAnswer::NotUpdated {
                status: no.status,
                msg: no.msg.clone(),
                order: slot.key.as_deref().and_then(|key| key.parse().ok()),
            };
        }
        answer
    });
    Reply::json(200, &answers.next())
}

fn order_answer(slot: &Slot<'_>, outcome: &Outcome) -> OrderAnswer {
    match outcome {
        Outcome::Accepted(taken) | Outcome::Updated(taken) | Outcome::Unchanged(taken) => {
            yes(slot, taken)
        }
        Outcome::Rejected(problems) => OrderAnswer::No(no(slot, problems)),
        Outcome::Withheld => OrderAnswer::No(No::new(WRONG, WITHHELD.into())),
    }
}

/// Vendor quirk: the number of a completed order is text, and that of a prepared order is not in an array.
fn yes(slot: &Slot<'_>, taken: &Taken) -> OrderAnswer {
    let number = taken.number.unwrap_or_default();
    let numbers = match &*taken.sub_orders {
        [] => vec![number],
        parts => parts.to_vec(),
    };
    let status = "ok";
    let intent = match &slot.verdict {
        Verdict::Good(draft) => draft.intent,
        Verdict::Faulty(_) | Verdict::Unreadable(_) => Intent::Create { draft: false },
    };
    match intent {
        Intent::Create { draft: true } => OrderAnswer::Prepared {
            status,
            order: number,
        },
        Intent::Create { draft: false } | Intent::Upsert => OrderAnswer::Created {
            status,
            orders: numbers,
        },
        Intent::Amend => OrderAnswer::Updated {
            status,
            order: number,
        },
        Intent::Complete => OrderAnswer::Completed {
            status,
            orders: numbers.iter().map(u64::to_string).collect(),
        },
    }
}

/// Returns the first code that applies, and every problem with that code.
fn no(slot: &Slot<'_>, problems: &[Problem]) -> No {
    let holds = |code: &i8| problems.iter().any(|problem| code_of(problem) == *code);
    let code = PRECEDENCE.into_iter().find(holds).unwrap_or(WRONG);
    let told = problems.iter().filter(|problem| code_of(problem) == code);
    let asked = told.clone().map(|one| Asked::of(one, &slot.warnings));
    let hints = hint::hints(Some(slot.raw), NameCase::Exact, &Vec::from_iter(asked));
    let pairs = told.zip(&hints);
    let sentences = pairs.map(|(problem, hint)| appended(sentence(slot, problem), hint));
    No::new(code, Vec::from_iter(sentences).join("; "))
}

fn code_of(problem: &Problem) -> i8 {
    let is_of_products =
        matches!(problem.path.0.as_slice(), [Step::Name(name)] if name == "products");
    if problem.code == Code::Required {
        return if is_of_products { NO_PRODUCTS } else { MISSING };
    }
    if problem.code == Code::NumberExists {
        return NUMBER_EXISTS;
    }
    if matches!(
        problem.code,
        Code::UnknownProduct | Code::InactiveProduct | Code::NotSoldThere { .. }
    ) {
        return NOT_SOLD;
    }
    if matches!(problem.code, Code::StockMissing { .. }) {
        return NO_STOCK;
    }
    if matches!(
        problem.code,
        Code::UnknownCustomer | Code::NeedsEmail | Code::OtherCustomer
    ) {
        return CUSTOMER;
    }
    WRONG
}

/// The problem's message.
///
/// It names the order number if the problem is with the order as a whole. If alternatives to a missing attribute exist,
/// it names them.
fn sentence(slot: &Slot<'_>, problem: &Problem) -> String {
    if let (true, Some(number)) = (problem.path.is_root(), &slot.key) {
        return format!("order {number} {}", problem.code);
    }
    if problem.code != Code::Required {
        return problem.to_string();
    }
    match problem.path.0.last() {
        Some(Step::Name(name)) if name == "invoiceAddress" || name == "deliveryAddress" => {
            format!("{problem} (or address)")
        }
        Some(Step::Name(name)) if name == "id" => format!("{problem} (or ean, or sku)"),
        Some(Step::Name(_) | Step::Index(_)) | None => problem.to_string(),
    }
}

/// Encodes a refused request.
pub(super) fn refusal(failure: &RequestFailure) -> Reply {
    // The vendor's stores are identified only by their key, so an organisation out of reach is answered like a wrong
    // key.
    match failure.class() {
        FailureClass::Unauthorized
        | FailureClass::OrganisationMissing
        | FailureClass::OrganisationUnknown => {
            let message = RequestFailure::Unauthorized.message();
            Reply::json(401, &No::new(WRONG, message))
                .with_header("www-authenticate", "Bearer realm=\"Wharfinger\"")
        }
        FailureClass::Forbidden
        | FailureClass::OrganisationDisabled
        | FailureClass::EmptyBody
        | FailureClass::Other => {
            Reply::json(failure.usual_status(), &No::new(WRONG, failure.message()))
                .for_failure(failure)
        }
    }
}
