//! Rejected orders over all batches: listing, mending, dismissing, and the names of files on receipts.

mod dismiss;
mod files;
mod kill;
mod list;
mod mends;
mod pages;
mod resubmit;
mod traces;

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::server::Server;
use crate::support::v1::{order, order_id, request, submit};

/// Sends an order that is rejected, for an organisation. Returns the id of the rejection.
fn rejected(server: &Server, organisation: &str, key: &str) -> String {
    let (response, _) = submit(server, organisation, &[json!({"key": key})]);
    assert_eq!(response.status, 422, "{}", response.text());
    order_id(&response, 0)
}

/// The response to a GET by a key.
fn ask(server: &Server, key: &str, target: &str) -> Response {
    server.send(&request("GET", target, key))
}

/// The JSON that a key sees.
fn seen(server: &Server, key: &str, target: &str) -> Value {
    let response = ask(server, key, target);
    assert_eq!(response.status, 200, "{key} {target}: {}", response.text());
    response.json()
}

/// The order keys of a list that a key sees.
fn keys(server: &Server, key: &str, query: &str) -> Vec<String> {
    let page = seen(server, key, &format!("/v1/rejections{query}"));
    let data = page["data"].as_array().unwrap().iter();
    data.map(|item| item["key"].as_str().unwrap_or("-").to_owned())
        .collect()
}

/// Sends a rejected order again, with this body.
fn resubmit(server: &Server, key: &str, id: &str, body: &str) -> Response {
    let target = format!("/v1/rejections/{id}/resubmit");
    server.send(&request("POST", &target, key).body(body.to_owned()))
}

/// Dismisses a rejected order, with this body.
fn dismiss(server: &Server, key: &str, id: &str, body: &str) -> Response {
    let target = format!("/v1/rejections/{id}/dismiss");
    server.send(&request("POST", &target, key).body(body.to_owned()))
}

/// The rejection as the key `full` sees it.
fn shown(server: &Server, id: &str) -> Value {
    seen(server, "full", &format!("/v1/rejections/{id}"))
}

/// A valid order as text.
fn good(key: &str) -> String {
    order(key).to_string()
}
