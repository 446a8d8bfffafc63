//! Converts replies and refusals into HTTP responses.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use wharfinger_core::dialect::{Dialect, Operation, Reply};
use wharfinger_core::order::failure::RequestFailure;

use crate::access::rates::Meter;
use crate::intake::idempotency::Answered;
use crate::runtime::budget::Lease;
use crate::store::SavedReply;

/// Limits for reading and discarding an unread body. This lets the client read the refusal before the connection is closed.
const DISCARDED_BYTES_MAX: usize = 1 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// The response for a new or a saved reply.
pub(super) fn respond_with(answered: Answered) -> Response {
    match answered {
        Answered::Now(reply) => respond(reply),
        Answered::Replayed(kept) => respond_again(kept),
    }
}

/// Response bodies of this size and above count against the memory budget until they are sent.
const COUNTED_BYTES_MIN: usize = 64 << 10;

/// Attaches a lease to a response. The memory stays leased until the client has received it.
pub(super) fn counted(response: Response, mut lease: Lease) -> Response {
    let Some(bytes) = large_body(&response) else {
        return response;
    };
    // If the budget is exhausted, keep the existing lease: the work is done and must be answered.
    let _ = lease.resize(bytes);
    let lease = Arc::new(lease);
    response.map(|body| Body::new(Counted { body, lease }))
}

/// A body that shares its lease with each of its pieces.
struct Counted {
    body: Body,
    lease: Arc<Lease>,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let lease = Arc::clone(&self.lease);
        frame.map_ok(|frame| frame.map_data(|bytes| Bytes::from_owner(Piece(bytes, lease))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Piece(
    Bytes,
    #[expect(dead_code, reason = "dropped with the bytes")] Arc<Lease>,
);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The size of a response's body in bytes, if it is large.
pub(super) fn large_body(response: &Response) -> Option<usize> {
    let bytes = usize::try_from(response.body().size_hint().exact()?).ok()?;
    (bytes >= COUNTED_BYTES_MIN).then_some(bytes)
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

/// The response that was saved, byte for byte.
fn respond_again(kept: SavedReply) -> Response {
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

/// Adds the rate limit header fields.
pub(super) fn add_rates(response: &mut Response, meter: &Meter) {
    let (policy, limit) = meter.fields(Instant::now());
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        let value = HeaderValue::try_from(value).expect("names and numbers are plain");
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}

/// Discards the rest of a refused request's body. Returns whether its end was reached.
pub(super) async fn discard(parts: &Parts, mut body: Body) -> bool {
    if parts.headers.contains_key(http::header::EXPECT) {
        // The client waits for `100 Continue` before it sends the body; the refusal takes its place.
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

/// The response to a refused request. It closes the connection if the body was not read to its end.
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
