//! Input of the resource routes: bodies, ids and parameters.

use std::fmt::Display;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::json::{Envelope, Kind, NameCase, Reader, Rules};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::Caller;
use wharfinger_core::order::problem::{Code, Problem};
use wharfinger_core::reading::form::{Form, Need, Notes};
use wharfinger_core::reading::validate;

use super::super::body::{self, Accepts};
use crate::intake::app::App;
use crate::intake::request_context::Call;

/// Default number of entries per page.
const LIMIT_DEFAULT: usize = 100;
/// Most entries per page.
const LIMIT_MAX: usize = 1_000;

/// Reads the whole body as JSON. The idempotency fingerprint covers its bytes.
pub(super) async fn body(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Bytes, RequestFailure> {
    let read = body::read(app, call, headers, body, Accepts::Json).await?;
    Ok(read.into_bytes())
}

/// Reads an object attribute by attribute.
///
/// # Errors
/// The body is not JSON or not an object. [`RequestFailure::Invalid`]: attributes are invalid.
pub(super) fn object<T>(
    app: &App,
    body: &[u8],
    read: impl FnOnce(&mut Form<'_, '_, '_>) -> T,
) -> Result<T, RequestFailure> {
    let rules = Rules {
        names: NameCase::Exact,
        depth_max: app.limits.order_depth_max,
        order_bytes_max: app.limits.order_bytes_max,
    };
    let mut reader = Reader::new(body, Envelope::One, rules)?;
    let expected = "a JSON object";
    let entry = reader.next()?;
    let entry = entry.ok_or(RequestFailure::WrongEnvelope { expected })?;
    if !entry.faults.is_empty() {
        let problems = entry.faults.iter().map(Problem::from).collect();
        return Err(RequestFailure::Invalid(problems));
    }
    if entry.value.kind() != Kind::Object {
        return Err(RequestFailure::WrongEnvelope { expected });
    }
    let mut notes = Notes::default();
    let read = read(&mut Form::of_order(entry.value, &mut notes));
    if notes.problems.is_empty() {
        Ok(read)
    } else {
        Err(RequestFailure::Invalid(notes.problems))
    }
}

/// Like [`object`], but refuses attributes that are not in `known`.
///
/// # Errors
/// Those of [`object`], and [`RequestFailure::BadParameter`].
pub(super) fn strict_object<T>(
    app: &App,
    body: &[u8],
    known: &[&str],
    read: impl FnOnce(&mut Form<'_, '_, '_>) -> T,
) -> Result<T, RequestFailure> {
    let mut unknown = None;
    let read = object(app, body, |form| {
        let mut names = form.value().members().map(|(name, _)| name);
        unknown = names
            .find(|name| !known.contains(&name.as_ref()))
            .map(Into::into);
        read(form)
    });
    match unknown {
        Some::<String>(name) => Err(RequestFailure::BadParameter(format!(
            "Unknown attribute {name:?}; known attributes: {}",
            known.join(", ")
        ))),
        None => read,
    }
}

/// The id in the path. Anything but a UUID is reported as not found.
pub(super) fn id(call: &Call<'_>, what: &str) -> Result<Uuid, RequestFailure> {
    let id = call.head.path_parameter("id").unwrap_or_default();
    let parsed = Uuid::try_parse(id).ok().filter(|_| id.len() == 36);
    parsed.ok_or_else(|| not_found(what, &id))
}

/// The failure for a resource that does not exist or is not visible to the caller. Both get the same response.
pub(super) fn not_found(what: &str, id: &impl Display) -> RequestFailure {
    RequestFailure::NotFound(format!("{what} {id}"))
}

/// The organisations of a list, in ascending order: the one that the query names, or all that the key can access.
///
/// # Errors
/// [`RequestFailure::OrganisationUnknown`]: the named organisation does not exist, or the key cannot access it.
pub(super) fn organisations(
    call: &Call<'_>,
    query: &Query<'_>,
) -> Result<Vec<OrganisationId>, RequestFailure> {
    let caller = call.authenticated.caller();
    let Some(code) = query.get("organisation") else {
        let reached = caller.reached().into_iter();
        return Ok(reached.map(|organisation| organisation.id).collect());
    };
    let organisation = caller.organisation(code);
    let organisation = organisation.ok_or(RequestFailure::OrganisationUnknown)?;
    Ok(vec![organisation.id])
}

/// The organisations in the attribute `organisations` of a body, each once, in the body's order. Codes that the caller does not reach
/// are problems.
pub(super) fn named_organisations(
    form: &mut Form<'_, '_, '_>,
    caller: Caller<'_>,
    need: Need,
) -> Vec<OrganisationId> {
    let mut ids = Vec::new();
    form.scalars("organisations", need, |value| {
        let code = validate::text(value)?;
        let organisation = caller.organisation(&code);
        let id = organisation.ok_or(Code::UnknownOrganisation)?.id;
        if !ids.contains(&id) {
            ids.push(id);
        }
        Ok(())
    });
    ids
}

/// The parameters of a list: its own, `limit` and `after`.
pub(super) struct Listing<'h> {
    pub(super) query: Query<'h>,
    pub(super) limit: usize,
    /// The cursor to continue from.
    pub(super) after: Option<&'h str>,
}

impl<'h> Listing<'h> {
    /// Reads the parameters.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`].
    pub(super) fn new(call: &Call<'h>) -> Result<Self, RequestFailure> {
        let query = Query::new(&call.head, call.operation)?;
        let limit = query.read("limit", "a number from 1 to 1000", |value| {
            let limit = value.parse().ok()?;
            (1..=LIMIT_MAX).contains(&limit).then_some(limit)
        })?;
        Ok(Self {
            query,
            limit: limit.unwrap_or(LIMIT_DEFAULT),
            after: query.get("after"),
        })
    }

    /// A parameter that is a time (RFC 3339) or a date, in milliseconds since 1970. A date is its first moment in UTC.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`].
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, RequestFailure> {
        let expected = "a date such as 2026-11-21 or a time such as 2026-11-21T09:30:00Z";
        self.query.read(name, expected, |value| {
            let moment = match value.parse::<Timestamp>() {
                Ok(time) => time,
                // The last day that can be written is later than any time.
                Err(_) => {
                    let first = day(value)?.to_zoned(TimeZone::UTC);
                    first.map_or(Timestamp::MAX, |first| first.timestamp())
                }
            };
            Some(moment.as_millisecond())
        })
    }
}

/// A date without a time.
fn day(value: &str) -> Option<Date> {
    let is_short = value.len() == "2026-11-21".len();
    value.parse().ok().filter(|_| is_short)
}
