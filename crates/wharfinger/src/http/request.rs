//! Handles one request from its head to its log line.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use wharfinger_core::dialect::{Action, Credentials, Dialect, Head, Operation};
use wharfinger_core::dialects;
use wharfinger_core::json::Envelope;
use wharfinger_core::order::failure::RequestFailure;

use super::answer::{add_rates, counted, discard, large_body, refusal, respond, respond_with};
use super::body::{self, Accepts};
use super::console::InSession;
use super::forwarded::Client;
use super::request_id::{REQUEST_ID, request_id};
use super::request_log::{Noted, log, log_text};
use super::request_span;
use super::routes::{ENDPOINTS, Endpoint};
use super::seats::InProgress;
use super::simulate::Simulation;
use super::stream::respond_in_chunks;
use super::v1;
use crate::access::Authenticated;
use crate::access::secret;
use crate::intake;
use crate::intake::app::App;
use crate::intake::idempotency;
use crate::intake::readback;
use crate::intake::request_context::Call;
use crate::runtime::traces;
use crate::runtime::turns::on_behalf_of;
use crate::store::RETRY_AFTER;

/// Serves a request for an endpoint.
pub(super) async fn handle(
    app: &Arc<App>,
    endpoint: &'static Endpoint,
    request: Request,
) -> Response {
    let (dialect, operation) = (endpoint.dialect, &endpoint.operation);
    let began = Instant::now();
    let (mut parts, mut body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let span = traces::begin_request(&parts.headers);
    let mut noted = Noted::default();
    let path = path_parameters(&mut parts).await;
    let ended = {
        let received = Received {
            id: request_id.to_str().unwrap_or_default(),
            parts: &parts,
            path,
            body: &mut body,
        };
        let work = serve(app, endpoint, received, &mut noted);
        // Pinned in place: the future is large, and would otherwise be moved into every future around it.
        let work = pin!(AssertUnwindSafe(work).catch_unwind());
        let work = traces::within(span.as_ref(), work);
        if endpoint.resource.is_none_or(v1::Route::has_time_limit) {
            tokio::time::timeout(app.transport.request_timeout, work).await
        } else {
            Ok(work.await)
        }
    };
    let served = match ended {
        Ok(Ok(served)) => served,
        Ok(Err(_panic)) => Err(RequestFailure::Internal),
        Err(_elapsed) => Err(RequestFailure::BodyTimeout),
    };
    let mut response = match served {
        Ok(response) => response,
        Err(failure) => {
            noted.failure = Some(log_text(&failure));
            let is_whole = discard(&parts, body).await;
            refusal(
                dialect,
                Some(operation),
                &failure,
                parts.uri.path(),
                is_whole,
            )
        }
    };
    if let Some(simulation) = noted.simulation {
        response = simulation.after(response);
        noted
            .failure
            .get_or_insert_with(|| format!("simulated: {}", simulation.name()));
    }
    log(
        &parts,
        operation.name,
        dialect.id(),
        &response,
        &request_id,
        &noted,
        began,
    );
    if let Some(span) = &span {
        request_span::end(span, endpoint, &response, &request_id, &noted);
    }
    response.headers_mut().insert(REQUEST_ID, request_id);
    if let Some(meter) = &noted.meter {
        add_rates(&mut response, meter);
    }
    response
}

/// A received request.
struct Received<'r> {
    id: &'r str,
    parts: &'r Parts,
    /// Decoded path parameters. `None` if one is not UTF-8.
    path: Option<Vec<(String, String)>>,
    body: &'r mut Body,
}

/// Counts the connection towards its key's share.
///
/// # Errors
/// [`RequestFailure::Overloaded`]: the key's share is exhausted.
fn take_seat(parts: &Parts, authenticated: &Authenticated) -> Result<(), RequestFailure> {
    let Some(request) = parts.extensions.get::<InProgress>() else {
        return Ok(());
    };
    if request.is_served_for(authenticated.holders()) {
        Ok(())
    } else {
        let retry_after_s = RETRY_AFTER.as_secs();
        Err(RequestFailure::Overloaded { retry_after_s })
    }
}

/// Serves the request up to its response. The order of the steps determines which error is reported first.
async fn serve(
    app: &Arc<App>,
    endpoint: &'static Endpoint,
    received: Received<'_>,
    noted: &mut Noted,
) -> Result<Response, RequestFailure> {
    let (dialect, operation) = (endpoint.dialect, &endpoint.operation);
    let parts = received.parts;
    // No resource has a path that is not UTF-8 after decoding.
    let not_found = || RequestFailure::NotFound(parts.uri.path().to_owned());
    let path = received.path.ok_or_else(not_found)?;
    if app.store.is_overloaded() {
        let retry_after_s = RETRY_AFTER.as_secs();
        return Err(RequestFailure::Overloaded { retry_after_s });
    }
    let headers = header_fields(parts);
    let query = query_parameters(parts);
    let head = Head {
        path: &path,
        query: &query,
        headers: &headers,
    };
    let authenticated = authenticate(app, dialect, &head, parts)?;
    take_seat(parts, &authenticated)?;
    noted.key_id = Some(Arc::clone(authenticated.shared_key_id()));
    noted.meter = authenticated.meter().cloned();
    if parts.extensions.get::<InSession>().is_some() && parts.method.is_safe() {
        authenticated.count_reading()?;
    } else {
        authenticated.count_request()?;
    }
    if let Some(scope) = operation.scope
        && !authenticated.may(scope)
    {
        return Err(RequestFailure::lacks_scope(scope));
    }
    let organisation = dialect.organisation(operation, &head, authenticated.caller())?;
    noted.organisation = organisation.map(|organisation| organisation.code.clone());
    let call = Call {
        request_id: received.id,
        dialect,
        operation,
        target: parts
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str()),
        head,
        authenticated: &authenticated,
        organisation,
        idempotency_key: idempotency_key(operation, parts)?,
        dry_run: is_dry_run(operation, &query, &parts.headers)?,
    };
    noted.simulation = Simulation::asked_for(&parts.headers, authenticated.key().is_test)?;
    if let Some(simulation) = noted.simulation
        && let Some(failed) = simulation.instead(app, received.body).await
    {
        return failed;
    }
    let key_id = authenticated.shared_key_id();
    match endpoint.resource {
        Some(route) => {
            let work = pin!(serve_resource(app, &call, route, parts, received.body));
            on_behalf_of(key_id, work).await
        }
        None => {
            let work = pin!(act(app, &call, parts, received.body, noted));
            on_behalf_of(key_id, work).await
        }
    }
}

/// Performs the operation of an authenticated request.
async fn act(
    app: &Arc<App>,
    call: &Call<'_>,
    parts: &Parts,
    body: &mut Body,
    noted: &mut Noted,
) -> Result<Response, RequestFailure> {
    match call.operation.action {
        Action::Submit { envelope, .. } => {
            let accepts = match envelope {
                Envelope::OneOrMany => Accepts::JsonOrLines,
                Envelope::One | Envelope::Array | Envelope::Object | Envelope::ObjectOrArray => {
                    Accepts::Json
                }
            };
            let mut read = body::read(app, call, &parts.headers, body, accepts).await?;
            let batch = if call.dry_run {
                secret::trial_batch_id()
            } else {
                secret::batch_id()
            };
            let taken = intake::submit(app, call, batch, &read.body, &mut read.lease).await?;
            noted.batch = taken.batch.map(|(batch, _)| batch);
            noted.counts = taken.batch.map(|(_, counts)| counts);
            Ok(counted(respond_with(taken.answered), read.lease))
        }
        Action::Show => counted_read(app, call, respond(readback::show(app, call).await?)),
        Action::Withdraw => intake::withdraw(app, call).await.map(respond_with),
        Action::List | Action::Stream => {
            let first = Box::pin(readback::next_chunk(app, call, None)).await?;
            let mut lease = call.lease(&app.body_budget);
            let bytes = match first.rest {
                Some(_) => first.bytes.max(readback::CHUNK_BYTES_MAX),
                None => first.bytes,
            };
            if !lease.grow(bytes) {
                return Err(intake::overloaded());
            }
            Ok(respond_in_chunks(app, call, first, lease))
        }
        // The native API lists its resources with their handlers; no dialect does.
        Action::Resource { .. } => Err(RequestFailure::Internal),
    }
}

/// Serves an authenticated request for a resource of the native API.
async fn serve_resource(
    app: &Arc<App>,
    call: &Call<'_>,
    route: &v1::Route,
    parts: &Parts,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    let request = v1::Request {
        app,
        call,
        headers: &parts.headers,
        body,
    };
    let response = route.serve(request).await?;
    if call.operation.method == "GET" {
        counted_read(app, call, response)
    } else {
        Ok(response)
    }
}

/// The response to a read. Its memory stays leased until the client has received it.
fn counted_read(
    app: &App,
    call: &Call<'_>,
    response: Response,
) -> Result<Response, RequestFailure> {
    let mut lease = call.lease(&app.body_budget);
    match large_body(&response) {
        Some(bytes) if !lease.grow(bytes) => Err(intake::overloaded()),
        Some(_) => Ok(counted(response, lease)),
        None => Ok(response),
    }
}

/// The idempotency key of a request that changes something.
fn idempotency_key(operation: &Operation, parts: &Parts) -> Result<Option<String>, RequestFailure> {
    if operation.method == "GET" {
        return Ok(None);
    }
    idempotency::key_in(&parts.headers)
}

/// Whether the request is a dry run. A dry run of an operation that does not support it is refused, so that it is never
/// executed.
fn is_dry_run(
    operation: &Operation,
    query: &[(String, String)],
    headers: &HeaderMap,
) -> Result<bool, RequestFailure> {
    let of_query = query.iter();
    let of_query = of_query.filter(|(name, _)| name.eq_ignore_ascii_case("dry_run"));
    let of_query = of_query.map(|(_, value)| value.as_bytes());
    let of_head = headers.get_all("wharfinger-dry-run").iter();
    let mut said = of_query.chain(of_head.map(HeaderValue::as_bytes));
    let refused = |why: &str| Err(RequestFailure::BadParameter(why.to_owned()));
    let Some(first) = said.next() else {
        return Ok(false);
    };
    let is_known = first == b"true" || first == b"false";
    if !is_known || said.any(|other| other != first) {
        return refused(
            "dry_run and Wharfinger-Dry-Run must be true or false, and equal if both are given; nothing was stored",
        );
    }
    let is_asked_for = first == b"true";
    match operation.action {
        Action::Submit { .. } | Action::Resource { takes_orders: true } => Ok(is_asked_for),
        Action::List
        | Action::Stream
        | Action::Show
        | Action::Withdraw
        | Action::Resource {
            takes_orders: false,
        } => {
            if is_asked_for && operation.method != "GET" {
                return refused("This request does not support dry runs; nothing was changed");
            }
            Ok(false)
        }
    }
}

fn authenticate(
    app: &App,
    dialect: &dyn Dialect,
    head: &Head<'_>,
    parts: &Parts,
) -> Result<Authenticated, RequestFailure> {
    if let Some(InSession(caller)) = parts.extensions.get() {
        let current = app.access.renew(caller);
        return current.ok_or(RequestFailure::Unauthorized);
    }
    let credentials = dialect.credentials(head);
    let client = Client::of(&parts.extensions);
    let authenticated = app.access.authenticate(&credentials, client.address);
    if authenticated.is_ok() {
        client.warn_if_exposed();
    }
    if authenticated.is_err() && credentials == Credentials::Missing {
        tracing::info!(
            dialect = dialect.id(),
            "The request has no key. Proxies such as nginx drop header fields with an underscore in the name by default \
             (underscores_in_headers off). The name with a hyphen passes."
        );
    }
    authenticated
}

/// The decoded path parameters. `None` if one is not UTF-8.
async fn path_parameters(parts: &mut Parts) -> Option<Vec<(String, String)>> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let owned = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(owned.collect())
}

fn query_parameters(parts: &Parts) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The header fields whose values are text. Dialects do not see others.
fn header_fields(parts: &Parts) -> Vec<(&str, &str)> {
    parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect()
}

/// Responds to a request for an unknown path.
pub(super) async fn unknown_route(request: Request) -> Response {
    let failure = RequestFailure::NotFound(request.uri().path().to_owned());
    turn_down_early(&failure, request).await
}

/// Refuses a request before routing. The response has the form of the dialect whose paths share the first segment.
pub(super) async fn turn_down_early(failure: &RequestFailure, request: Request) -> Response {
    let first = first_segment(request.uri().path()).to_owned();
    let owner = ENDPOINTS
        .iter()
        .find(|endpoint| first_segment(endpoint.operation.path) == first);
    let dialect = owner.map_or(dialects::OWN, |endpoint| endpoint.dialect);
    turn_down(dialect, failure, request).await
}

/// Responds to a request whose path exists but not with this method.
pub(super) async fn wrong_method(
    dialect: &'static dyn Dialect,
    allow: String,
    request: Request,
) -> Response {
    let failure = RequestFailure::MethodNotAllowed { allow };
    turn_down(dialect, &failure, request).await
}

async fn turn_down(
    dialect: &'static dyn Dialect,
    failure: &RequestFailure,
    request: Request,
) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let is_whole = discard(&parts, body).await;
    let mut response = refusal(dialect, None, failure, parts.uri.path(), is_whole);
    let noted = Noted {
        failure: Some(log_text(failure)),
        ..Noted::default()
    };
    log(
        &parts,
        "unknown",
        dialect.id(),
        &response,
        &request_id,
        &noted,
        began,
    );
    response.headers_mut().insert(REQUEST_ID, request_id);
    response
}

fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default()
}
