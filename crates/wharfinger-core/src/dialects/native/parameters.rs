//! The parameters of the routes under `/v1`. Requests are checked against them, and the documentation lists them.

use crate::decide::catalogue::PIECES_MAX;
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

const LIMIT: Parameter = query("limit", Number(1, 1_000), "Page size. Default: 100");
const AFTER: Parameter = query(
    "after",
    Cursor,
    "The cursor to continue from: `next` of the previous page",
);
const ORGANISATION: Parameter = query(
    "organisation",
    Organisation,
    "Only entries of this organisation",
);
const DIALECT: Parameter = query("dialect", Dialect, "Only entries submitted in this dialect");

/// For pages without filters.
pub(super) const PAGE: &[Parameter] = &[LIMIT, AFTER];

pub(super) const SUBMIT: &[Parameter] = &[
    query(
        "organisation",
        Organisation,
        "The organisation of orders that name none",
    ),
    query(
        "policy",
        OneOf(&["partial", "all_or_nothing"]),
        "Whether valid orders are stored when others are rejected. Default: `partial`",
    ),
    query(
        "results",
        OneOf(&["all", "rejected", "none"]),
        "Which results the response contains. Default: `all`",
    ),
    query(
        "dialect",
        Dialect,
        "The dialect of the orders. Default: `native`",
    ),
    query("dry_run", Boolean, "Judge all orders and store nothing"),
];

pub(super) const LIST_BATCHES: &[Parameter] = &[
    ORGANISATION,
    DIALECT,
    query(
        "status",
        OneOf(&["complete", "partial", "rejected"]),
        "Only batches with this status",
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
    query("import", Uuid, "Only the batches of this import"),
    LIMIT,
    AFTER,
];

pub(super) const LIST_RESULTS: &[Parameter] = &[
    query("outcome", OUTCOMES, "Only orders with this outcome"),
    LIMIT,
    AFTER,
];

pub(super) const LIST_REJECTED: &[Parameter] = &[
    query(
        "form",
        OneOf(&["errors", "resend"]),
        "`errors`: each order with its errors. `resend`: only the orders, ready to be fixed and sent again. Default: `errors`",
    ),
    query(
        "index",
        Number(0, u32::MAX as u64),
        "Only the order at this position of the batch, from 0, byte for byte",
    ),
    LIMIT,
    AFTER,
];

pub(super) const RECEIVE_IMPORT: &[Parameter] = &[
    query(
        "organisation",
        Organisation,
        "The organisation of orders that name none",
    ),
    query(
        "dialect",
        Dialect,
        "The dialect of the orders. Default: `native`",
    ),
    query("dry_run", Boolean, "Judge all lines and store nothing"),
    Parameter::header(
        "import-offset",
        Number(0, u64::MAX),
        "Number of lines that are already committed. Default: 0",
    ),
    Parameter::header(
        "import-complete",
        OneOf(&["?0", "?1"]),
        "`?0`: another request will send more lines. `?1`: this request sends the last ones. Default: `?1`",
    ),
];

pub(super) const LIST_ORDERS: &[Parameter] = &[
    ORGANISATION,
    query("state", STATES, "Only orders in this state"),
    DIALECT,
    query("key", Text, "Only orders with this order key"),
    query(
        "number",
        Number(1, NUMBER_MAX),
        "Only orders with this order number",
    ),
    query(
        "email",
        Text,
        "Only orders whose customer has this e-mail address",
    ),
    query("batch", Uuid, "Only orders first submitted in this batch"),
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
        "Only orders changed at this time or later, in the order of their latest change",
    ),
    LIMIT,
    AFTER,
];

pub(super) const SHOW_ORDER: &[Parameter] = &[query(
    "as",
    Form,
    "The form of the response: a dialect, or `submitted` for the text exactly as it was sent",
)];

pub(super) const LIST_PRODUCTS: &[Parameter] = &[
    query("id", Number(0, PIECES_MAX), "Only the product with this id"),
    query("sku", Text, "Only the product with this SKU"),
    query(
        "ean",
        Text,
        "Only the product with this EAN (bar code number)",
    ),
    LIMIT,
    AFTER,
];

pub(super) const LIST_CUSTOMERS: &[Parameter] = &[
    query(
        "id",
        Number(0, PIECES_MAX),
        "Only the customer with this id",
    ),
    query("email", Text, "Only the customer with this e-mail address"),
    LIMIT,
    AFTER,
];

/// For loading products or customers.
pub(super) const LOAD: &[Parameter] = &[
    query(
        "policy",
        OneOf(&["partial", "all_or_nothing"]),
        "Whether valid entries are loaded when others are rejected. Default: `partial`",
    ),
    query(
        "results",
        OneOf(&["all", "rejected", "none"]),
        "Which results the response contains. Default: `all`",
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
        "How long to wait if there are no new events",
    ),
    LIMIT,
    AFTER,
];
