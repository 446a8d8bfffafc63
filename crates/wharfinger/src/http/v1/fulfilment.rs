//! Fulfilment reports of orders.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use schemars::SchemaGenerator;
use serde_json::json;
use wharfinger_core::convert::Report;
use wharfinger_core::decide::fulfilment::{ATTRIBUTES, Fulfilment};
use wharfinger_core::decide::fulfilment::{STATUS_CHARS_MAX, TEXT_CHARS_MAX, URL_CHARS_MAX};
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;

use super::super::answer::respond_with;
use super::route::{Kind, Route};
use super::transitions::RefusedAt;
use super::{input, orders};
use crate::http::describe::{self, Bodies, Content, blank_or, object, text};
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::request_context::Call;
use crate::store::{Fulfil, FulfilledOrder};

/// Routes of fulfilment reports.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "fulfil_order",
    method: "PUT",
    path: "/v1/orders/{id}/fulfilment",
    scope: Some(Scope::OrdersWrite),
    kind: Kind::Plain,
    summary: "Report the fulfilment of an order",
    parameters: &[],
    bodies,
    handler: |r| Box::pin(report(r.app, r.call, r.headers, r.body)),
}];

fn bodies(_: &mut SchemaGenerator) -> Bodies {
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
    tracking_url["maxLength"] = URL_CHARS_MAX.into();
    let properties = json!({
        "status": text(STATUS_CHARS_MAX),
        "ticket_number": text(TEXT_CHARS_MAX),
        "tracking_url": tracking_url,
        "picked_at": describe::time(),
        "delivered_at": describe::time(),
        "printed_at": describe::time(),
        "printed_by": text(TEXT_CHARS_MAX),
        "lines": lines,
    });
    let says_something = ATTRIBUTES.iter().map(|name| {
        let said = json!({"type": ["string", "number", "array"], "pattern": r"\S", "minItems": 1});
        json!({"required": [name], "properties": {*name: said}})
    });
    let mut request = object(&[], &properties);
    request["anyOf"] = says_something.collect();
    let stored = Content::json(json!({"type": "object"}));
    Bodies::ok("The stored report", stored).takes(Content::json(request))
}

/// Stores a report on the order in the path, replacing the previous one.
async fn report(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let found = orders::find(app, call).await?;
    let id = found.order.id;
    let body = input::body(app, call, headers, body).await?;
    let dialect = dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?;
    let order_lines = dialect.canonical(&found.order).lines.len();
    let fulfilment = input::strict_object(app, &body, ATTRIBUTES, |form| {
        Fulfilment::read(form, order_lines)
    })?;
    let refusal = RefusedAt::of(call);
    let encode = move |kept: &FulfilledOrder| match kept {
        Ok(report) => Reply::json(200, &Report::of(report)),
        Err(refused) => refusal.conflict(refused.state, refused.code, &id, "fulfilled"),
    };
    let key_id = call.authenticated.key_id().to_owned();
    let reach = call.authenticated.caller().reach.clone();
    let change = async |save_reply| {
        let request = Fulfil {
            id,
            reach,
            fulfilment,
            key_id,
            save_reply,
        };
        let kept = app.store.fulfil(request).await?;
        Ok((kept.result, kept.reply))
    };
    let idempotency = &app.idempotency;
    let answered = idempotency.change(call, &body[..], SaveAs::Plain, encode, change);
    Ok(respond_with(answered.await?))
}
