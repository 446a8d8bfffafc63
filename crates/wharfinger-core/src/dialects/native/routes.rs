//! The route that submits orders. Requests are checked against its parameters, and the documentation lists them.

use crate::dialect::ParameterKind::{Boolean, Dialect, FileName, OneOf, Organisation, Uuid};
use crate::dialect::{Action, EmptyBody, Operation, Parameter, WrongRoot};
use crate::json::Envelope;
use crate::order::organisation::Scope;

/// The routes of the dialect itself.
pub(super) static OPERATIONS: &[Operation] = &[Operation {
    name: "submit",
    method: "POST",
    path: "/v1/batches",
    scope: Some(Scope::OrdersWrite),
    action: Action::Submit {
        envelope: Envelope::OneOrMany,
        wrong_root: WrongRoot::Refuse,
        empty_body: EmptyBody::Malformed,
    },
    summary: "Submit a batch of orders",
    parameters: &[
        Parameter::query(
            "organisation",
            Organisation,
            "The organisation of orders that do not name one",
        ),
        Parameter::query(
            "policy",
            OneOf(&["partial", "all_or_nothing"]),
            "Whether valid orders are stored when others are rejected. Default: `partial`",
        ),
        Parameter::query(
            "results",
            OneOf(&["all", "rejected", "none"]),
            "Which results the response contains. Default: `all`",
        ),
        Parameter::query(
            "dialect",
            Dialect,
            "The dialect of the orders. Default: `native`",
        ),
        Parameter::query(
            "mends",
            Uuid,
            "The batch whose rejected orders are sent again. The receipt names it",
        ),
        Parameter::query("dry_run", Boolean, "Judge all orders and store nothing"),
        Parameter::header(
            "wharfinger-file-name",
            FileName,
            "The name of the file that the orders were read from, percent-encoded UTF-8. The receipt names it",
        ),
    ],
}];
