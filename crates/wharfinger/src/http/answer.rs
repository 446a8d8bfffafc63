//! From replies and refusals to HTTP responses.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use wharfinger_core::dialect::{Dialect, Operation, Reply};
use wharfinger_core::failure::RequestFailure;

use crate::intake::Answered;
use crate::rates::Meter;
use crate::store::KeptAnswer;

/// Bytes of an unread body that are read and thrown away, so that the client can read why it was refused
/// before the connection goes.
const DISCARDED_BYTES_MAX: usize = 1 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// A response, from what was made now or was kept.
pub(super) fn respond_with(answered: Answered) -> Response {
    match answered {
        Answered::Now(reply) => respond(reply),
        Answered::Again(kept) => respond_again(kept),
    }
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

/// The answer that was given before, byte for byte.
fn respond_again(kept: KeptAnswer) -> Response {
    let mut response = Response::new(Body::from(kept.body));
    *response.status_mut() =
        StatusCode::from_u16(kept.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = ("content-type".to_owned(), kept.content_type);
    let replayed = ("idempotent-replayed".to_owned(), "true".to_owned());
    let fields = kept.headers.into_iter().chain([content_type, replayed]);
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Tells how much the key may still ask for.
pub(super) fn tell_rates(response: &mut Response, meter: &Meter) {
    let (policy, limit) = meter.told(Instant::now());
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        let value = HeaderValue::try_from(value).expect("names and numbers are plain");
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}

/// Reads what is left of a refused request's body; whether it was read to its end.
pub(super) async fn discard(parts: &Parts, mut body: Body) -> bool {
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

/// The response to a request that is turned down; its connection is closed where its body was not read to the end.
pub(super) fn refusal(
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
