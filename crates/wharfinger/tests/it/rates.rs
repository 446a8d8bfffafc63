//! Rate limits of keys.

use crate::support::client::{Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::{Server, run};

fn order(key: usize) -> String {
    format!(
        r#"{{"trkref":"TRK001","order_ref":"R-{key}","order_date":"01-02-2026","customer":{{"email":"a@example.com"}},"order_items":[{{"sku":"S"}}]}}"#
    )
}

fn batch(orders: usize) -> Request {
    batch_of("full", orders)
}

fn batch_of(key: &str, orders: usize) -> Request {
    let orders: Vec<_> = (0..orders).map(order).collect();
    let request = Request::new("POST", "/v4/customer_orders");
    let request = request.header("authorization", basic(key));
    request.body(format!("[{}]", orders.join(",")))
}

fn list() -> Request {
    let request = Request::new("GET", "/v1/organisations");
    request.header("authorization", format!("Bearer {}", secret_of("full")))
}

fn told(answer: &Response) -> (Option<&str>, Option<&str>) {
    (
        answer.header("ratelimit-policy"),
        answer.header("ratelimit"),
    )
}

#[test]
fn without_a_limit_nothing_is_told_of_one() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let answer = server.send(&batch(1));
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(told(&answer), (None, None));
}

#[test]
fn a_request_too_many_is_429_in_the_form_of_its_dialect() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--requests-per-second", "1"]);
    let first = server.send(&batch(1));
    assert_eq!(first.status, 202, "{}", first.text());
    let policy = Some("\"requests\";q=1;w=1");
    assert_eq!(told(&first), (policy, Some("\"requests\";r=0;t=1")));

    // The next request is refused, unless the machine takes a second for it. The refusal is in the dialect's own form, and
    // precedes the check of the scope.
    let refused = (0..100).find_map(|_| {
        let answer = server.send(&batch(2));
        (answer.status == 429).then_some(answer)
    });
    let refused = refused.expect("the server does not take a second for a request");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(told(&refused).0, policy);
    assert_eq!(refused.json()["status"], 429);
    let refused = (0..100).find_map(|_| {
        let answer = server.send(&list());
        (answer.status == 429).then_some(answer)
    });
    let refused = refused.expect("a scope that the key lacks is told afterwards");
    let media_type = refused.header("content-type");
    assert_eq!(media_type, Some("application/problem+json"));
    assert_eq!(refused.json()["code"], "rate_limited");

    // Missing and invalid keys have no such limit. Another key has its own.
    let without = server.send(&Request::new("POST", "/v4/customer_orders").body("[]"));
    assert_eq!(without.status, 401);
    assert_eq!(told(&without), (None, None));
    assert_eq!(server.send(&batch_of("one", 1)).status, 202);
}

#[test]
fn orders_are_charged_when_they_are_known_and_paid_for_before_the_next_request() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--orders-per-second", "10"]);
    let first = server.send(&batch(36_010));
    assert_eq!(first.status, 202, "{}", first.text());
    let policy = Some("\"orders\";q=10;w=1");
    // An hour's worth of orders, so the speed of the machine does not matter.
    assert_eq!(told(&first).0, policy);
    let next = server.send(&batch(1));
    assert_eq!(next.status, 429);
    assert!(
        told(&next).1.unwrap().starts_with("\"orders\";r=0;t=3"),
        "{next:?}"
    );
    let wait: u64 = next.header("retry-after").unwrap().parse().unwrap();
    assert!((2_700..=3_600).contains(&wait), "{wait}");
}

#[test]
fn a_key_may_have_rates_of_its_own() {
    let data = fixture::data_directory();
    let arguments = [
        "key",
        "create",
        "--org",
        "TRK001",
        "--requests-per-second",
        "5000",
        "--orders-per-second",
        "7000",
        "--json",
    ];
    let made = run(data.path(), &arguments);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let server = Server::start_with(data.path(), &["--requests-per-second", "1"]);
    let secret = made["secret"].as_str().unwrap();
    for _ in 0..5 {
        let request = Request::new("GET", "/v1/organisations");
        let answer = server.send(&request.header("authorization", format!("Bearer {secret}")));
        assert_eq!(answer.status, 403, "{}", answer.text());
        let policy = "\"requests\";q=5000;w=1, \"orders\";q=7000;w=1";
        assert_eq!(told(&answer).0, Some(policy));
    }
    // Counts survive when the server reloads the keys.
    let listed = run(data.path(), &["key", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("5000 requests/s  7000 orders/s"),
        "{listed}"
    );
}
