//! API keys that are visible to the calling key: it can access every organisation of theirs.
//!
//! A key can create or rotate only keys with no more powers than its own: organisations, scopes, expiry and rates. So nobody
//! gains powers by creating keys.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::{OrgAccess, Scope};
use wharfinger_core::order::problem::Code;
use wharfinger_core::reading::form::{Form, Need};
use wharfinger_core::reading::validate;

use super::super::answer::respond_with;
use super::answer::{Page, ok};
use super::input::{Listing, not_found};
use super::parameters::PAGE;
use super::route::{Kind, Route};
use super::{administer, cursor, input};
use crate::access::rates::Rates;
use crate::access::rules::{KeyView, NewKey, SPAN_FORM, is_seen_by, is_within_powers_of, span};
use crate::access::secret;
use crate::clock;
use crate::http::describe::{self, BLANK, Bodies, Content, blank_or};
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::request_context::Call;
use crate::store::{Change, Directory, Key, RATE_MAX};

/// Routes of API keys.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_keys",
        method: "GET",
        path: "/v1/keys",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List API keys, without their secrets",
        parameters: PAGE,
        bodies: Bodies::page::<KeyView>,
        handler: |r| Box::pin(list(r.app, r.call)),
    },
    Route {
        name: "create_key",
        method: "POST",
        path: "/v1/keys",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Create an API key; its secret is shown only once",
        parameters: &[],
        bodies: |generator| Bodies::created::<KeyView>(generator).takes(Content::json(new_key())),
        handler: |r| Box::pin(create(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "show_key",
        method: "GET",
        path: "/v1/keys/{id}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Show an API key, without its secret",
        parameters: &[],
        bodies: Bodies::one::<KeyView>,
        handler: |r| Box::pin(show(r.app, r.call)),
    },
    Route {
        name: "rotate_key",
        method: "POST",
        path: "/v1/keys/{id}/rotate",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Rotate an API key: give it a new secret, shown only once",
        parameters: &[],
        bodies: Bodies::one::<KeyView>,
        handler: |r| Box::pin(rotate(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "revoke_key",
        method: "DELETE",
        path: "/v1/keys/{id}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Revoke an API key, permanently",
        parameters: &[],
        bodies: Bodies::one::<KeyView>,
        handler: |r| Box::pin(revoke(r.app, r.call, r.headers, r.body)),
    },
];

/// Attributes of a new key.
const ATTRIBUTES: &[&str] = &[
    "organisations",
    "all_organisations",
    "scopes",
    "expires_at",
    "expires_in",
    "requests_per_second",
    "orders_per_second",
    "test",
];

/// Schema of a new key.
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
    let mut expires_at = describe::time();
    expires_at["anyOf"] = json!([{"format": "date-time"}, {"pattern": BLANK}]);
    expires_at["description"] =
        "A time in the future, no later than the calling key expires".into();
    let scopes = Scope::ALL.map(Scope::name);
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["scopes"],
        "properties": {
            "organisations": {
                "type": ["array", "null"],
                "items": describe::code(),
                "description": "The codes of the organisations that the key reaches; absent if it reaches all",
            },
            "all_organisations": describe::boolean(),
            "scopes": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": scopes}},
            "expires_at": expires_at,
            "expires_in": expires_in,
            "requests_per_second": rate(),
            "orders_per_second": rate(),
            "test": describe::boolean(),
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

/// The directory as stored now. The cached snapshot does not have the current times of last use.
pub(super) async fn directory(app: &App, call: &Call<'_>) -> Result<Directory, RequestFailure> {
    let directory = app.store.directory(None).await;
    let directory = directory.map_err(|error| call.failure(error))?;
    directory.ok_or(RequestFailure::Internal)
}

/// Lists keys in order of creation, never with a secret.
async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let after: usize = match listing.after {
        Some(after) => cursor::read("keys", after)?,
        None => 0,
    };
    let directory = directory(app, call).await?;
    let caller = call.authenticated.key();
    // Keys are never deleted, so positions in the whole list are stable.
    let mut seen = directory.keys.iter().enumerate().skip(after);
    let mut data = Vec::new();
    let mut next = None;
    for (at, key) in seen.by_ref().filter(|(_, key)| is_seen_by(key, caller)) {
        if data.len() == listing.limit {
            next = Some(cursor::write("keys", &at));
            break;
        }
        data.push(KeyView::of(key, &directory.organisations));
    }
    Ok(ok(&Page { data, next }))
}

/// Creates a key and returns its secret.
async fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let directory = directory(app, call).await?;
    let key = find(call, &directory)?;
    Ok(ok(&KeyView::of(key, &directory.organisations)))
}

async fn create(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let body = input::body(app, call, headers, body).await?;
    let new = input::strict_object(app, &body, ATTRIBUTES, |form| {
        let maker = Maker {
            call,
            rates: call.authenticated.key().rates.or(app.access.rates_of_all()),
        };
        maker.new_key(form)
    })?;
    let (key, secret) = new.issue();
    if !is_within_powers_of(&key, call.authenticated.key(), app.access.rates_of_all()) {
        // Each attribute was checked before. This is a safeguard.
        let why = "the new key would have more rights than this key";
        return Err(RequestFailure::Forbidden(why.into()));
    }
    let view = KeyView {
        secret: Some(secret),
        ..KeyView::of(&key, call.authenticated.caller().organisations)
    };
    let reply = (Reply::json(201, &view), SaveAs::Encrypted);
    administer(app, call, &body, Change::CreateKey(key), reply)
        .await
        .map(respond_with)
}

/// Rotates a key's secret and returns the new one.
async fn rotate(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let directory = directory(app, call).await?;
    let key = find(call, &directory)?;
    if !is_within_powers_of(key, call.authenticated.key(), app.access.rates_of_all()) {
        let why = "the named key has more rights than this key";
        return Err(RequestFailure::Forbidden(why.into()));
    }
    let body = input::body(app, call, headers, body).await?;
    let secret = secret::key_secret();
    let change = Change::RotateKey {
        id: key.id.clone(),
        secret_sha256: secret::hash(&secret),
    };
    let view = KeyView {
        secret: Some(secret),
        ..KeyView::of(key, &directory.organisations)
    };
    let reply = (Reply::json(200, &view), SaveAs::Encrypted);
    administer(app, call, &body, change, reply)
        .await
        .map(respond_with)
}

/// Revokes a key permanently.
async fn revoke(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let directory = directory(app, call).await?;
    let mut key = find(call, &directory)?.clone();
    let body = input::body(app, call, headers, body).await?;
    let at_ms = clock::now_ms();
    key.revoked_at_ms = Some(at_ms);
    let view = KeyView::of(&key, &directory.organisations);
    let change = Change::RevokeKey { id: key.id, at_ms };
    let reply = (Reply::json(200, &view), SaveAs::Plain);
    administer(app, call, &body, change, reply)
        .await
        .map(respond_with)
}

/// The key in the path. A key that the calling key cannot see is reported as not found.
fn find<'d>(call: &Call<'_>, directory: &'d Directory) -> Result<&'d Key, RequestFailure> {
    let id = call.head.path_parameter("id").unwrap_or_default();
    let caller = call.authenticated.key();
    let found = directory.keys.iter().find(|key| key.id == id);
    found
        .filter(|key| is_seen_by(key, caller))
        .ok_or_else(|| not_found("Key", &id))
}

/// The calling key, whose powers limit the new key.
struct Maker<'c> {
    call: &'c Call<'c>,
    rates: Rates,
}

impl Maker<'_> {
    fn new_key(&self, form: &mut Form<'_, '_, '_>) -> NewKey {
        let own = self.call.authenticated.key();
        NewKey {
            reach: self.reach(form),
            scopes: self.scopes(form),
            expires_at_ms: self.expires_at_ms(form),
            rates: Rates {
                requests_per_second: rate(
                    form,
                    "requests_per_second",
                    self.rates.requests_per_second,
                )
                .or(own.rates.requests_per_second),
                orders_per_second: rate(form, "orders_per_second", self.rates.orders_per_second)
                    .or(own.rates.orders_per_second),
            },
            is_test: form.optional("test", validate::boolean) == Some(true),
        }
    }

    fn reach(&self, form: &mut Form<'_, '_, '_>) -> OrgAccess {
        let caller = self.call.authenticated.caller();
        let reaches_all = form.optional("all_organisations", validate::boolean);
        if reaches_all == Some(true) {
            if *caller.reach != OrgAccess::All {
                let form_wanted = "false, because the calling key does not reach all organisations";
                form.problem("all_organisations", Code::NotOfForm { form: form_wanted });
            }
            if form.present("organisations").is_some() {
                let form_wanted = "absent if all_organisations is true";
                form.problem("organisations", Code::NotOfForm { form: form_wanted });
            }
            return OrgAccess::All;
        }
        OrgAccess::Only(input::named_organisations(form, caller, Need::Mandatory))
    }

    fn scopes(&self, form: &mut Form<'_, '_, '_>) -> Vec<Scope> {
        let own = &self.call.authenticated.key().scopes;
        let mut scopes = Vec::new();
        form.scalars("scopes", Need::Mandatory, |value| {
            let name = validate::text(value)?;
            let found = Scope::ALL.into_iter().find(|scope| scope.name() == name);
            let choices = "orders:write, orders:read, admin";
            let scope = found.ok_or(Code::NotOneOf { choices })?;
            if !own.contains(&scope) {
                let choices = "the scopes of the calling key";
                return Err(Code::NotOneOf { choices });
            }
            scopes.push(scope);
            Ok(())
        });
        scopes
    }

    fn expires_at_ms(&self, form: &mut Form<'_, '_, '_>) -> Option<i64> {
        let latest_ms = self.call.authenticated.key().expires_at_ms;
        let now_ms = clock::now_ms();
        let in_time = |at_ms: i64| {
            let form = if at_ms <= now_ms {
                "a time in the future"
            } else if latest_ms.is_some_and(|latest_ms| at_ms > latest_ms) {
                "no later than the calling key expires"
            } else {
                return Ok(at_ms);
            };
            Err(Code::NotOfForm { form })
        };
        let at = form.optional("expires_at", |value| {
            let text = validate::text(value)?;
            let form = "a time such as 2027-11-21T09:30:00Z";
            let at = text.parse::<jiff::Timestamp>();
            in_time(at.map_err(|_| Code::NotOfForm { form })?.as_millisecond())
        });
        let from_now = form.optional("expires_in", |value| {
            let span = span(&validate::text(value)?).ok_or(Code::NotOfForm { form: SPAN_FORM })?;
            let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            in_time(now_ms.saturating_add(span_ms))
        });
        if form.present("expires_at").is_some() && form.present("expires_in").is_some() {
            let form_wanted = "absent if expires_at is given";
            form.problem("expires_in", Code::NotOfForm { form: form_wanted });
        }
        at.or(from_now).or(latest_ms)
    }
}

/// Reads a rate, which must not exceed the caller's.
fn rate(form: &mut Form<'_, '_, '_>, name: &str, bound: Option<u32>) -> Option<u32> {
    let max = u64::from(bound.unwrap_or(RATE_MAX));
    let rate = form.optional(name, validate::integer(1, max));
    rate.and_then(|rate| u32::try_from(rate).ok())
}
