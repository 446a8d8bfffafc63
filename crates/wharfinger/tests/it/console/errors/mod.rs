//! Errors by cause, mending one order, and mending all of a cause.

mod all;
mod hostile;
mod one;
mod words;

use serde_json::Value;

use super::Cookie;
use crate::support::client::{Request, Response};
use crate::support::server::Server;
use crate::support::v1::request;

/// Sends orders of the organisation TRK001, as they are spelled. Returns the id of the batch.
fn send(server: &Server, orders: &str) -> String {
    let target = "/v1/batches?organisation=TRK001";
    let answer = server.send(&request("POST", target, "one").body(orders));
    assert!(
        [200, 207, 422].contains(&answer.status),
        "{}",
        answer.text()
    );
    answer
        .header("wharfinger-batch-id")
        .expect("a receipt")
        .to_owned()
}

/// The only rejection with an order key, by the API.
fn rejection(server: &Server, key: &str) -> Value {
    let target = format!("/v1/rejections?key={key}");
    let listed = server.send(&request("GET", &target, "one")).json();
    let rows = listed["data"].as_array().expect("a list");
    let [row] = rows.as_slice() else {
        panic!("{key}: {listed}")
    };
    row.clone()
}

fn id_of(rejection: &Value) -> String {
    rejection["id"].as_str().expect("an id").to_owned()
}

fn page_of(rejection: &Value) -> String {
    format!("/console/rejections/{}", id_of(rejection))
}

/// The order that mended a rejection, exactly as it was sent.
fn stored_text(server: &Server, rejection: &Value) -> String {
    let order = rejection["mended_by"]["order_id"]
        .as_str()
        .expect("it was mended");
    let target = format!("/v1/orders/{order}?as=submitted");
    let answer = server.send(&request("GET", &target, "one"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().to_owned()
}

/// Posts a form as a browser without JavaScript does.
fn post(server: &Server, cookie: &Cookie, path: &str, fields: &[(&str, &str)]) -> Response {
    let csrf = cookie.csrf(server);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("csrf", &csrf).extend_pairs(fields);
    server.send(&cookie.on(Request::new("POST", path)).body(form.finish()))
}
