//! Request and response bodies of the resource routes.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use wharfinger_core::decide::fulfilment;
use wharfinger_core::dialect::Resource;
use wharfinger_core::order::organisation::CatalogueMode;
use wharfinger_core::order::organisation::{ListSort, Scope};

use super::super::v1::answer::Page;
use super::super::v1::{audit, batches, erasure, imports, moves, orders, organisations, rejected};
use super::bodies::{Bodies, Content, problem, reference};
use super::catalogue;
use crate::access::rules::{CODE_CHARS_MAX, KeyView, RATE_MAX};
use crate::catalogue::{CustomerView, ProductView};

const DONE: &str = "Done, or already done before";
pub(super) const LINES: &str = "application/x-ndjson";
const EVENTS: &str = "text/event-stream";

/// The bodies of a resource's route.
pub(super) fn bodies(resource: Resource, generator: &mut SchemaGenerator) -> Bodies {
    match resource {
        Resource::ListBatches => page::<batches::Receipt>(generator),
        Resource::ShowBatch => one::<batches::Receipt>(generator),
        Resource::ListResults => {
            let mut bodies = page::<batches::OrderResult>(generator);
            let about = "All results, one per line, if the Accept header asks for this media type";
            bodies.answers[0].2.push(Content::text(LINES, about));
            bodies
        }
        Resource::ListRejected => rejected(generator),
        Resource::ReceiveImport => {
            let request = Content::text(LINES, "One order per line");
            let lines = Content::text("application/jsonl", "One order per line");
            let mut bodies = one::<imports::ImportView>(generator);
            bodies.request = vec![request, lines];
            bodies
        }
        Resource::ShowImport => {
            let mut bodies = one::<imports::ImportView>(generator);
            let about = "The import each time its progress changes, until it ends, if the Accept header asks for this media type";
            bodies.answers[0].2.push(Content::text(EVENTS, about));
            bodies
        }
        Resource::CancelImport => one::<imports::ImportView>(generator),
        Resource::ListOrders => listed(&reference("Order")),
        Resource::ShowOrder => shown_order(),
        Resource::ShowHistory => page::<orders::HistoryEntryView>(generator),
        Resource::ProcessOrder | Resource::CancelOrder => {
            let mut bodies = one::<moves::OrderMoveView<'_>>(generator);
            bodies.request = vec![Content::json(json!({"type": "object"}))];
            bodies
        }
        Resource::ProcessOrders | Resource::CancelOrders => many_moves(generator),
        Resource::FulfilOrder => report(),
        Resource::ListEvents => {
            let mut bodies = listed(&event());
            let about = "The events as they happen, each with its cursor as `id`, if the Accept header asks for this media type";
            bodies.answers[0].2.push(Content::text(EVENTS, about));
            bodies
        }
        Resource::ListOrganisations => page::<organisations::OrganisationView>(generator),
        Resource::CreateOrganisation => {
            made::<organisations::OrganisationView>(new_organisation(), generator)
        }
        Resource::ShowOrganisation => one::<organisations::OrganisationView>(generator),
        Resource::ChangeOrganisation => {
            let mut bodies = one::<organisations::OrganisationView>(generator);
            bodies.request = vec![Content::json(organisation_changes())];
            bodies.is_request_required = true;
            bodies
        }
        Resource::ListProducts => page::<ProductView>(generator),
        Resource::LoadProducts => catalogue::load(&catalogue::product(), generator),
        Resource::ListCustomers => page::<CustomerView>(generator),
        Resource::LoadCustomers => catalogue::load(&catalogue::customer(), generator),
        Resource::ListKeys => page::<KeyView>(generator),
        Resource::CreateKey => made::<KeyView>(new_key(), generator),
        Resource::RotateKey | Resource::RevokeKey => one::<KeyView>(generator),
        Resource::EraseCustomer => {
            let mut bodies = one::<erasure::ErasureView<'_>>(generator);
            bodies.request = vec![Content::json(customer())];
            bodies.is_request_required = true;
            bodies
        }
        Resource::ListAudit => page::<audit::AuditEntryView>(generator),
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Content {
    Content::json(generator.subschema_for::<T>())
}

fn page<T: JsonSchema>(generator: &mut SchemaGenerator) -> Bodies {
    let content = schema_of::<Page<T>>(generator);
    Bodies::answering(vec![(200, "A page", vec![content])])
}

fn one<T: JsonSchema>(generator: &mut SchemaGenerator) -> Bodies {
    let content = schema_of::<T>(generator);
    Bodies::answering(vec![(200, DONE, vec![content])])
}

fn made<T: JsonSchema>(request: Value, generator: &mut SchemaGenerator) -> Bodies {
    let content = schema_of::<T>(generator);
    Bodies {
        request: vec![Content::json(request)],
        is_request_required: true,
        answers: vec![(201, "Created", vec![content])],
    }
}

/// A page whose entries have no Rust type.
fn listed(entry: &Value) -> Bodies {
    let content = Content::json(json!({
        "type": "object",
        "required": ["data", "next"],
        "properties": {
            "data": {"type": "array", "items": entry},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page; null at the end"},
        },
    }));
    Bodies::answering(vec![(200, "A page", vec![content])])
}

fn rejected(generator: &mut SchemaGenerator) -> Bodies {
    let page = Value::from(generator.subschema_for::<Page<rejected::Rejected>>());
    let told = json!({
        "description": "The rejected orders with their errors. With form=resend: only the orders, in the dialect's envelope. With index: that order, as it was sent. The server keeps the texts of rejected orders for a set time (default: 30 days). After that, `order` is null, form=resend omits the order, and index gets 410.",
        "anyOf": [page, true],
    });
    let as_it_came = Content {
        media_type: "application/octet-stream",
        schema: None,
        example: None,
    };
    let contents = vec![Content::json(told), as_it_came];
    Bodies::answering(vec![(200, "The rejected orders", contents)])
}

fn shown_order() -> Bodies {
    let told = json!({
        "description": "The order; with the parameter `as`, in that form.",
        "anyOf": [reference("Order"), {"type": "object"}],
    });
    Bodies::answering(vec![(200, "The order", vec![Content::json(told)])])
}

fn many_moves(generator: &mut SchemaGenerator) -> Bodies {
    let told = Value::from(generator.subschema_for::<moves::OrderMovesView<'_>>());
    let content = || Content::json(told.clone());
    let request = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["ids"],
        "properties": {
            "ids": {
                "type": "array",
                "minItems": 1,
                "maxItems": moves::ORDERS_MAX,
                "items": {"type": "string", "minLength": 1, "description": "The id of an order; any other text gets unknown_order"},
            },
        },
    });
    let none = vec![content(), problem(generator)];
    Bodies {
        request: vec![Content::json(request)],
        is_request_required: true,
        answers: vec![
            (200, "Every order was changed", vec![content()]),
            (207, "Some orders were changed", vec![content()]),
            (
                422,
                "No order was changed. As problem details: the body is invalid",
                none,
            ),
        ],
    }
}

fn report() -> Bodies {
    let quantity = json!({"type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]{1,20}(\.[0-9]{1,10})?$"});
    let lines = json!({
        // An empty object counts as absent, like an empty array.
        "type": ["array", "object", "null"],
        "maxProperties": 0,
        "items": {
            "type": "object",
            "required": ["fulfilled_quantity"],
            "properties": {"fulfilled_quantity": quantity},
        },
        "description": "How much of each line was sent, in the order of the order's lines: the first ones or all",
    });
    let mut tracking_url = blank_or(r##"^https?://[!#-;=?-\[\]_a-z~]+$"##);
    tracking_url["maxLength"] = fulfilment::URL_CHARS_MAX.into();
    let properties = json!({
        "status": text(fulfilment::STATUS_CHARS_MAX),
        "ticket_number": text(fulfilment::TEXT_CHARS_MAX),
        "tracking_url": tracking_url,
        "picked_at": time(),
        "delivered_at": time(),
        "printed_at": time(),
        "printed_by": text(fulfilment::TEXT_CHARS_MAX),
        "lines": lines,
    });
    let says_something = fulfilment::ATTRIBUTES.iter().map(|name| {
        let said = json!({"type": ["string", "number", "array"], "pattern": r"\S", "minItems": 1});
        json!({"required": [name], "properties": {*name: said}})
    });
    let request = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "anyOf": says_something.collect::<Vec<_>>(),
    });
    Bodies {
        request: vec![Content::json(request)],
        is_request_required: true,
        answers: vec![(
            200,
            "The stored report",
            vec![Content::json(json!({"type": "object"}))],
        )],
    }
}

fn event() -> Value {
    let id = || json!({"type": ["string", "null"], "format": "uuid"});
    json!({
        "type": "object",
        "required": ["id", "type", "organisation", "at", "order_id", "batch_id"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": {"type": "string", "enum": [
                "order.accepted",
                "order.updated",
                "order.processed",
                "order.cancelled",
                "order.fulfilment",
                "batch.received",
            ]},
            "organisation": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
            "order_id": id(),
            "batch_id": id(),
            // The first sub-order of a split order. Only on the other sub-orders.
            "origin": {"type": "string", "format": "uuid"},
        },
    })
}

/// Schema of text that may be sent as text or a number. Null counts as absent.
pub(super) fn text(chars_max: usize) -> Value {
    json!({"type": ["string", "number", "null"], "maxLength": chars_max})
}

/// Pattern of blank text.
pub(super) const BLANK: &str = r"^\s*$";

/// Schema of text with this pattern. Blank text and null count as absent.
pub(super) fn blank_or(pattern: &str) -> Value {
    json!({"type": ["string", "null"], "pattern": format!("{BLANK}|{pattern}")})
}

/// Schema of a date or a time. Blank text and null count as absent.
fn time() -> Value {
    json!({
        "type": ["string", "null"],
        "anyOf": [{"format": "date-time"}, {"format": "date"}, {"pattern": BLANK}],
    })
}

pub(super) fn boolean() -> Value {
    json!({"enum": [true, false, 0, 1, "true", "false", "True", "False", "0", "1", "", null]})
}

fn catalogue_mode() -> Value {
    let [open, enforced] = CatalogueMode::ALL.map(CatalogueMode::name);
    json!({"enum": [open, enforced, "", null]})
}

fn list_sort() -> Value {
    let [descending, ascending] = ListSort::ALL.map(ListSort::name);
    json!({"enum": [descending, ascending, "", null]})
}

fn new_organisation() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["code"],
        "properties": {
            "code": {"type": ["string", "number"], "pattern": super::CODE_PATTERN, "maxLength": CODE_CHARS_MAX},
            "name": catalogue::text(),
            "customer_orders_enabled": boolean(),
            "catalogue": catalogue_mode(),
            "time_zone": {"type": ["string", "null"], "description": "An IANA time zone, such as Europe/Stockholm. Default: UTC"},
            "list_sort": list_sort(),
        },
    })
}

fn organisation_changes() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": catalogue::text(),
            "customer_orders_enabled": boolean(),
            "catalogue": catalogue_mode(),
            "time_zone": {"type": ["string", "null"], "description": "An IANA time zone, such as Europe/Stockholm. Default: UTC"},
            "list_sort": list_sort(),
        },
    })
}

/// Schema of an erasure request.
fn customer() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["organisation", "email"],
        "properties": {
            "organisation": {"type": ["string", "number"], "pattern": super::CODE_PATTERN, "maxLength": CODE_CHARS_MAX},
            "email": {"type": "string", "pattern": super::EMAIL_PATTERN, "description": "The customer's e-mail address, in any spelling"},
        },
    })
}

fn new_key() -> Value {
    let rate = || {
        let mut rate = blank_or("^[1-9][0-9]{0,8}$");
        rate["type"] = json!(["integer", "string", "null"]);
        rate["minimum"] = 1.into();
        rate["maximum"] = RATE_MAX.into();
        rate
    };
    let mut expires_in = blank_or("^0*[1-9][0-9]{0,4}[dhm]$");
    expires_in["description"] =
        "A number and a unit, such as 90d, 12h or 30m; not together with expires_at".into();
    let mut expires_at = time();
    expires_at["anyOf"] = json!([{"format": "date-time"}, {"pattern": BLANK}]);
    expires_at["description"] =
        "A time in the future, no later than the calling key expires".into();
    let scopes = Scope::ALL.map(Scope::name);
    let code = json!({"type": ["string", "number"], "pattern": super::CODE_PATTERN, "maxLength": CODE_CHARS_MAX});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["scopes"],
        "properties": {
            "organisations": {
                "type": ["array", "null"],
                "items": code,
                "description": "The codes of the organisations that the key reaches; absent if it reaches all",
            },
            "all_organisations": boolean(),
            "scopes": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": scopes}},
            "expires_at": expires_at,
            "expires_in": expires_in,
            "requests_per_second": rate(),
            "orders_per_second": rate(),
        },
        "anyOf": [
            {
                "required": ["all_organisations"],
                "properties": {
                    "all_organisations": {"enum": [true, 1, "true", "True", "1"]},
                    "organisations": {"type": "null"},
                },
            },
            {
                "required": ["organisations"],
                "properties": {
                    "all_organisations": {"enum": [false, 0, "false", "False", "0", "", null]},
                    "organisations": {"type": "array", "minItems": 1},
                },
            },
        ],
        "not": {
            "required": ["expires_at", "expires_in"],
            "properties": {
                "expires_at": {"type": "string", "pattern": r"\S"},
                "expires_in": {"type": "string", "pattern": r"\S"},
            },
        },
    })
}
