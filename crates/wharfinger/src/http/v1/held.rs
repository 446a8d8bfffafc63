//! Held orders: release, refuse, and mend the text of an order.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::ParameterKind::{Boolean, Number};
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::outcome::{Outcome, State};
use wharfinger_core::reading::validate;

use super::super::answer::respond_with;
use super::parameters::query;
use super::route::{Kind, Route};
use super::transitions::{self, RefusedAt};
use super::{input, orders};
use crate::http::describe::{Bodies, Content, line_text, object};
use crate::intake::app::App;
use crate::intake::mending::{Mended, mend, refuse_others};
use crate::intake::request_context::Call;
use crate::store::{MEND_ORDER, TransitionResult};

/// Most characters of a note.
const NOTE_CHARS_MAX: usize = 1_000;
/// The last revision that an order can have.
const REVISION_MAX: u64 = u32::MAX as u64;

/// Routes of held orders.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "release_order",
        method: "POST",
        path: "/v1/orders/{id}/release",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Release a held order, so that it goes on",
        parameters: &[],
        bodies: settled_bodies,
        handler: |r| Box::pin(settle(r.app, r.call, r.headers, r.body, Move::Release)),
    },
    Route {
        name: "refuse_order",
        method: "POST",
        path: "/v1/orders/{id}/refuse",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Refuse a held order, which is then cancelled",
        parameters: &[],
        bodies: settled_bodies,
        handler: |r| Box::pin(settle(r.app, r.call, r.headers, r.body, Move::Refuse)),
    },
    Route {
        name: MEND_ORDER,
        method: "PUT",
        path: "/v1/orders/{id}/text",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::TakesOneOrder,
        summary: "Replace the text of an order that is not final, in its own dialect",
        parameters: &[
            query("dry_run", Boolean, "Judge the text and store nothing"),
            query(
                "revision",
                Number(1, REVISION_MAX),
                "Replace the text of this revision only: 409 if the order has another one by now",
            ),
        ],
        bodies: |generator| {
            let order = json!({"type": "object", "description": "The order, in the dialect that it was submitted in"});
            Bodies::one::<MendedView>(generator).takes(Content::json(order))
        },
        handler: |r| Box::pin(text(r.app, r.call, r.headers, r.body)),
    },
];

/// Why a rule holds an order.
#[derive(JsonSchema)]
#[schemars(rename = "Hold")]
#[expect(dead_code, reason = "describes the JSON of the core's type")]
pub(super) struct HoldView {
    /// The name of the rule.
    rule: String,
    /// The sentence of the rule.
    sentence: String,
    /// Why the rule could not be evaluated on the order.
    error: Option<String>,
}

/// A held order that was released or refused.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SettledOrder")]
struct SettledView {
    #[schemars(extend("format" = "uuid"))]
    order_id: String,
    #[schemars(extend("enum" = ["released", "refused"]))]
    outcome: &'static str,
    #[schemars(extend("enum" = ["pending", "cancelled"]))]
    state: &'static str,
}

/// The result of replacing the text of an order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MendedOrder")]
struct MendedView {
    /// Whether this is the answer to a dry run, which stores nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    #[schemars(extend("format" = "uuid"))]
    order_id: String,
    /// The batch of the new revision. Its receipt names the API key.
    #[schemars(extend("format" = "uuid"))]
    batch_id: String,
    #[schemars(extend("enum" = ["updated", "unchanged"]))]
    outcome: &'static str,
    revision: u32,
    #[schemars(extend("enum" = ["draft", "held", "pending"]))]
    state: &'static str,
    /// The name of the rule that holds the order now.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
}

fn settled_bodies(generator: &mut SchemaGenerator) -> Bodies {
    let request = object(&[], &json!({"note": line_text(NOTE_CHARS_MAX)}));
    Bodies::one::<SettledView>(generator).may_have(Content::json(request))
}

/// Releases or refuses the order in the path.
async fn settle(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
    wanted: Move,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let id = input::id(call, "Order")?;
    let body = input::body(app, call, headers, body).await?;
    let note = note_in(app, &body)?;
    let refusal = RefusedAt::of(call);
    let encode = move |changed: &[TransitionResult]| match changed[0] {
        Ok(state) => Reply::json(
            200,
            &SettledView {
                order_id: id.to_string(),
                outcome: match wanted {
                    Move::Refuse => "refused",
                    Move::Release | Move::Process | Move::Cancel { .. } => "released",
                },
                state: state.name(),
            },
        ),
        Err(refused) => refusal.refuse(refused.state, refused.code, &id, wanted),
    };
    let ids = vec![OrderId::from_bytes(id.into_bytes())];
    let answered = transitions::change_all(app, call, &body, ids, (wanted, note), encode).await?;
    Ok(respond_with(answered))
}

/// The note of an optional body `{"note": …}`.
fn note_in(app: &App, body: &Bytes) -> Result<Option<String>, RequestFailure> {
    if body.is_empty() {
        return Ok(None);
    }
    input::strict_object(app, body, &["note"], |form| {
        let note = form.optional("note", validate::line_text(NOTE_CHARS_MAX));
        note.map(Into::into)
    })
}

/// Replaces the text of the order in the path.
async fn text(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    let query = Query::new(&call.head, call.operation)?;
    let wanted = "a revision, from 1";
    let of_revision = query.read("revision", wanted, |value| {
        value.parse().ok().filter(|revision| *revision > 0)
    })?;
    let found = orders::find(app, call).await?;
    let body = input::body(app, call, headers, body).await?;
    refuse_others(&body)?;
    let id = input::id(call, "Order")?;
    let dry_run = call.dry_run;
    let was_draft = found.order.state == State::Draft;
    let refusal = RefusedAt::of(call);
    let encode = move |mended: &Mended<'_>| match mended.outcome {
        Outcome::Accepted(taken) | Outcome::Updated(taken) | Outcome::Unchanged(taken) => {
            let state = match (&taken.held, was_draft) {
                (Some(_), _) => State::Held,
                (None, true) => State::Draft,
                (None, false) => State::Pending,
            };
            let view = MendedView {
                dry_run,
                order_id: id.to_string(),
                batch_id: mended.batch.to_string(),
                outcome: mended.outcome.name(),
                revision: taken.revision,
                state: state.name(),
                rule: taken.held.as_deref().map(str::to_owned),
            };
            let reply = Reply::json(200, &view);
            let reply = reply.with_header("wharfinger-batch-id", mended.batch.to_string());
            if dry_run {
                reply.with_header("wharfinger-dry-run", "true")
            } else {
                reply
            }
        }
        Outcome::Rejected(problems) => {
            // It changed after it was read.
            let why = problems.first().map(ToString::to_string);
            let why = why.unwrap_or_default();
            refusal.failure(&RequestFailure::Conflict(format!(
                "The text cannot be replaced: {why}"
            )))
        }
        Outcome::Withheld => refusal.failure(&RequestFailure::Internal),
    };
    let answered = mend(app, call, (&found, of_revision), &body, encode).await?;
    Ok(respond_with(answered))
}
