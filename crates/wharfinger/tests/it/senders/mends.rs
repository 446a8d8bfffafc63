//! `mends`: a batch names the one whose rejected orders it sends again.

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::stored::{rows, settled};
use crate::support::v1::{batch_id, get, order, request, submit};

/// Sends an order that mends a batch.
fn mend(server: &Server, key: &str, mended: &str, order: &Value) -> Response {
    let target = format!("/v1/batches?organisation=TRK001&mends={mended}");
    server.send(&request("POST", &target, key).body(order.to_string()))
}

#[test]
fn the_receipt_names_the_batch_that_it_mends() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (first, _) = submit(&server, "TRK001", &[order("A-1"), json!({"key": "A-2"})]);
    let mended = batch_id(&first);
    let second = mend(&server, "one", mended, &order("A-2"));
    assert_eq!(second.status, 200, "{}", second.text());
    let again = batch_id(&second);
    let receipt = get(&server, &format!("/v1/batches/{again}"));
    assert_eq!(receipt["mends"], mended);
    let receipt = get(&server, &format!("/v1/batches/{mended}"));
    assert_eq!(receipt.get("mends"), None, "{receipt}");
    let listed = get(&server, "/v1/batches?limit=10");
    let told: Vec<_> = listed["data"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[0]["id"], &told[0]["mends"]),
        (&json!(again), &json!(mended))
    );
    assert_eq!(told[1].get("mends"), None);
    // A batch in another dialect, and one of which no order is accepted.
    let target = format!("/v1/batches?organisation=TRK001&dialect=reevoo&mends={again}");
    let third = server.send(&request("POST", &target, "one").body("[{}]"));
    assert_eq!(third.status, 422, "{}", third.text());
    let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&third)));
    assert_eq!(receipt["mends"], again);
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_batch_that_the_key_cannot_see_is_like_one_that_does_not_exist() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (of_other, _) = submit(&server, "TRK002", &[order("A-1"), json!({"key": "A-2"})]);
    assert_eq!(of_other.status, 207, "{}", of_other.text());
    let before = rows(data.path());
    let unseen = mend(&server, "one", batch_id(&of_other), &order("B-1"));
    let unknown = mend(
        &server,
        "one",
        "0199aaaa-0000-7000-8000-000000000000",
        &order("B-1"),
    );
    assert_eq!(unseen.status, 400, "{}", unseen.text());
    assert_eq!(unseen.text(), unknown.text());
    let why = "Parameter mends must be the id of a batch that this key can see; nothing was stored";
    assert_eq!(unseen.json()["detail"], why);
    let dry = format!(
        "/v1/batches?organisation=TRK001&dry_run=true&mends={}",
        batch_id(&of_other)
    );
    let dry = server.send(&request("POST", &dry, "one").body(order("B-1").to_string()));
    assert_eq!(dry.text(), unseen.text());
    for hostile in [
        "",
        "7",
        "%00",
        "0199aaaa00007000800000000000000",
        "'%20or%201=1",
        "{0199aaaa}",
    ] {
        let refused = mend(&server, "one", hostile, &order("B-1"));
        assert_eq!(refused.status, 400, "{hostile}: {}", refused.text());
        let detail = refused.json()["detail"].clone();
        assert_eq!(
            detail, "Parameter mends must be the id of a batch",
            "{hostile}"
        );
    }
    assert_eq!(rows(data.path()), before, "nothing was stored");
    // The key that reaches both may.
    let seen = mend(&server, "full", batch_id(&of_other), &order("B-1"));
    assert_eq!(seen.status, 200, "{}", seen.text());
}

#[test]
fn the_receipt_hides_a_mended_batch_from_a_key_that_cannot_see_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (of_other, _) = submit(&server, "TRK002", &[json!({"key": "A-1"})]);
    let (own, _) = submit(&server, "TRK001", &[json!({"key": "A-2"})]);
    let (of_other, own) = (batch_id(&of_other), batch_id(&own));
    let mending_other = mend(&server, "full", of_other, &order("A-1"));
    let mending_own = mend(&server, "full", own, &order("A-2"));
    let read = |key: &str, path: &str| {
        let response = server.send(&request("GET", path, key));
        assert_eq!(response.status, 200, "{}", response.text());
        response
    };
    let sees = |key: &str, batch: &Response, mended: Option<&str>| {
        let id = batch_id(batch);
        let receipt = read(key, &format!("/v1/batches/{id}")).json();
        assert_eq!(receipt.get("mends").and_then(Value::as_str), mended);
        let listed = read(key, "/v1/batches").json();
        let mut rows = listed["data"].as_array().unwrap().iter();
        let row = rows.find(|row| row["id"] == id).unwrap();
        assert_eq!(row.get("mends").and_then(Value::as_str), mended);
    };
    sees("full", &mending_other, Some(of_other));
    sees("full", &mending_own, Some(own));
    sees("one", &mending_other, None);
    sees("one", &mending_own, Some(own));
    assert!(!read("one", "/v1/batches").text().contains(of_other));
    // Nor does it show once the other batch is gone.
    settled(data.path()).run("update batches set received_at_ms = 946684800000");
    let purged = run(data.path(), &["purge", "--before", "2020-01-01"]);
    assert!(purged.status.success(), "{purged:?}");
    sees("full", &mending_other, Some(of_other));
    sees("one", &mending_other, None);
}

#[test]
fn a_request_that_comes_again_has_the_same_receipt() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (first, _) = submit(&server, "TRK001", &[json!({"key": "A-2"})]);
    let target = format!("/v1/batches?organisation=TRK001&mends={}", batch_id(&first));
    let send = || {
        let request = request("POST", &target, "one").body(order("A-2").to_string());
        server.send(&request.header("idempotency-key", "once"))
    };
    let (once, again) = (send(), send());
    assert_eq!(once.status, 200, "{}", once.text());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(once.text(), again.text());
    let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&once)));
    assert_eq!(receipt["mends"], batch_id(&first));
    let listed = get(&server, "/v1/batches");
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_purge_of_the_mended_batch_leaves_the_reference_and_one_of_the_other_takes_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (first, _) = submit(&server, "TRK001", &[json!({"key": "A-2"})]);
    let second = mend(&server, "one", batch_id(&first), &order("A-2"));
    assert_eq!(second.status, 200, "{}", second.text());
    let age = |which: &str| {
        settled(data.path()).run(&format!(
            "update batches set received_at_ms = 946684800000 {which}"
        ));
        let purged = run(data.path(), &["purge", "--before", "2020-01-01"]);
        assert!(purged.status.success(), "{purged:?}");
    };
    let mended = || {
        Database::of(data.path())
            .rows("select batch from mended_batches")
            .len()
    };
    // Only the first has no orders.
    age("");
    let gone = server.send(&request(
        "GET",
        &format!("/v1/batches/{}", batch_id(&first)),
        "one",
    ));
    assert_eq!(gone.status, 404, "{}", gone.text());
    let path = format!("/v1/batches/{}", batch_id(&second));
    let receipt = server.send(&request("GET", &path, "one")).json();
    assert_eq!(receipt["mends"], batch_id(&first));
    assert_eq!(mended(), 1);
    // What a batch mends goes with its receipt.
    let rejected = mend(&server, "one", batch_id(&second), &json!({"key": "A-3"}));
    assert_eq!(rejected.status, 422, "{}", rejected.text());
    assert_eq!(mended(), 2);
    age("");
    assert_eq!(mended(), 1);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}
