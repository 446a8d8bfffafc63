//! The limits that apply to a key's requests, and what it may do: what a client must know before it sends anything.

use std::time::Instant;

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::{OrgAccess, Scope};

use super::answer::ok;
use super::route::{Kind, Route};
use super::whoami::codes;
use crate::access::rates::Meter;
use crate::http::describe::Bodies;
use crate::intake::app::App;
use crate::intake::request_context::Call;

/// The route of limits.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "show_limits",
    method: "GET",
    path: "/v1/limits",
    scope: None,
    kind: Kind::Plain,
    summary: "Show request limits, permissions of the key, and its remaining rates",
    parameters: &[],
    bodies: Bodies::one::<LimitsView>,
    handler: |r| Box::pin(async move { show(r.app, r.call) }),
}];

/// The limits that apply to requests with this key.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Limits")]
struct LimitsView {
    /// Bytes of a body, after decompression. Imports have no such limit.
    body_bytes_max: usize,
    /// Orders in a batch. Imports have no such limit.
    orders_per_batch_max: usize,
    /// Bytes of one order's text.
    order_bytes_max: usize,
    /// Nesting levels of an order. The order itself is level 1.
    order_depth_max: usize,
    /// Hours that the response to a request with an `Idempotency-Key` is saved.
    idempotency_hours: u64,
    /// The codes of the organisations that the key reaches, in ascending order, at most the first 100.
    #[schemars(length(max = 100))]
    organisations: Vec<String>,
    /// Whether it reaches every organisation, including future ones.
    all_organisations: bool,
    /// The names of its scopes.
    #[schemars(extend("items" = {"type": "string", "enum": Scope::ALL.map(Scope::name)}))]
    scopes: Vec<&'static str>,
    /// The key's rates, and what is left of them. Null if the key has no rate limit.
    rates: Option<RatesView>,
}

/// Rates of a key, counted by this server process.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RatesLeft")]
struct RatesView {
    /// Requests that the key may send per second. Null if they are not limited.
    requests_per_second: Option<u32>,
    /// Requests that would be admitted now, after this one. Null if they are not limited.
    requests_left: Option<u64>,
    /// Orders that the key may send per second. Null if they are not limited.
    orders_per_second: Option<u32>,
    /// Orders that are left. A larger batch is accepted, and delays the requests that follow it. Null if they are not limited.
    orders_left: Option<u64>,
}

impl RatesView {
    fn of(meter: &Meter) -> Self {
        let allowance = meter.allowance(Instant::now());
        Self {
            requests_per_second: allowance.requests_per_second,
            requests_left: allowance.requests_left,
            orders_per_second: allowance.orders_per_second,
            orders_left: allowance.orders_left,
        }
    }
}

/// Shows the limits.
fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let limits = &app.limits;
    Ok(ok(&LimitsView {
        body_bytes_max: limits.body_bytes_max,
        orders_per_batch_max: limits.orders_per_batch_max,
        order_bytes_max: limits.order_bytes_max,
        order_depth_max: limits.order_depth_max,
        idempotency_hours: app.idempotency.kept_for().as_secs() / 3_600,
        organisations: codes(call).0,
        all_organisations: *call.authenticated.caller().reach == OrgAccess::All,
        scopes: call
            .authenticated
            .key()
            .scopes
            .iter()
            .map(|scope| scope.name())
            .collect(),
        rates: call.authenticated.meter().map(|meter| RatesView::of(meter)),
    }))
}
