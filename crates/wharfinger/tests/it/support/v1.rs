//! Requests to the native API.

use serde_json::{Value, json};

use super::client::{Request, Response};
use super::fixture::secret_of;
use super::server::Server;
use super::stored::batch_of;

/// A request with a key of the fixture.
pub(crate) fn request(method: &str, target: &str, key: &str) -> Request {
    let secret = format!("Bearer {}", secret_of(key));
    Request::new(method, target).header("authorization", secret)
}

/// The JSON at a path. Asserts status 200.
pub(crate) fn get(server: &Server, target: &str) -> Value {
    let response = server.send(&request("GET", target, "full"));
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.json()
}

/// A valid order.
pub(crate) fn order(key: &str) -> Value {
    json!({"key": key, "placed_at": "2026-11-21", "lines": [{"sku": "S-1"}]})
}

/// Submits orders to an organisation. Returns the response, and the id that each order has if it is new.
pub(crate) fn submit(
    server: &Server,
    organisation: &str,
    orders: &[Value],
) -> (Response, Vec<String>) {
    let target = format!("/v1/batches?organisation={organisation}");
    let body = serde_json::to_vec(orders).unwrap();
    let response = server.send(&request("POST", &target, "full").body(body));
    let ids = (0..orders.len()).map(|index| order_id(&response, index));
    let ids = ids.collect();
    (response, ids)
}

/// The id of a new order in a response's batch, by its position from 0.
pub(crate) fn order_id(response: &Response, index: usize) -> String {
    let index = u32::try_from(index).unwrap();
    batch_of(response).order(index).to_string()
}

/// The id of a response's batch, as text.
pub(crate) fn batch_id(answer: &Response) -> &str {
    answer
        .header("wharfinger-batch-id")
        .expect("a batch has an id")
}
