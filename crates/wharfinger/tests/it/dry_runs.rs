//! Dry runs, on every route that takes orders: the answer that would come, and nothing of it stays.

use wharfinger::http::dialect_routes;

use crate::support::case::normalise;
use crate::support::changes::{Change, administrator, assert_refused, changes};
use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::{get, order, request};

/// An answer as a dry run and the run itself share it.
fn told(answer: &Response) -> (u16, Option<String>, String) {
    let body = normalise(answer.text()).replace(r#""dry_run":true,"#, "");
    let content_type = answer.header("content-type").map(str::to_owned);
    (answer.status, content_type, body)
}

fn submitting(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().filter(|change| change.submits)
}

#[test]
fn a_dry_run_is_answered_as_the_run_itself_and_stores_nothing() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    for change in submitting(&changes) {
        let before = rows(data.path());
        let by_query = server.send(&change.request_with("dry_run=true"));
        let by_header = change.request().header("wharfinger-dry-run", "true");
        let by_header = server.send(&by_header);
        let keyed = by_query_and_key(change);
        let keyed = server.send(&keyed);
        assert!(
            before == rows(data.path()),
            "{change}: something was stored"
        );
        let done = server.send(&change.request().header("wharfinger-dry-run", "false"));
        assert!(done.status < 300, "{change}: {}", done.text());
        for tried in [&by_query, &by_header, &keyed] {
            assert_eq!(told(tried), told(&done), "{change}");
            assert_eq!(tried.header("wharfinger-dry-run"), Some("true"));
            assert!(tried.header("wharfinger-batch-id").is_some());
        }
        assert_eq!(done.header("wharfinger-dry-run"), None, "{change}");
        assert!(before != rows(data.path()), "{change}: nothing was stored");
        if change.dialect == "native" {
            assert_eq!(by_query.json()["dry_run"], true);
            assert_eq!(done.json().get("dry_run"), None);
        }
    }
    let tried: Vec<_> = submitting(&changes).map(|change| change.route).collect();
    assert_eq!(tried.len(), 11, "every route that takes orders: {tried:?}");
}

/// A dry run leaves the idempotency key free.
fn by_query_and_key(change: &Change) -> Request {
    change
        .request_with("dry_run=true")
        .header("idempotency-key", format!("dry {change}"))
}

/// Orders that are known, changed, repeated, faulty or final are told of as what they would be.
#[test]
fn a_dry_run_knows_what_is_stored_and_what_stands_before() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/batches?organisation=TRK001";
    let send = |target: &str, orders: &[serde_json::Value]| {
        let body = serde_json::to_vec(orders).unwrap();
        server.send(&request("POST", target, "one").body(body))
    };
    send(target, &[order("A"), order("B")]);
    let mut changed = order("B");
    changed["instructions"] = "Ring".into();
    let orders = [
        order("A"),
        changed,
        order("C"),
        order("C"),
        serde_json::json!({"key": "D"}),
    ];
    for policy in ["all_or_nothing", "partial"] {
        let target = format!("{target}&policy={policy}");
        let tried = send(&format!("{target}&dry_run=true"), &orders);
        let done = send(&target, &orders);
        assert_eq!(told(&tried), told(&done));
    }
    let tried = send(&format!("{target}&dry_run=true"), &orders);
    let id = tried.header("wharfinger-batch-id").unwrap();
    let receipt = server.send(&request("GET", &format!("/v1/batches/{id}"), "one"));
    assert_eq!(receipt.status, 404, "a dry run has no receipt");
    let receipts = get(&server, "/v1/batches");
    assert_eq!(receipts["data"].as_array().unwrap().len(), 3);
}

#[test]
fn a_dry_run_is_asked_for_with_true_and_nothing_else() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    let before = rows(data.path());
    for change in &changes {
        for value in ["", "1", "yes", "True", "true,true"] {
            let by_query = change.request_with(&format!("dry_run={value}"));
            assert_refused(change.dialect, &server.send(&by_query), 400);
            let by_header = change.request().header("wharfinger-dry-run", value);
            assert_refused(change.dialect, &server.send(&by_header), 400);
        }
    }
    assert!(before == rows(data.path()), "something was stored");
}

/// A change that cannot be tried is not made.
#[test]
fn what_cannot_be_tried_is_refused() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    let import = "/v1/imports/019a0000-0000-4000-8000-00000000000a";
    let put = request("PUT", &format!("{import}?organisation=TRK001"), "one");
    let put = put
        .header("import-complete", "?0")
        .body(order("I").to_string());
    assert_eq!(server.send(&put).status, 200);
    let before = rows(data.path());
    for change in changes.iter().filter(|change| !change.submits) {
        let by_query = change.request_with("dry_run=true");
        assert_refused(change.dialect, &server.send(&by_query), 400);
        let by_header = change.request().header("wharfinger-dry-run", "true");
        assert_refused(change.dialect, &server.send(&by_header), 400);
    }
    for method in ["PUT", "DELETE"] {
        let by_query = request(method, &format!("{import}?dry_run=true"), "one");
        assert_refused(
            "native",
            &server.send(&by_query.body(order("J").to_string())),
            400,
        );
        let by_header = request(method, import, "one").header("wharfinger-dry-run", "true");
        assert_refused("native", &server.send(&by_header), 400);
    }
    assert!(before == rows(data.path()), "something was changed");
    let routes = dialect_routes().into_iter();
    let changing = routes.filter(|(method, _, _)| *method != "GET");
    assert_eq!(
        changing.count(),
        changes.len() + 2,
        "every route is tried here"
    );
}
