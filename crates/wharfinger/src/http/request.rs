//! One request from its head to its log line: which operation, who calls, what comes back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams, Request};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use wharfinger_core::dialect::{Action, Credentials, Dialect, Head, Operation, Reply};
use wharfinger_core::dialects;
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::ids::BatchId;
use wharfinger_core::outcome::Counts;

use super::body;
use super::connections::IsFramedTwice;
use super::stream::respond_in_chunks;
use crate::access::Authenticated;
use crate::app::App;
use crate::intake::{self, Call};
use crate::secret;
use crate::store::RETRY_AFTER;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id of a client's that is taken over.
const REQUEST_ID_CHARS_MAX: usize = 128;

/// Bytes of an unread body that are read and thrown away, so that the client can read why it was refused
/// before the connection goes.
const DISCARDED_BYTES_MAX: usize = 1 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// What the log line says of a request, besides its route and status.
#[derive(Default)]
struct Noted {
    key_id: Option<String>,
    organisation: Option<String>,
    batch: Option<BatchId>,
    counts: Option<Counts>,
    failure: Option<String>,
}

/// Serves a request for one of a dialect's operations.
pub(super) async fn handle(
    app: &Arc<App>,
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    request: Request,
) -> Response {
    let began = Instant::now();
    let (mut parts, mut body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let mut noted = Noted::default();
    let path = path_parameters(&mut parts).await;
    let received = Received {
        id: request_id.to_str().unwrap_or_default(),
        parts: &parts,
        path,
        body: &mut body,
    };
    let work = serve(app, dialect, operation, received, &mut noted);
    let deadline = tokio::time::timeout(
        app.transport.request_timeout,
        AssertUnwindSafe(work).catch_unwind(),
    );
    let served = match deadline.await {
        Ok(Ok(served)) => served,
        Ok(Err(_panic)) => Err(RequestFailure::Internal),
        Err(_elapsed) => Err(RequestFailure::BodyTimeout),
    };
    let mut response = match served {
        Ok(response) => response,
        Err(failure) => {
            noted.failure = Some(told_in_log(&failure));
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
    log(
        &parts,
        operation.name,
        dialect.id(),
        &response,
        &request_id,
        &noted,
        began,
    );
    response.headers_mut().insert(REQUEST_ID, request_id);
    response
}

/// A request on its way to its answer.
struct Received<'r> {
    id: &'r str,
    parts: &'r Parts,
    /// The parameters of its path, decoded; none where they are no text.
    path: Option<Vec<(String, String)>>,
    body: &'r mut Body,
}

/// Serves the request up to its answer: the order of the steps is the order in which errors are told.
async fn serve(
    app: &Arc<App>,
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    received: Received<'_>,
    noted: &mut Noted,
) -> Result<Response, RequestFailure> {
    let parts = received.parts;
    // A path that is not UTF-8 once decoded names nothing that there could be.
    let not_found = || RequestFailure::NotFound(parts.uri.path().to_owned());
    let path = received.path.ok_or_else(not_found)?;
    if parts.extensions.get::<IsFramedTwice>().is_some() {
        return Err(RequestFailure::BrokenBody(
            "Send either Content-Length or Transfer-Encoding, not both",
        ));
    }
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
    noted.key_id = Some(authenticated.key_id().to_owned());
    if !authenticated.may(operation.scope) {
        return Err(RequestFailure::Forbidden);
    }
    let organisation = dialect.organisation(operation, &head, authenticated.caller())?;
    noted.organisation = organisation.map(|organisation| organisation.code.clone());
    let call = Call {
        request_id: received.id,
        dialect,
        operation,
        head,
        authenticated: &authenticated,
        organisation,
    };
    match operation.action {
        Action::Submit { .. } => {
            refuse_dry_run(&call.head)?;
            let body = body::read(app, &parts.headers, received.body).await?;
            let batch = secret::batch_id();
            let (reply, counts) = intake::submit(app, &call, batch, &body.bytes).await?;
            noted.batch = Some(batch);
            noted.counts = Some(counts);
            Ok(respond(reply))
        }
        Action::List => intake::list(app, &call).await.map(respond),
        Action::Show => intake::show(app, &call).await.map(respond),
        Action::Withdraw => intake::withdraw(app, &call).await.map(respond),
        Action::Stream => {
            let (reply, next) = intake::next_chunk(app, &call, None).await?;
            Ok(respond_in_chunks(app, &call, reply, next))
        }
        Action::Resource(_) => Err(RequestFailure::Internal),
    }
}

/// A dry run must store nothing. This version has none, and must not take one for an order.
fn refuse_dry_run(head: &Head<'_>) -> Result<(), RequestFailure> {
    let asked = head.query_parameter("dry_run");
    match asked.or_else(|| head.header("wharfinger-dry-run")) {
        None | Some("false") => Ok(()),
        Some(_) => Err(RequestFailure::BadParameter(
            "This version has no dry runs; nothing was stored".into(),
        )),
    }
}

fn authenticate(
    app: &App,
    dialect: &dyn Dialect,
    head: &Head<'_>,
    parts: &Parts,
) -> Result<Authenticated, RequestFailure> {
    let credentials = dialect.credentials(head);
    let authenticated = app.access.authenticate(&credentials, address(parts));
    if authenticated.is_err() && credentials == Credentials::Missing {
        tracing::info!(
            dialect = dialect.id(),
            "The request carries no key. Proxies such as nginx drop header fields with an underscore in \
             the name, unless told to keep them (underscores_in_headers on); the name with a hyphen passes."
        );
    }
    authenticated
}

fn address(parts: &Parts) -> IpAddr {
    let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
}

/// The parameters of the path, undone from percent-encoding; none where one of them is not UTF-8.
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

/// The header fields that are text; others mean nothing to a dialect.
fn header_fields(parts: &Parts) -> Vec<(&str, &str)> {
    parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect()
}

/// Gives the answers of the server's own routes their request id.
pub(super) async fn with_request_id(request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers());
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, request_id);
    response
}

/// The client's own request id if it is short and plain, or else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_sane = |value: &HeaderValue| {
        let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte);
        (1..=REQUEST_ID_CHARS_MAX).contains(&value.len()) && value.as_bytes().iter().all(is_plain)
    };
    match headers.get(REQUEST_ID) {
        Some(value) if is_sane(value) => value.clone(),
        _ => HeaderValue::from_str(&secret::request_id()).expect("a UUID is plain"),
    }
}

/// Reads what is left of a refused request's body; whether it was read to its end.
async fn discard(parts: &Parts, mut body: Body) -> bool {
    if parts.headers.contains_key(http::header::EXPECT) {
        // The client waits for a word before it sends the body; the refusal is that word.
        return body.is_end_stream();
    }
    let read_on = async {
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, Bytes::len);
            if discarded > DISCARDED_BYTES_MAX {
                return false;
            }
        }
        true
    };
    let read = tokio::time::timeout(DISCARD_TIMEOUT, read_on).await;
    read.unwrap_or(false)
}

fn refusal(
    dialect: &dyn Dialect,
    operation: Option<&Operation>,
    failure: &RequestFailure,
    path: &str,
    is_whole: bool,
) -> Response {
    let mut response = respond(dialect.refuse(operation, failure, path));
    let is_broken = matches!(
        failure,
        RequestFailure::BodyTimeout | RequestFailure::BrokenBody(_)
    );
    if !is_whole || is_broken {
        let close = HeaderValue::from_static("close");
        response
            .headers_mut()
            .insert(http::header::CONNECTION, close);
    }
    response
}

pub(super) fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(reply.content_type);
    headers.insert(http::header::CONTENT_TYPE, content_type);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Answers a request for a path that nobody serves, in the form of the dialect whose paths begin like it.
pub(super) async fn unknown_route(request: Request) -> Response {
    let failure = RequestFailure::NotFound(request.uri().path().to_owned());
    let first = first_segment(request.uri().path()).to_owned();
    let owner = dialects::ALL.iter().copied().find(|dialect| {
        let mut paths = dialect.operations().iter().map(|operation| operation.path);
        paths.any(|path| first_segment(path) == first)
    });
    turn_down(owner, "unknown", &failure, request).await
}

/// Answers a request with a method that its path does not take.
pub(super) async fn wrong_method(
    dialect: &'static dyn Dialect,
    allow: String,
    request: Request,
) -> Response {
    let failure = RequestFailure::MethodNotAllowed { allow };
    turn_down(Some(dialect), "unknown", &failure, request).await
}

async fn turn_down(
    dialect: Option<&'static dyn Dialect>,
    operation: &str,
    failure: &RequestFailure,
    request: Request,
) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let is_whole = discard(&parts, body).await;
    let mut response = match dialect {
        Some(dialect) => refusal(dialect, None, failure, parts.uri.path(), is_whole),
        None => respond(problem_details(failure)),
    };
    let noted = Noted {
        failure: Some(told_in_log(failure)),
        ..Noted::default()
    };
    let dialect_id = dialect.map_or("none", |dialect| dialect.id());
    log(
        &parts,
        operation,
        dialect_id,
        &response,
        &request_id,
        &noted,
        began,
    );
    response.headers_mut().insert(REQUEST_ID, request_id);
    response
}

/// RFC 9457, for paths that belong to no dialect.
fn problem_details(failure: &RequestFailure) -> Reply {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": failure.message(),
        "status": failure.status(),
    });
    let mut reply = Reply::json(failure.status(), &body).for_failure(failure);
    reply.content_type = "application/problem+json";
    reply
}

fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default()
}

/// A failure in words for the log: without what the client asked for, as that may be anybody's name or address.
fn told_in_log(failure: &RequestFailure) -> String {
    if let RequestFailure::NotFound(_) = failure {
        return "Not found".into();
    }
    if let RequestFailure::BadParameter(_) = failure {
        return "A parameter is wrong".into();
    }
    failure.message()
}

/// One line a request: never a body, a name, an address or a secret.
fn log(
    parts: &Parts,
    operation: &str,
    dialect: &str,
    response: &Response,
    request_id: &HeaderValue,
    noted: &Noted,
    began: Instant,
) {
    let counts = noted.counts.unwrap_or_default();
    tracing::info!(
        request_id = request_id.to_str().unwrap_or_default(),
        method = parts.method.as_str(),
        dialect,
        operation,
        status = response.status().as_u16(),
        key = noted.key_id.as_deref(),
        organisation = noted.organisation.as_deref(),
        batch = noted.batch.map(tracing::field::display),
        accepted = counts.accepted,
        updated = counts.updated,
        unchanged = counts.unchanged,
        rejected = counts.rejected,
        failure = noted.failure.as_deref(),
        duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        "Request served."
    );
}
