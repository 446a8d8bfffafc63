//! Answers of the resources.

use axum::response::Response;
use serde::Serialize;
use wharfinger_core::dialect::Reply;

use super::super::answer::respond;

/// A page of a list: what it holds, and where the next one begins.
#[derive(Serialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) next: Option<String>,
}

/// A JSON body with 200.
pub(super) fn ok(body: &impl Serialize) -> Response {
    respond(Reply::json(200, body))
}

/// Milliseconds since 1970 as RFC 3339, in UTC.
pub(super) fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}
