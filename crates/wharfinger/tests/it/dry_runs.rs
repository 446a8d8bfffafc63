//! Dry runs on every route that accepts orders: the response is the same, and nothing is stored.

use uuid::Uuid;
use wharfinger::http::dialect_routes;
use wharfinger_core::dialect::Action;
use wharfinger_core::dialects;

use crate::support::case::normalise;
use crate::support::changes::{Change, administrator, assert_refused, changes};
use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::{get, order, request};

/// The parts of a response that a dry run and the real run share.
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
            let batch = tried.header("wharfinger-batch-id").unwrap();
            assert!(batch.starts_with("00000000-"), "{change}: {batch}");
        }
        assert_eq!(done.header("wharfinger-dry-run"), None, "{change}");
        assert!(before != rows(data.path()), "{change}: nothing was stored");
        assert_made_up(&server, change, &by_query);
        if change.dialect == "native" {
            if let Some(results) = by_query.json().get("results") {
                let order = &results[0]["order_id"];
                assert!(order.as_str().unwrap().starts_with("00000000-"), "{order}");
            }
            assert_eq!(by_query.json()["dry_run"], true);
            assert_eq!(done.json().get("dry_run"), None);
        }
    }
    let tried: Vec<_> = submitting(&changes).map(|change| change.route).collect();
    let operations = dialects::ALL
        .iter()
        .flat_map(|dialect| dialect.operations());
    let submitting =
        operations.filter(|operation| matches!(operation.action, Action::Submit { .. }));
    assert_eq!(
        tried.len(),
        // Rejected orders are sent again, and texts of orders are replaced, by routes of the native API, which no dialect lists.
        submitting.count() + 2,
        "every route that takes orders: {tried:?}"
    );
}

/// Asserts that nobody can take an id of a dry run for one of an order that is stored.
fn assert_made_up(server: &Server, change: &Change, tried: &Response) {
    let texts = tried
        .text()
        .split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
    let ids = texts.filter(|text| text.len() == 36 && Uuid::try_parse(text).is_ok());
    for id in ids.filter(|id| !id.starts_with("00000000-")) {
        let stored = server.send(&request("GET", &format!("/v1/orders/{id}"), "full"));
        assert_eq!(stored.status, 200, "{change}: {id}");
    }
}

/// A dry run leaves the idempotency key unused.
fn by_query_and_key(change: &Change) -> Request {
    change
        .request_with("dry_run=true")
        .header("idempotency-key", format!("dry {change}"))
}

/// Known, changed, repeated, faulty and final orders get the outcome that they would have.
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

/// A dry run of an import judges line by line, and leaves no trace.
#[test]
fn an_import_is_tried_and_stores_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let stored = "/v1/batches?organisation=TRK001";
    let known = request("POST", stored, "one").body(order("KNOWN").to_string());
    assert_eq!(server.send(&known).status, 200);
    let import = "/v1/imports/019a0000-0000-4000-8000-00000000000b";
    let target = format!("{import}?organisation=TRK001");
    // More lines than a chunk has. Two are invalid, and the last one is a duplicate.
    let mut lines: Vec<String> = (0..5_000)
        .map(|n| order(&format!("N-{n}")).to_string())
        .collect();
    lines[1] = order("KNOWN").to_string();
    lines[2] = r#"{"key":"BAD"}"#.into();
    lines[3] = "no JSON".into();
    lines.push(order("N-4999").to_string());
    let body = lines.join("\n");
    let put = |target: &str| {
        let request = request("PUT", target, "one");
        let request = request.header("content-type", "application/x-ndjson");
        request.body(body.clone())
    };
    let before = rows(data.path());
    let tried = server.send(&put(&format!("{target}&dry_run=true")));
    let by_header = server.send(&put(&target).header("wharfinger-dry-run", "true"));
    assert!(before == rows(data.path()), "something was stored");
    let shown = server.send(&request("GET", import, "one"));
    assert_eq!(shown.status, 404, "there is no import");
    for tried in [&tried, &by_header] {
        assert_eq!(tried.status, 200, "{}", tried.text());
        assert_eq!(tried.header("wharfinger-dry-run"), Some("true"));
        let told = tried.json();
        assert_eq!(
            (&told["dry_run"], &told["state"]),
            (&true.into(), &"complete".into())
        );
        assert!(told["pieces"].as_u64().unwrap() >= 1);
        let rejections = told["rejections"].as_array().unwrap();
        let at: Vec<_> = rejections
            .iter()
            .map(|line| line["line"].as_u64().unwrap())
            .collect();
        assert_eq!(at, [3, 4]);
        assert_eq!(rejections[0]["key"], "BAD");
        assert_eq!(rejections[0]["errors"][0]["pointer"], "/placed_at");
        assert_eq!(told.get("batches"), None);
    }
    let done = server.send(&put(&target));
    assert_eq!(done.status, 200, "{}", done.text());
    for count in [
        "lines_committed",
        "received",
        "accepted",
        "updated",
        "unchanged",
        "rejected",
    ] {
        assert_eq!(tried.json()[count], done.json()[count], "{count}");
    }
    assert_eq!(done.json()["unchanged"], 2);
    // A dry run gets the same refusals as the import itself.
    let again = server.send(&put(&format!("{target}&dry_run=true")));
    assert_refused("native", &again, 409);
    assert_eq!(again.header("import-offset"), Some("5001"));
    let fresh = format!(
        "/v1/imports/019a0000-0000-4000-8000-00000000000c?{}",
        "organisation=TRK001&dry_run=true"
    );
    let behind = server.send(&put(&fresh).header("import-offset", "7"));
    assert_refused("native", &behind, 409);
}

/// If an operation does not support dry runs, it must not be executed.
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
    let by_query = request("DELETE", &format!("{import}?dry_run=true"), "one");
    assert_refused("native", &server.send(&by_query), 400);
    let by_header = request("DELETE", import, "one").header("wharfinger-dry-run", "true");
    assert_refused("native", &server.send(&by_header), 400);
    assert!(before == rows(data.path()), "something was changed");
    let routes = dialect_routes().into_iter();
    let changing = routes.filter(|(method, _, _)| *method != "GET");
    // The tests of a destination and of rules store nothing.
    let changing = changing.filter(|(_, path, _)| !path.ends_with("/test"));
    assert_eq!(
        changing.count(),
        changes.len() + 2,
        "every route is tried here"
    );
}
