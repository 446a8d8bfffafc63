//! The parameters of the routes under `/v1`. Requests are checked against them, and the documentation lists them.

use crate::catalogue::PIECES_MAX;
use crate::dialect::ParameterKind::{
    Boolean, Cursor, Dialect, Form, Number, OneOf, Organisation, Seconds, Text, Time, Uuid,
};
use crate::dialect::{Parameter, ParameterKind};
use crate::limits::NUMBER_MAX;

const fn query(name: &'static str, kind: ParameterKind, about: &'static str) -> Parameter {
    Parameter::query(name, kind, about)
}

const OUTCOMES: ParameterKind =
    OneOf(&["accepted", "updated", "unchanged", "rejected", "withheld"]);
const STATES: ParameterKind = OneOf(&["draft", "pending", "processed", "cancelled"]);

const LIMIT: Parameter = query(
    "limit",
    Number(1, 1_000),
    "How many entries at most; 100 unless told otherwise",
);
const AFTER: Parameter = query(
    "after",
    Cursor,
    "The cursor that the page before gave as next",
);
const ORGANISATION: Parameter = query(
    "organisation",
    Organisation,
    "Only what is of this organisation",
);
const DIALECT: Parameter = query("dialect", Dialect, "Only what came in this dialect");

/// For pages without filters.
pub(super) const PAGE: &[Parameter] = &[LIMIT, AFTER];

pub(super) const SUBMIT: &[Parameter] = &[
    query(
        "organisation",
        Organisation,
        "Whose the orders are that do not say so",
    ),
    query(
        "policy",
        OneOf(&["partial", "all_or_nothing"]),
        "What becomes of good orders where others are not good: they are kept, unless told otherwise",
    ),
    query(
        "results",
        OneOf(&["all", "rejected", "none"]),
        "Which orders the answer tells of; all unless told otherwise",
    ),
    query(
        "dialect",
        Dialect,
        "The dialect that the orders are written in, and belong to",
    ),
    query("dry_run", Boolean, "Judge everything and store nothing"),
];

pub(super) const LIST_BATCHES: &[Parameter] = &[
    ORGANISATION,
    DIALECT,
    query(
        "status",
        OneOf(&["complete", "partial", "rejected"]),
        "Only batches that this became of",
    ),
    query(
        "received_after",
        Time,
        "Only batches received at this time or later",
    ),
    query(
        "received_before",
        Time,
        "Only batches received before this time",
    ),
    query("import", Uuid, "Only the pieces of this import"),
    LIMIT,
    AFTER,
];

pub(super) const LIST_RESULTS: &[Parameter] = &[
    query("outcome", OUTCOMES, "Only orders that this became of"),
    LIMIT,
    AFTER,
];

pub(super) const LIST_REJECTED: &[Parameter] = &[
    query(
        "form",
        OneOf(&["errors", "resend"]),
        "errors: each order with what is wrong; resend: only the orders, to be mended and sent again",
    ),
    query(
        "index",
        Number(0, u32::MAX as u64),
        "Only the order at this place of the batch, byte for byte",
    ),
    LIMIT,
    AFTER,
];

pub(super) const RECEIVE_IMPORT: &[Parameter] = &[
    query(
        "organisation",
        Organisation,
        "Whose the orders are that do not say so",
    ),
    query(
        "dialect",
        Dialect,
        "The dialect that the orders are written in, and belong to",
    ),
    query("dry_run", Boolean, "Judge every line and store nothing"),
    Parameter::header(
        "import-offset",
        Number(0, u64::MAX),
        "How many lines are committed already; 0 unless told otherwise",
    ),
    Parameter::header(
        "import-complete",
        OneOf(&["?0", "?1"]),
        "?0: more will come in another request",
    ),
];

pub(super) const LIST_ORDERS: &[Parameter] = &[
    ORGANISATION,
    query("state", STATES, "Only orders in this state"),
    DIALECT,
    query("key", Text, "Only orders of this key"),
    query(
        "number",
        Number(1, NUMBER_MAX),
        "Only orders of this number",
    ),
    query(
        "email",
        Text,
        "Only orders of the customer with this address",
    ),
    query("batch", Uuid, "Only orders that this batch brought first"),
    query(
        "created_after",
        Time,
        "Only orders created at this time or later",
    ),
    query(
        "created_before",
        Time,
        "Only orders created before this time",
    ),
    query(
        "updated_after",
        Time,
        "Only orders changed at this time or later, in the order of their last change",
    ),
    LIMIT,
    AFTER,
];

pub(super) const SHOW_ORDER: &[Parameter] = &[query(
    "as",
    Form,
    "The form to show it in, whichever it came in; submitted is exactly what was sent",
)];

pub(super) const LIST_PRODUCTS: &[Parameter] = &[
    query("id", Number(0, PIECES_MAX), "Only the product of this id"),
    query("sku", Text, "Only the product of this code of the seller's"),
    query("ean", Text, "Only the product of this bar code"),
    LIMIT,
    AFTER,
];

pub(super) const LIST_CUSTOMERS: &[Parameter] = &[
    query("id", Number(0, PIECES_MAX), "Only the customer of this id"),
    query("email", Text, "Only the customer with this address"),
    LIMIT,
    AFTER,
];

/// For loading products or customers.
pub(super) const LOAD: &[Parameter] = &[
    query(
        "policy",
        OneOf(&["partial", "all_or_nothing"]),
        "What becomes of good entries where others are not good: they are loaded, unless told otherwise",
    ),
    query(
        "results",
        OneOf(&["all", "rejected", "none"]),
        "Which entries the answer tells of; all unless told otherwise",
    ),
];

pub(super) const LIST_EVENTS: &[Parameter] = &[
    ORGANISATION,
    query(
        "type",
        OneOf(&[
            "order.accepted",
            "order.updated",
            "order.processed",
            "order.cancelled",
            "order.fulfilment",
            "batch.received",
        ]),
        "Only events of this type",
    ),
    query(
        "wait",
        Seconds(60),
        "How long to wait where there is nothing new",
    ),
    LIMIT,
    AFTER,
];
