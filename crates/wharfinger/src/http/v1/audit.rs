//! The audit log: who changed organisations, keys, destinations and orders.

use std::collections::HashSet;

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use wharfinger_core::dialect::ParameterKind::{DateOrTime, OneOf, Organisation, Text};
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
use crate::store::{AuditEntry, AuditPage, ReadAudit};

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
        query(
            "key_id",
            Text,
            "Only changes by this key; `command line` or `server` for changes without a key",
        ),
        query(
            "organisation",
            Organisation,
            "Only changes of this organisation, its catalogue and its orders",
        ),
        query("action", Text, "Only this action, such as `key.revoked`"),
        query("since", DateOrTime, "Only changes at this time or later"),
        query("until", DateOrTime, "Only changes before this time"),
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
    let filter = Filter::read(&listing)?;
    let about = visible(app, call).await?;
    let page = read(app, call, &filter, (before, listing.limit), about).await?;
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

/// Entries that are read for one page of a filtered list, at most, in thousands.
const ROUNDS_MAX: usize = 20;

/// Which entries are wanted.
struct Filter<'q> {
    /// What stands before the dot in the action. The store looks at it.
    kind: Option<&'static str>,
    key_id: Option<&'q str>,
    organisation: Option<&'q str>,
    action: Option<&'q str>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
}

impl<'q> Filter<'q> {
    fn read(listing: &Listing<'q>) -> Result<Self, RequestFailure> {
        let kind = listing.query.read("kind", &KINDS.join(", "), |name| {
            KINDS.into_iter().find(|kind| *kind == name)
        })?;
        Ok(Self {
            kind,
            key_id: listing.query.get("key_id"),
            organisation: listing.query.get("organisation"),
            action: listing.query.get("action"),
            since_ms: listing.time("since")?,
            until_ms: listing.time("until")?,
        })
    }

    fn is_empty(&self) -> bool {
        let texts = [self.key_id, self.organisation, self.action];
        let times = [self.since_ms, self.until_ms];
        texts.iter().all(Option::is_none) && times.iter().all(Option::is_none)
    }

    fn takes(&self, entry: &AuditEntry) -> bool {
        let kind = entry.action.split('.').next();
        let is_of_key = |wanted| entry.who == wanted;
        let is_action = |wanted| entry.action == wanted;
        // Other kinds have ids as subjects, which may look like a code.
        let is_of = |code| entry.subject == code && !matches!(kind, Some("key" | "destination"));
        self.key_id.is_none_or(is_of_key)
            && self.action.is_none_or(is_action)
            && self.organisation.is_none_or(is_of)
            && self.since_ms.is_none_or(|since| entry.at_ms >= since)
            && self.until_ms.is_none_or(|until| entry.at_ms < until)
    }
}

/// Reads a page of the entries that are wanted. It may be short, and still have a next one.
async fn read(
    app: &App,
    call: &Call<'_>,
    filter: &Filter<'_>,
    (mut before, limit): (Option<i64>, usize),
    about: Option<HashSet<String>>,
) -> Result<AuditPage, RequestFailure> {
    let (rounds, at_once) = match filter.is_empty() {
        true => (1, limit),
        false => (ROUNDS_MAX, 1_000),
    };
    let mut found = AuditPage {
        entries: Vec::new(),
        next: None,
    };
    for _ in 0..rounds {
        let request = ReadAudit {
            before,
            kind: filter.kind,
            limit: at_once,
            about: about.clone(),
        };
        let page = app.store.audit(request).await;
        let page = page.map_err(|error| call.failure(error))?;
        for entry in page.entries {
            if filter.takes(&entry) {
                let id = entry.id;
                found.entries.push(entry);
                if found.entries.len() == limit && rounds > 1 {
                    found.next = Some(id);
                    return Ok(found);
                }
            }
        }
        found.next = page.next;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(found)
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
