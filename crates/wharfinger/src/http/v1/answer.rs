//! Responses of the resource routes.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
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

/// Bytes of items at which a page is full.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// The items of a page, which ends early when it is full.
#[derive(Default)]
pub(super) struct Items {
    pub(super) data: Vec<Box<RawValue>>,
    bytes: usize,
}

impl Items {
    /// Adds an item. Returns whether the page had room for it; the first item always has.
    pub(super) fn add(&mut self, item: &impl Serialize) -> bool {
        let item = serde_json::value::to_raw_value(item);
        let item = item.expect("wire structs hold only text keys");
        self.bytes += item.get().len();
        let has_room = self.bytes <= PAGE_BYTES_MAX || self.data.is_empty();
        if has_room {
            self.data.push(item);
        }
        has_room
    }
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
