//! The audit log: who changed organisations, keys, destinations and orders.

use std::collections::HashSet;

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use wharfinger_core::dialect::ParameterKind::OneOf;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::{OrgAccess, Scope};

use super::answer::{Page, ok, time};
use super::cursor;
use super::input::Listing;
use super::keys::directory;
use super::parameters::{AFTER, LIMIT, query};
use super::route::{Kind, Route};
use crate::access::rules::is_seen_by;
use crate::http::describe::Bodies;
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::store::{AuditEntry, ReadAudit};

/// The kinds of changes that can be asked for.
const KINDS: [&str; 5] = ["organisation", "key", "destination", "order", "rejection"];

/// Routes of the audit log.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "list_audit",
    method: "GET",
    path: "/v1/audit",
    scope: Some(Scope::Admin),
    kind: Kind::Plain,
    summary: "List administrative changes and changes of orders, newest first",
    parameters: &[
        query("kind", OneOf(&KINDS), "Only changes of this kind"),
        LIMIT,
        AFTER,
    ],
    bodies: Bodies::page::<AuditEntryView>,
    handler: |r| Box::pin(list(r.app, r.call)),
}];

/// An entry of the audit log.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AuditEntry")]
struct AuditEntryView {
    id: i64,
    #[schemars(extend("format" = "date-time"))]
    at: String,
    who: String,
    action: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "serde_json::Value")]
    details: Option<Box<RawValue>>,
}

/// Lists changes to the organisations that the calling key can access, and to the keys and destinations that it can see, newest first.
async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let before = match listing.after {
        Some(after) => Some(cursor::read("audit", after)?),
        None => None,
    };
    let kind = listing.query.read("kind", &KINDS.join(", "), |name| {
        KINDS.into_iter().find(|kind| *kind == name)
    })?;
    let request = ReadAudit {
        before,
        kind,
        limit: listing.limit,
        about: visible(app, call).await?,
    };
    let page = app.store.audit(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    let entries = page.entries.into_iter().map(|entry| AuditEntryView {
        id: entry.id,
        at: time(entry.at_ms),
        who: entry.who,
        action: entry.action,
        subject: entry.subject,
        details: entry
            .details
            .and_then(|details| RawValue::from_string(details).ok()),
    });
    Ok(ok(&Page {
        data: entries.collect(),
        next: page.next.map(|next| cursor::write("audit", &next)),
    }))
}

/// The subjects that the calling key may read about. `None` for all.
async fn visible(app: &App, call: &Call<'_>) -> Result<Option<HashSet<String>>, RequestFailure> {
    let key = call.authenticated.key();
    if key.reach == OrgAccess::All {
        return Ok(None);
    }
    let directory = directory(app, call).await?;
    let organisations = directory.organisations.values();
    let organisations = organisations
        .filter(|organisation| key.reach.has(organisation.id))
        .map(|organisation| AuditEntry::about_organisation(&organisation.code));
    let destinations = app.store.destinations().await;
    let destinations = destinations.map_err(|error| call.failure(error))?;
    let destinations = destinations.into_iter();
    let destinations = destinations.filter(|of| key.reach.covers(&of.destination.reach));
    let destinations =
        destinations.map(|of| AuditEntry::about_destination(&of.destination.id.to_string()));
    let keys = directory.keys.iter().filter(|known| is_seen_by(known, key));
    let keys = keys.map(|known| AuditEntry::about_key(&known.id));
    Ok(Some(
        organisations.chain(keys).chain(destinations).collect(),
    ))
}
