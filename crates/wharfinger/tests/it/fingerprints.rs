//! Which requests with the same `Idempotency-Key` count as equal: those that agree in everything that determines their meaning.

use serde_json::Value;
use wharfinger::http::dialect_routes;

use crate::support::changes::{
    Change, administrator, assert_refused, changes, code, is_replayed, told,
};
use crate::support::client::{Request, Response};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::stored::{all_orders, rows};
use crate::support::v1::{self, order, submit};

/// Requests that differ from a change in one thing, each with the name of that thing.
fn varied(change: &Change, same: &Request, spare_order: &str) -> Vec<(String, Request)> {
    let mut varied = Vec::new();
    let mut vary = |what: &str, request: Request| varied.push((what.to_owned(), request));
    for (method, path, _) in dialect_routes() {
        if path == change.route.1 && method != change.route.0 && method != "GET" {
            vary(method, same.clone().method(method));
        }
    }
    let other_organisation = change.target.replacen("TRK001", "TRK002", 1);
    let other_order = match change.target.strip_prefix("/v1/orders/") {
        Some(rest) if rest.contains('/') => {
            let (_, action) = rest.split_once('/').unwrap();
            format!("/v1/orders/{spare_order}/{action}")
        }
        _ => change.target.clone(),
    };
    for target in [other_organisation, other_order] {
        if target != change.target {
            vary(&target, same.clone().target(&target));
        }
    }
    let mark = if change.target.contains('?') {
        '&'
    } else {
        '?'
    };
    for parameter in [
        "policy=all_or_nothing",
        "results=none",
        "dialect=reevoo",
        "organisation=TRK002",
        "dry_run=true",
        "dry_run=false",
        "x=1",
    ] {
        let target = format!("{}{mark}{parameter}", change.target);
        vary(parameter, same.clone().target(&target));
    }
    for (name, value) in [
        ("x-unread", "1"),
        ("wharfinger-dry-run", "true"),
        ("content-type", "application/x-ndjson"),
    ] {
        vary(name, same.clone().header(name, value));
    }
    if let Some(other) = same.with_value("TRK001", "TRK002") {
        vary("the organisation's field", other);
    }
    let body = format!("{} ", change.body);
    vary("the body", same.clone().body(body));
    varied
}

/// Whether a variation means the same as the change, because nothing reads the varied part.
fn means_the_same(change: &Change, what: &str) -> bool {
    let reads_body = change.submits || change.dialect == "native";
    let reads_media = reads_body && !change.body.is_empty();
    match what {
        "x-unread" => true,
        "content-type" => !reads_media,
        "the body" => !reads_body,
        _ => false,
    }
}

/// A second request with the same key is refused, or runs separately. It never gets the response to a request with a different
/// meaning.
#[test]
fn a_request_that_means_something_else_never_gets_the_kept_answer() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let (_, spare) = submit(&server, "TRK001", &[order("SPARE")]);
    for change in changes(&server, &secret) {
        let key = format!("varied for {change}");
        let same = change.request_of_full().header("idempotency-key", key);
        let first = server.send(&same);
        assert!(first.status < 300, "{change}: {}", first.text());
        let after_first = rows(data.path());
        let mut refused = 0;
        for (what, other) in varied(&change, &same, &spare[0]) {
            let answer = server.send(&other);
            if means_the_same(&change, &what) {
                assert_eq!(told(&answer), told(&first), "{change}: {what}");
                continue;
            }
            assert!(!is_replayed(&answer), "{change}: {what}");
            let is_tried = answer.header("wharfinger-dry-run") == Some("true");
            assert!(
                is_tried || (400..500).contains(&answer.status),
                "{change}: {what}: {}",
                answer.text()
            );
            refused += usize::from(answer.status == 422);
        }
        for (before, after) in after_first.iter().zip(rows(data.path())) {
            let table = &after.0;
            assert!(*before == after, "{change}: {table} has changed");
        }
        assert!(refused > 0, "{change}: some variations are well-formed");
        let again = server.send(&same);
        assert_eq!(told(&again), told(&first), "{change}");
        assert!(is_replayed(&again), "{change}");
    }
}

fn slips(server: &Server, request: Request, key: &str, organisation: Option<&str>) -> Response {
    let mut request = request.header("access_key", secret_of(key));
    if let Some(code) = organisation {
        request = request.header("site_id", code);
    }
    server.send(&request.header("idempotency-key", "slips"))
}

fn put_slip() -> Request {
    Request::new("PUT", "/api/customerorders")
        .body(r#"[{"packingslipno":"X","consignee":"Ann","country":"NZ"}]"#)
}

/// The organisation counts even if only a header field names it, whichever field that is.
#[test]
fn orders_of_another_organisation_are_not_answered_from_the_first_one() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let stored = |code: &str| all_orders(data.path(), code, "gosweetspot").len();
    let first = slips(&server, put_slip(), "full", Some("TRK001"));
    assert_eq!(first.status, 200, "{}", first.text());
    let second = slips(&server, put_slip(), "full", Some("TRK002"));
    assert_refused("gosweetspot", &second, 422);
    let by_hyphen = put_slip().header("site-id", "TRK002");
    assert_refused("gosweetspot", &slips(&server, by_hyphen, "full", None), 422);
    assert_eq!((stored("TRK001"), stored("TRK002")), (1, 0));
    let again = slips(&server, put_slip(), "full", Some("TRK001"));
    assert!(is_replayed(&again));

    let fresh = put_slip().header("access_key", secret_of("full"));
    let fresh = fresh.header("site_id", "TRK002");
    let other = server.send(&fresh.header("idempotency-key", "fresh"));
    assert_eq!(other.status, 200);
    assert_eq!((stored("TRK001"), stored("TRK002")), (1, 1));

    let delete = |key: &str, code: &str| {
        let request = Request::new("DELETE", "/api/customerorders?packingslipno=X");
        let request = request.header("access_key", secret_of("full"));
        server.send(
            &request
                .header("site_id", code)
                .header("idempotency-key", key),
        )
    };
    let state = |code: &str| {
        let orders = all_orders(data.path(), code, "gosweetspot");
        orders[0].state.name()
    };
    assert_eq!(delete("gone", "TRK001").status, 200);
    assert_refused("gosweetspot", &delete("gone", "TRK002"), 422);
    assert_eq!((state("TRK001"), state("TRK002")), ("cancelled", "pending"));
    assert_eq!(delete("gone too", "TRK002").status, 200);
    assert_eq!(state("TRK002"), "cancelled");
}

/// A key with a single organisation implies it. Naming that organisation as well makes the same request.
#[test]
fn the_organisation_that_a_key_implies_is_the_one_that_counts() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let first = slips(&server, put_slip(), "one", None);
    assert_eq!(first.status, 200, "{}", first.text());
    let again = slips(&server, put_slip(), "one", Some("TRK001"));
    assert!(is_replayed(&again));
    assert_eq!(told(&again), told(&first));
    assert_eq!(all_orders(data.path(), "TRK001", "gosweetspot").len(), 1);
}

/// The same bytes are one order as JSON, and get a different response as lines.
#[test]
fn the_media_type_is_part_of_what_a_request_means() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let send = |media_type: Option<&str>, key: &str| {
        let request = v1::request("POST", "/v1/batches?organisation=TRK001", "one");
        let request = request.header("idempotency-key", key);
        let body = order("M").to_string();
        match media_type {
            Some(value) => server.send(&request.header("content-type", value).body(body)),
            None => server.send(&request.body(body)),
        }
    };
    let first = send(None, "k");
    assert_eq!(first.status, 200, "{}", first.text());
    assert!(is_replayed(&send(
        Some("application/json; charset=utf-8"),
        "k"
    )));
    let lines = send(Some("application/x-ndjson"), "k");
    assert_refused("native", &lines, 422);
    assert_eq!(code(&lines), "idempotency_key_reused");
    let lines = send(Some("application/x-ndjson"), "l");
    assert_eq!(lines.json()["results"][0]["line"], Value::from(1));
    assert!(is_replayed(&send(Some("application/jsonl"), "l")));
}
