//! Erases a person from the orders of an organisation.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::problem::Code;
use wharfinger_core::reading::validate;

use super::super::answer::respond_with;
use super::input;
use super::route::{Kind, Route};
use crate::http::describe::{self, Bodies, Content, EMAIL_PATTERN, object};
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::request_context::Call;
use crate::store::{EraseCustomer, Erasure};

/// Routes of persons.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "erase_customer",
    method: "POST",
    path: "/v1/customers/erase",
    scope: Some(Scope::Admin),
    kind: Kind::Plain,
    summary: "Erase the data of a person",
    parameters: &[],
    bodies: |generator| {
        let request = object(
            &["organisation", "email"],
            &json!({
                "organisation": describe::code(),
                "email": {"type": "string", "pattern": EMAIL_PATTERN, "description": "The customer's e-mail address, in any spelling"},
            }),
        );
        Bodies::one::<ErasureView<'_>>(generator).takes(Content::json(request))
    },
    handler: |r| Box::pin(erase(r.app, r.call, r.headers, r.body)),
}];

/// What was erased.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Erasure")]
struct ErasureView<'e> {
    organisation: &'e str,
    /// Orders that were erased: only their retained fields are left.
    orders: u64,
    /// How many of them were open and are now cancelled.
    cancelled: u64,
    /// Erased entries of the customer list: at most one.
    customers: u64,
    /// Rejected orders whose texts were erased.
    rejected: u64,
    /// Responses saved for an Idempotency-Key that were erased.
    answers: u64,
    /// Attempts to deliver events of the organisation whose answers were erased.
    attempts: u64,
    /// The ids of destinations that have got events of the organisation. Whoever runs their receivers must erase the customer there.
    delivered_to: Vec<String>,
    /// Whether the database file was rewritten. If it was not, copies of short orders may remain in its unused parts.
    compacted: bool,
}

/// Erases the customer in the body.
async fn erase(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let body = input::body(app, call, headers, body).await?;
    let known = &["organisation", "email"];
    let (organisation, email) = input::strict_object(app, &body, known, |form| {
        let organisation = form.mandatory("organisation", |code| {
            let code = validate::text(code)?;
            let found = call.authenticated.caller().organisation(&code);
            found.ok_or(Code::UnknownOrganisation)
        });
        let email = form.mandatory("email", validate::email);
        (organisation, email.map(Into::<String>::into))
    })?;
    // Both are present: a missing one was reported as a problem of the body.
    let organisation = organisation.ok_or(RequestFailure::Internal)?;
    let request = |save_reply| EraseCustomer {
        organisation: organisation.id,
        email: email.unwrap_or_default(),
        who: call.authenticated.key_id().to_owned(),
        compact: false,
        save_reply,
    };
    let code = organisation.code.clone();
    let encode = move |erased: &Erasure| {
        let view = ErasureView {
            organisation: &code,
            orders: erased.orders,
            cancelled: erased.cancelled,
            customers: erased.customers,
            rejected: erased.rejected,
            answers: erased.answers,
            attempts: erased.attempts,
            delivered_to: erased.delivered_to.iter().map(Uuid::to_string).collect(),
            compacted: erased.compacted,
        };
        Reply::json(200, &view)
    };
    let change = async |save_reply| {
        let erased = app.store.erase_customer(request(save_reply)).await?;
        Ok((erased.erasure, erased.reply))
    };
    let idempotency = &app.idempotency;
    let answered = idempotency.change(call, &body[..], SaveAs::Plain, encode, change);
    Ok(respond_with(answered.await?))
}
