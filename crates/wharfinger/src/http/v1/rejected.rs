//! The rejected orders of a batch: their problems, and their texts for fixing and resending.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::HeaderValue;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use wharfinger_core::dialect::ParameterKind::{Number, OneOf};
use wharfinger_core::dialect::{Action, Dialect};
use wharfinger_core::dialects;
use wharfinger_core::json::{Envelope, NameCase};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::organisation::Scope;

use super::answer::{Items, Page, ok};
use super::batches::{all, find, streamed};
use super::cursor;
use super::input::{self, Listing};
use super::parameters::{AFTER, LIMIT, query};
use super::problems::{self, Problem};
use super::route::{Kind, Route};
use crate::http::describe::{Bodies, Content};
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::store::{OutcomeKind, ReadResults, ReceiptHead, Recorded, RecordedOutcome};

/// Routes of rejected orders.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "list_rejected",
    method: "GET",
    path: "/v1/batches/{id}/rejected",
    scope: Some(Scope::OrdersRead),
    kind: Kind::Plain,
    summary: "List the rejected orders of a batch",
    parameters: &[
        query(
            "form",
            OneOf(&["errors", "resend"]),
            "`errors`: each order with its errors. `resend`: only the orders, ready to be fixed and sent again. Default: `errors`",
        ),
        query(
            "index",
            Number(0, u32::MAX as u64),
            "Only the order at this position in the batch, counted from 0, exactly as it was sent",
        ),
        LIMIT,
        AFTER,
    ],
    bodies,
    handler: |r| Box::pin(list(r.app, r.call)),
}];

/// A rejected order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RejectedOrder")]
struct Rejected {
    /// The order's position in the batch, from 0.
    index: u32,
    /// The id of the order among rejections.
    #[schemars(extend("format" = "uuid"))]
    rejection_id: String,
    /// The line of the order, from 1, in an NDJSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// The name that the sender gave the order in the batch.
    name: Option<String>,
    /// The order as it was sent; null if it was not JSON, or is no longer kept.
    #[schemars(with = "serde_json::Value")]
    order: Option<Box<RawValue>>,
    /// The text that was sent, if it was not JSON and is still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    errors: Vec<Problem>,
    /// Warnings about the order, such as a misspelt attribute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

/// Describes the responses.
fn bodies(generator: &mut SchemaGenerator) -> Bodies {
    let page = Value::from(generator.subschema_for::<Page<Rejected>>());
    let json = json!({
        "description": "The rejected orders with their errors. With form=resend: only the orders, in the dialect's envelope. With index: that order, as it was sent. The server keeps the texts of rejected orders for a set time (default: 30 days). After that, `order` is null, form=resend omits the order, and index gets 410.",
        "anyOf": [page, true],
    });
    let as_sent = Content {
        media_type: "application/octet-stream",
        schema: None,
        example: None,
    };
    Bodies::ok("The rejected orders", Content::json(json)).or(as_sent)
}

/// The failure if texts were requested that are no longer kept.
fn texts_gone(app: &App) -> RequestFailure {
    let days = app.rejected_days;
    let what = format!(
        "The texts of rejected orders are kept for {days} days; to read their errors, omit the parameters form and index"
    );
    RequestFailure::Gone { what, first: None }
}

/// Lists rejected orders: with their problems, or only their texts for resending, or a single order as it was sent.
async fn list(app: &Arc<App>, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let is_resend = listing
        .query
        .read("form", "errors or resend", |form| match form {
            "errors" => Some(false),
            "resend" => Some(true),
            _ => None,
        })?;
    let index = listing
        .query
        .read("index", "a position in the batch, from 0", |text| {
            text.parse().ok()
        })?;
    let after = listing.after.map(|after| cursor::read("rejected", after));
    let head = find(app, call).await?;
    let request = ReadResults {
        batch: head.id,
        visible: call.visible(),
        only: Some(OutcomeKind::Rejected),
        after: after.transpose()?,
        limit: listing.limit,
    };
    if let Some(index) = index {
        return one_as_it_came(app, call, request, index).await;
    }
    if is_resend == Some(true) {
        return resend(app, call, &head, request).await;
    }
    let names = problems::names(&head.dialect);
    let page = app.store.results(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    let (mut items, mut last, mut next) = (Items::default(), None, page.next);
    for recorded in page.results {
        let index = recorded.index;
        let Some(rejected) = rejection(recorded, head.id, names) else {
            continue;
        };
        if !items.add(&rejected) {
            next = last;
            break;
        }
        last = Some(index);
    }
    Ok(ok(&Page {
        data: items.data,
        next: next.map(|index| cursor::write("rejected", &index)),
    }))
}

/// The bytes of one rejected order.
async fn one_as_it_came(
    app: &App,
    call: &Call<'_>,
    request: ReadResults,
    index: u32,
) -> Result<Response, RequestFailure> {
    let request = ReadResults {
        after: index.checked_sub(1),
        limit: 1,
        ..request
    };
    let page = app.store.results(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    let found = page
        .results
        .into_iter()
        .find(|recorded| recorded.index == index);
    match found.map(|recorded| recorded.outcome) {
        Some(RecordedOutcome::Rejected(rejection)) => {
            let text = rejection.text.ok_or_else(|| texts_gone(app))?;
            let is_json = is_json(&text);
            let media_type = HeaderValue::from_static(if is_json {
                "application/json"
            } else {
                "text/plain; charset=utf-8"
            });
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert("content-type", media_type);
            Ok(response)
        }
        _ => Err(input::not_found("Rejected order", &index)),
    }
}

/// The orders only, in the envelope of their dialect. Texts that are not JSON or no longer kept are left out; a header field
/// counts them.
async fn resend(
    app: &Arc<App>,
    call: &Call<'_>,
    head: &ReceiptHead,
    request: ReadResults,
) -> Result<Response, RequestFailure> {
    let is_named = dialects::find(&head.dialect).is_some_and(takes_names);
    let (mut left_out, mut gone, mut sent) = (0_u64, 0_u64, 0_u64);
    let mut orders = std::pin::pin!(all(app, request.clone()));
    while let Some(recorded) = orders.next().await {
        let recorded = recorded.map_err(|error| call.failure(error))?;
        match json_of(&recorded) {
            Some(_) => sent += 1,
            None => left_out += 1,
        }
        gone += u64::from(is_gone(&recorded));
    }
    if sent == 0 && gone > 0 {
        return Err(texts_gone(app));
    }
    let (open, close) = if is_named { ("{", "}") } else { ("[", "]") };
    let mut is_first = true;
    let orders = all(app, request).try_filter_map(move |recorded| {
        let piece = json_of(&recorded).map(|order| {
            let comma = if std::mem::take(&mut is_first) {
                ""
            } else {
                ","
            };
            let name = match (&recorded.name, is_named) {
                (Some(name), true) => format!("{}:", serde_json::Value::from(name.as_str())),
                _ => String::new(),
            };
            Bytes::from(format!("{comma}{name}{order}"))
        });
        std::future::ready(Ok(piece))
    });
    let around = |text: &'static str| futures_util::stream::iter([Ok(Bytes::from(text))]);
    let body = around(open).chain(orders).chain(around(close));
    let mut response = streamed("application/json", body);
    let field = HeaderValue::from(left_out);
    response.headers_mut().insert("wharfinger-left-out", field);
    Ok(response)
}

/// Whether a batch of this dialect is an object of named orders.
fn takes_names(dialect: &dyn Dialect) -> bool {
    dialect
        .operations()
        .iter()
        .any(|operation| match operation.action {
            Action::Submit { envelope, .. } => {
                matches!(envelope, Envelope::Object | Envelope::ObjectOrArray)
            }
            Action::List
            | Action::Stream
            | Action::Show
            | Action::Withdraw
            | Action::Resource { .. } => false,
        })
}

/// The text of a rejected order, if it is JSON.
fn json_of(recorded: &Recorded) -> Option<&str> {
    let RecordedOutcome::Rejected(rejection) = &recorded.outcome else {
        return None;
    };
    rejection.text.as_deref().filter(|text| is_json(text))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether the text of a rejected order is no longer kept.
fn is_gone(recorded: &Recorded) -> bool {
    match &recorded.outcome {
        RecordedOutcome::Rejected(rejection) => rejection.text.is_none(),
        RecordedOutcome::Accepted(_)
        | RecordedOutcome::Updated(..)
        | RecordedOutcome::Unchanged(..)
        | RecordedOutcome::Withheld => false,
    }
}

fn rejection(recorded: Recorded, batch: BatchId, names: NameCase) -> Option<Rejected> {
    let RecordedOutcome::Rejected(rejection) = recorded.outcome else {
        return None;
    };
    let errors = problems::errors(&rejection, names);
    let (order, text) = match rejection.text {
        None => (None, None),
        Some(text) => match RawValue::from_string(text.clone()) {
            Ok(order) => (Some(order), None),
            Err(_) => (None, Some(text)),
        },
    };
    Some(Rejected {
        index: recorded.index,
        rejection_id: batch.order(recorded.index).to_string(),
        line: recorded.line,
        name: recorded.name,
        order,
        text,
        errors,
        warnings: problems::warnings(&recorded.warnings),
    })
}
