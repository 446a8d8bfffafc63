//! `GET /v1/limits`.

use serde_json::{Value, json};

use crate::support::changes::administrator;
use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::v1::{get, order, request};

#[test]
fn limits_are_those_of_the_server() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let told = get(&server, "/v1/limits");
    let expected = json!({
        "body_bytes_max": 67_108_864,
        "orders_per_batch_max": 50_000,
        "order_bytes_max": 1_048_576,
        "order_depth_max": 64,
        "idempotency_hours": 24,
        "organisations": ["OFF001", "TRK001", "TRK002"],
        "all_organisations": false,
        "scopes": ["orders:write", "orders:read"],
        "rates": null,
    });
    assert_eq!(told, expected);
    drop(server);
    let settings = [
        "--body-bytes-max",
        "20000",
        "--orders-per-batch-max",
        "7",
        "--order-bytes-max",
        "3000",
        "--order-depth-max",
        "9",
        "--idempotency-hours",
        "2",
    ];
    let server = Server::start_with(data.path(), &settings);
    let told = get(&server, "/v1/limits");
    let expected = json!({
        "body_bytes_max": 20_000,
        "orders_per_batch_max": 7,
        "order_bytes_max": 3_000,
        "order_depth_max": 9,
        "idempotency_hours": 2,
        "organisations": ["OFF001", "TRK001", "TRK002"],
        "all_organisations": false,
        "scopes": ["orders:write", "orders:read"],
        "rates": null,
    });
    assert_eq!(told, expected);
}

#[test]
fn every_valid_key_may_ask_and_no_other() {
    let data = fixture::data_directory();
    let administrator = format!("Bearer {}", administrator(data.path()));
    let server = Server::start(data.path());
    let without = Request::new("GET", "/v1/limits");
    assert_eq!(server.send(&without).status, 401);
    let wrong = without.header("authorization", "Bearer whf_wrong");
    assert_eq!(server.send(&wrong).status, 401);
    for key in ["full", "one", "reader", "writer"] {
        let answer = server.send(&request("GET", "/v1/limits", key));
        assert_eq!(answer.status, 200, "{key}: {}", answer.text());
    }
    let of_reader = server.send(&request("GET", "/v1/limits", "reader")).json();
    assert_eq!(of_reader["organisations"], json!(["TRK001"]));
    assert_eq!(of_reader["scopes"], json!(["orders:read"]));
    let of_all = limits(&server, &administrator).json();
    assert_eq!(of_all["all_organisations"], true);
    let codes = json!(["OFF001", "SECRET9", "TRK001", "TRK002"]);
    assert_eq!(of_all["organisations"], codes);
    let unknown = server.send(&request("GET", "/v1/limits?organisation=TRK001", "full"));
    assert_eq!(unknown.status, 400, "{}", unknown.text());
}

/// The header field of a new key of one organisation.
fn new_key(data: &std::path::Path, rates: &[&str]) -> String {
    let arguments = ["key", "create", "--org", "TRK001", "--json"];
    let made = run(data, &[&arguments[..], rates].concat());
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    format!("Bearer {}", made["secret"].as_str().unwrap())
}

fn limits(server: &Server, bearer: &str) -> Response {
    let request = Request::new("GET", "/v1/limits");
    server.send(&request.header("authorization", bearer))
}

#[test]
fn what_is_left_of_the_rates_is_told() {
    let data = fixture::data_directory();
    let rates = ["--requests-per-second", "5000", "--orders-per-second", "1"];
    let both = new_key(data.path(), &rates);
    let of_orders = new_key(data.path(), &["--orders-per-second", "70"]);
    let server = Server::start(data.path());
    let rates = limits(&server, &both).json()["rates"].clone();
    assert_eq!(rates["requests_per_second"], 5_000);
    assert_eq!(rates["orders_per_second"], 1);
    assert_eq!(rates["orders_left"], 1);
    let left = rates["requests_left"].as_u64().unwrap();
    assert!((4_000..=5_000).contains(&left), "{left}");
    // The debt of 3,600 orders takes an hour to pay, so the speed of the machine does not matter.
    let orders: Vec<_> = (0..3_600).map(|at| order(&format!("L-{at}"))).collect();
    let batch = Request::new("POST", "/v1/batches?organisation=TRK001&results=none");
    let batch = batch.header("authorization", both.as_str());
    let answer = server.send(&batch.body(serde_json::to_vec(&orders).unwrap()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    // A request for the limits counts like any other.
    assert_eq!(limits(&server, &both).status, 429);

    let rates = limits(&server, &of_orders).json()["rates"].clone();
    let expected = json!({
        "requests_per_second": null,
        "requests_left": null,
        "orders_per_second": 70,
        "orders_left": 70,
    });
    assert_eq!(rates, expected);
}
