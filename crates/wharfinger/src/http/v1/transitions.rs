//! State changes of orders: process and cancel.

use std::fmt::Display;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use schemars::JsonSchema;
use schemars::SchemaGenerator;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialect::{Dialect, Operation, Reply};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::{Code, Problem};
use wharfinger_core::reading::form::Need;
use wharfinger_core::reading::validate;

use super::super::answer::respond_with;
use super::input;
use super::route::{Kind, Route};
use crate::http::describe::{Bodies, Content, object};
use crate::intake::app::App;
use crate::intake::idempotency::{Answered, SaveAs};
use crate::intake::request_context::Call;
use crate::store::{TransitionById, TransitionResult};

/// Most orders in one request.
const ORDERS_MAX: usize = 10_000;

/// An order cancelled through the native API keeps its key.
pub(super) const CANCEL: Move = Move::Cancel { release_key: false };

/// Routes that change the states of orders.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "process_orders",
        method: "POST",
        path: "/v1/orders/process",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Mark several orders as processed",
        parameters: &[],
        bodies: many_bodies,
        handler: |r| Box::pin(many(r.app, r.call, r.headers, r.body, Move::Process)),
    },
    Route {
        name: "cancel_orders",
        method: "POST",
        path: "/v1/orders/cancel",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Cancel several orders",
        parameters: &[],
        bodies: many_bodies,
        handler: |r| Box::pin(many(r.app, r.call, r.headers, r.body, CANCEL)),
    },
    Route {
        name: "process_order",
        method: "POST",
        path: "/v1/orders/{id}/process",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Mark an order as processed",
        parameters: &[],
        bodies: one_bodies,
        handler: |r| Box::pin(one(r.app, r.call, r.headers, r.body, Move::Process)),
    },
    Route {
        name: "cancel_order",
        method: "POST",
        path: "/v1/orders/{id}/cancel",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Cancel an order",
        parameters: &[],
        bodies: one_bodies,
        handler: |r| Box::pin(one(r.app, r.call, r.headers, r.body, CANCEL)),
    },
];

/// The outcome for one order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OrderMove")]
struct TransitionView<'m> {
    order_id: &'m str,
    #[schemars(extend("enum" = ["processed", "cancelled", "rejected"]))]
    outcome: &'static str,
    /// The current state of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = State::ALL.map(State::name)))]
    state: Option<&'static str>,
    /// Why the order was not changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

fn view<'m>(order_id: &'m str, changed: &TransitionResult) -> TransitionView<'m> {
    match changed {
        Ok(state) => TransitionView {
            order_id,
            outcome: state.name(),
            state: Some(state.name()),
            code: None,
            message: None,
        },
        Err(refused) => TransitionView {
            order_id,
            outcome: "rejected",
            state: refused.state.map(State::name),
            code: Some(refused.code.id()),
            message: Some(Problem::with_order(refused.code).to_string()),
        },
    }
}

/// The outcomes for several orders.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OrderMoves")]
struct TransitionsView<'m> {
    results: Vec<TransitionView<'m>>,
}

fn one_bodies(generator: &mut SchemaGenerator) -> Bodies {
    let request = Content::json(json!({"type": "object"}));
    Bodies::one::<TransitionView<'_>>(generator).may_have(request)
}

fn many_bodies(generator: &mut SchemaGenerator) -> Bodies {
    let mut content = || Content::json_of::<TransitionsView<'_>>(generator);
    let (all, some, none) = (content(), content(), content());
    let ids = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": ORDERS_MAX,
        "items": {"type": "string", "minLength": 1, "description": "The id of an order; any other text gets unknown_order"},
    });
    let request = Content::json(object(&["ids"], &json!({"ids": ids})));
    Bodies::answering(vec![
        (200, "Every order was changed", vec![all]),
        (207, "Some orders were changed", vec![some]),
        (
            422,
            "No order was changed. With problem details: the body is invalid",
            vec![none, Content::problem(generator)],
        ),
    ])
    .takes(request)
}

/// Changes the state of the order in the path.
async fn one(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
    wanted: Move,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let id = input::id(call, "Order")?;
    let body = input::body(app, call, headers, body).await?;
    if !body.is_empty() {
        // The body is optional, but must be an object.
        input::object(app, &body, |_| ())?;
    }
    let refusal = RefusedAt::of(call);
    let encode = move |changed: &[TransitionResult]| match &changed[0] {
        Ok(_) => Reply::json(200, &view(&id.to_string(), &changed[0])),
        Err(refused) => refusal.refuse(refused.state, refused.code, &id, wanted),
    };
    let ids = vec![OrderId::from_bytes(id.into_bytes())];
    let answered = change_all(app, call, &body, ids, (wanted, None), encode).await?;
    Ok(respond_with(answered))
}

/// Changes the state of each order in the body's list of ids. Responds with 200 if all were changed, 207 if some were, and 422
/// if none was.
async fn many(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
    wanted: Move,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let body = input::body(app, call, headers, body).await?;
    let texts = ids_in(app, &body)?;
    let ids = texts.iter().map(|text| order_id(text)).collect();
    let encode = move |changed: &[TransitionResult]| {
        let count = changed.iter().filter(|changed| changed.is_ok()).count();
        let status = match count {
            0 => 422,
            count if count == changed.len() => 200,
            _ => 207,
        };
        let pairs = texts.iter().zip(changed);
        let results = pairs.map(|(text, changed)| view(text, changed)).collect();
        Reply::json(status, &TransitionsView { results })
    };
    let answered = change_all(app, call, &body, ids, (wanted, None), encode).await?;
    Ok(respond_with(answered))
}

pub(super) async fn change_all(
    app: &App,
    call: &Call<'_>,
    body: &Bytes,
    ids: Vec<OrderId>,
    (wanted, note): (Move, Option<String>),
    encode: impl Fn(&[TransitionResult]) -> Reply + Clone + Send + Sync + 'static,
) -> Result<Answered, RequestFailure> {
    let key_id = call.authenticated.key_id().to_owned();
    let reach = call.authenticated.caller().reach.clone();
    let change = async |save_reply| {
        let request = TransitionById {
            ids,
            reach,
            wanted,
            note,
            key_id,
            save_reply,
        };
        let changed = app.store.transition_by_id(request).await?;
        Ok((changed.results, changed.reply))
    };
    let idempotency = &app.idempotency;
    idempotency
        .change(call, &body[..], SaveAs::Plain, encode, change)
        .await
}

/// The strings of `{"ids": [...]}`.
fn ids_in(app: &App, body: &[u8]) -> Result<Vec<String>, RequestFailure> {
    let ids = input::strict_object(app, body, &["ids"], |form| {
        let mut ids = Vec::new();
        form.scalars("ids", Need::Mandatory, |value| {
            let id = value.text().ok_or(Code::NotText)?;
            ids.push(id.into_owned());
            validate::Checked::Ok(())
        });
        ids
    })?;
    if ids.len() > ORDERS_MAX {
        return Err(RequestFailure::TooManyOrders {
            orders_max: ORDERS_MAX,
        });
    }
    Ok(ids)
}

/// Parses an order id. An invalid one maps to an id that no order has, so that the other ids are still processed.
fn order_id(text: &str) -> OrderId {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    OrderId::from_bytes(id.unwrap_or_default().into_bytes())
}

/// The context of a request for writing a refusal after the store has decided.
#[derive(Clone)]
pub(super) struct RefusedAt {
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    path: String,
}

impl RefusedAt {
    /// The context of a call.
    pub(super) fn of(call: &Call<'_>) -> Self {
        let path = call.target.split('?').next().unwrap_or_default();
        Self {
            dialect: call.dialect,
            operation: call.operation,
            path: path.to_owned(),
        }
    }

    pub(super) fn refuse(
        &self,
        state: Option<State>,
        code: Code,
        id: &Uuid,
        wanted: Move,
    ) -> Reply {
        let verb = match wanted {
            Move::Process => "processed",
            Move::Cancel { .. } => "cancelled",
            Move::Release => "released",
            Move::Refuse => "refused",
        };
        self.conflict(state, code, id, verb)
    }

    /// The response if the order does not exist, or its state does not allow the change.
    pub(super) fn conflict(
        &self,
        state: Option<State>,
        code: Code,
        id: &impl Display,
        verb: &str,
    ) -> Reply {
        self.failure(&match state {
            None => input::not_found("Order", id),
            Some(state) => {
                let problem = Problem::with_order(code);
                let state = state.name();
                RequestFailure::Conflict(format!(
                    "The order is {state} and cannot be {verb}: {problem}"
                ))
            }
        })
    }

    /// The response for a failure.
    pub(super) fn failure(&self, failure: &RequestFailure) -> Reply {
        self.dialect
            .refuse(Some(self.operation), failure, &self.path)
    }
}
