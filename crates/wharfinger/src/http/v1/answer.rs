//! Answers of the resources.

use axum::response::Response;
use serde::Serialize;
use wharfinger_core::dialect::Reply;

use super::super::answer::respond;
pub(super) use crate::clock::rfc_3339 as time;

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
