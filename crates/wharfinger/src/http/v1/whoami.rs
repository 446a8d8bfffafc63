//! The calling key: who it is, and what it may do.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::{OrgAccess, Scope};

use super::answer::{ok, time};
use super::route::{Kind, Route};
use crate::http::describe::Bodies;
use crate::intake::request_context::Call;

/// The route of the calling key.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "show_whoami",
    method: "GET",
    path: "/v1/whoami",
    scope: None,
    kind: Kind::Plain,
    summary: "Show the calling key, its scopes and its organisations",
    parameters: &[],
    bodies: Bodies::one::<WhoamiView>,
    handler: |r| Box::pin(async move { show(r.call) }),
}];

/// Organisations that the response names, at most.
const ORGANISATIONS_MAX: usize = 100;

/// The calling key.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Whoami")]
struct WhoamiView {
    key: KeyView,
    /// The names of its scopes.
    #[schemars(extend("items" = {"type": "string", "enum": Scope::ALL.map(Scope::name)}))]
    scopes: Vec<&'static str>,
    /// The codes of the organisations that the key reaches, in ascending order, at most the first 100.
    #[schemars(length(max = 100))]
    organisations: Vec<String>,
    /// How many there are.
    organisations_total: u64,
    /// Whether it reaches every organisation, including future ones.
    all_organisations: bool,
}

/// The key itself.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "WhoamiKey")]
struct KeyView {
    id: String,
    /// Whether it is for tests: it may ask for failures.
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
}

/// The codes of the organisations that the caller reaches, in ascending order, and how many there are. At most
/// [`ORGANISATIONS_MAX`] are named, because a key may reach any number of them.
pub(super) fn codes(call: &Call<'_>) -> (Vec<String>, u64) {
    let reached = call.authenticated.caller().reached().into_iter();
    let mut codes: Vec<&str> = reached
        .map(|organisation| organisation.code.as_str())
        .collect();
    codes.sort_unstable();
    let total = codes.len() as u64;
    let shown = codes.into_iter().take(ORGANISATIONS_MAX);
    (shown.map(str::to_owned).collect(), total)
}

/// Shows the calling key.
fn show(call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let key = call.authenticated.key();
    let (organisations, organisations_total) = codes(call);
    Ok(ok(&WhoamiView {
        key: KeyView {
            id: key.id.clone(),
            test: key.is_test,
            expires_at: key.expires_at_ms.map(time),
        },
        scopes: key.scopes.iter().map(|scope| scope.name()).collect(),
        organisations,
        organisations_total,
        all_organisations: *call.authenticated.caller().reach == OrgAccess::All,
    }))
}
