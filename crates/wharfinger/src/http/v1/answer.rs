//! Responses of the resource routes.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::dialect::Reply;

use super::super::answer::respond;
pub(super) use crate::clock::rfc_3339 as time;

/// A page of a list.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{T}Page")]
pub(in crate::http) struct Page<T> {
    pub(super) data: Vec<T>,
    /// The cursor of the next page; null at the end.
    pub(super) next: Option<String>,
}

/// A page of a list of orders.
#[derive(Serialize)]
pub(super) struct OrderPage<T> {
    pub(super) data: Vec<T>,
    /// The cursor of the next page; null at the end.
    pub(super) next: Option<String>,
    /// How many orders match, if that was asked for and counters have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
}

/// A JSON body with status 200.
pub(super) fn ok(body: &impl Serialize) -> Response {
    respond(Reply::json(200, body))
}
