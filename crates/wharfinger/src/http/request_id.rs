//! Request ids, which identify requests in the log.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::access::secret;

/// The header field.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id accepted from a client.
const REQUEST_ID_CHARS_MAX: usize = 128;

/// Adds the request id to responses of the server's own routes.
pub(super) async fn with_request_id(request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers());
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, request_id);
    response
}

/// The client's request id if it is short and plain. A new one otherwise.
pub(super) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_sane = |value: &HeaderValue| {
        let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte);
        (1..=REQUEST_ID_CHARS_MAX).contains(&value.len()) && value.as_bytes().iter().all(is_plain)
    };
    match headers.get(REQUEST_ID) {
        Some(value) if is_sane(value) => value.clone(),
        _ => HeaderValue::from_str(&secret::request_id()).expect("a UUID is plain"),
    }
}
