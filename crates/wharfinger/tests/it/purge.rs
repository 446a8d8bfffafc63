//! Purging old orders with the real command, while a server is running.

mod broken_off;
mod warnings;

use std::path::Path;

use serde_json::{Value, json};
use wharfinger::store::EmailRuns;

use crate::support::changes::{assert_refused, code};
use crate::support::client::Response;
use crate::support::database::{self, Database};
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::sse::Events;
use crate::support::stored::{self, check, settled};
use crate::support::v1::{batch_id, get, order, request, submit};

/// A date after everything that [`age`] made old, and before everything else.
const DATE: &str = "2020-01-01";

/// Moves everything stored so far to the year 2000.
fn age(data: &Path) {
    let age = "update blocks set at_ms = 946684800000, latest_ms = 946684800000 where at_ms > 1577836800000; \
               update batches set received_at_ms = 946684800000 where received_at_ms > 1577836800000; \
               update audit set at_ms = 946684800000 where at_ms > 1577836800000;";
    settled(data).run(age);
}

fn purge(data: &Path, date: &str) -> Value {
    let done = run(data, &["purge", "--before", date, "--json"]);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    serde_json::from_slice(&done.stdout).unwrap()
}

fn post(server: &Server, target: &str) {
    let response = server.send(&request("POST", target, "full"));
    assert_eq!(response.status, 200, "{}", response.text());
}

fn ask(server: &Server, target: &str) -> Response {
    server.send(&request("GET", target, "full"))
}

fn told(key: &str, instructions: &str) -> Value {
    let mut told = order(key);
    told["instructions"] = instructions.into();
    told["customer"] = json!({"email": format!("{key}@example.com")});
    told
}

/// The keys of a list of orders.
fn keys(server: &Server, query: &str) -> Vec<String> {
    let page = get(server, &format!("/v1/orders?{query}"));
    let orders = page["data"].as_array().unwrap().iter();
    orders
        .map(|order| order["key"].as_str().unwrap().to_owned())
        .collect()
}

/// The first organisation's events after a cursor (empty for the beginning).
fn events(server: &Server, cursor: &str) -> Vec<Value> {
    let after = match cursor {
        "" => String::new(),
        cursor => format!("&after={cursor}"),
    };
    let target = format!("/v1/events?organisation=TRK001&limit=1000{after}");
    get(server, &target)["data"].as_array().unwrap().clone()
}

fn has(data: &Path, words: &str) -> bool {
    let file = match database::url(data) {
        Some(_) => Database::of(data).contents(),
        None => std::fs::read(data.join("orders.db")).unwrap(),
    };
    let words = words.as_bytes();
    file.windows(words.len()).any(|window| window == words)
}

fn assert_whole(data: &Path) {
    assert_eq!(check(data).faults, Vec::<String>::new());
}

/// Asserts that the old entries of the audit log about orders are gone, and no others.
fn assert_audited(data: &Path, removed: &Value) {
    assert_eq!(removed["audit"], 3);
    let entries = |of: &str| {
        let count = format!("select count(*) from audit where action like '{of}'");
        Database::of(data).number(&count)
    };
    assert_eq!(entries("order.%"), 2);
    assert_eq!(entries("orders.purge"), 1);
    assert!(entries("organisation.%") > 0 && entries("key.%") > 0);
}

/// What [`fill`] created.
struct Filled {
    /// The ids of orders a, b, c and d.
    ids: Vec<String>,
    /// Their batch, a batch that only updates orders, and one of another organisation.
    batches: [String; 3],
    /// A cursor from before the purge.
    cursor: String,
}

/// Creates old orders: a is processed, b cancelled in its second revision, c open, and d processed recently. Then adds newer
/// ones.
fn fill(data: &Path, server: &Server) -> Filled {
    let first = [
        told("a", "the words of a"),
        told("b", "the words of b"),
        told("c", "the words of c"),
        told("d", "the words of d"),
        json!({"key": "faulty"}),
    ];
    let (first, ids) = submit(server, "TRK001", &first);
    let cursor = get(server, "/v1/events?limit=2")["next"].clone();
    let changes = [told("b", "other words of b"), told("a", "the words of a")];
    let (second, _) = submit(server, "TRK001", &changes);
    submit(
        server,
        "TRK001",
        &[json!({"key": "x", "instructions": "the words of x"})],
    );
    let (elsewhere, others) = submit(server, "TRK002", &[told("a", "words elsewhere")]);
    post(server, &format!("/v1/orders/{}/process", ids[0]));
    post(server, &format!("/v1/orders/{}/cancel", ids[1]));
    let report = r#"{"status":"picked"}"#;
    let target = format!("/v1/orders/{}/fulfilment", ids[0]);
    let reported = server.send(&request("PUT", &target, "full").body(report));
    assert_eq!(reported.status, 200, "{}", reported.text());
    age(data);
    // Everything from here on is recent.
    post(server, &format!("/v1/orders/{}/process", ids[3]));
    post(server, &format!("/v1/orders/{}/process", others[0]));
    // A processed order cannot be updated. This rejection is stored with a recent text.
    let late = [told("a", "late words"), told("e", "the words of e")];
    submit(server, "TRK001", &late);
    Filled {
        ids,
        batches: [&first, &second, &elsewhere].map(|answer| batch_id(answer).to_owned()),
        cursor: cursor.as_str().unwrap().to_owned(),
    }
}

#[test]
fn old_final_orders_go_with_all_that_was_said_of_them() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let Filled { ids, batches, .. } = fill(data.path(), &server);
    build_runs(data.path());
    assert_whole(data.path());
    let elsewhere = get(&server, "/v1/events?organisation=TRK002");

    let removed = purge(data.path(), DATE);
    let of = &removed["organisations"];
    assert_eq!(of[0]["organisation"], "TRK001");
    // Each was accepted, and processed or cancelled. b was updated, and a had a fulfilment report.
    assert_eq!((&of[0]["orders"], &of[0]["events"]), (&json!(2), &json!(6)));
    assert_eq!((&of[1]["orders"], &of[1]["events"]), (&json!(0), &json!(0)));
    assert_eq!(removed["receipts"], 2);
    assert_whole(data.path());
    assert_audited(data.path(), &removed);

    for id in &ids[..2] {
        for part in ["", "/history"] {
            assert_eq!(ask(&server, &format!("/v1/orders/{id}{part}")).status, 404);
        }
        let target = format!("/v1/orders/{id}/process");
        assert_eq!(server.send(&request("POST", &target, "full")).status, 404);
    }
    for id in &ids[2..4] {
        assert_eq!(
            ask(&server, &format!("/v1/orders/{id}/history")).status,
            200
        );
    }
    assert_eq!(keys(&server, "organisation=TRK001"), ["c", "d", "e"]);
    assert_eq!(keys(&server, "organisation=TRK002"), ["a"]);
    assert_eq!(keys(&server, "organisation=TRK001&state=processed"), ["d"]);
    for filter in [
        "key=a",
        "email=a@example.com",
        "email=b@example.com",
        "state=cancelled",
    ] {
        let query = format!("organisation=TRK001&{filter}");
        assert_eq!(keys(&server, &query), Vec::<String>::new(), "{query}");
    }
    for since in ["1999-01-01", "2010-01-01"] {
        let query = format!("organisation=TRK001&updated_after={since}T00:00:00Z");
        let mut listed = keys(&server, &query);
        listed.sort();
        let expected = if since == "1999-01-01" {
            vec!["c", "d", "e"]
        } else {
            vec!["d", "e"]
        };
        assert_eq!(listed, expected, "{query}");
    }
    assert_receipts(&server, &batches);
    assert_eq!(get(&server, "/v1/events?organisation=TRK002"), elsewhere);

    // The key is free, and the new order is a different one.
    let (_, again) = submit(&server, "TRK001", &[told("a", "new words")]);
    assert_ne!(again[0], ids[0]);
    assert_eq!(
        get(&server, &format!("/v1/orders/{}", again[0]))["revision"],
        1
    );
    let audit = run(data.path(), &["check", "--json"]);
    assert!(
        audit.status.success(),
        "{}",
        String::from_utf8_lossy(&audit.stderr)
    );
    // A second purge has nothing to do.
    let removed = purge(data.path(), DATE);
    assert_eq!(
        (&removed["organisations"][0]["orders"], &removed["receipts"]),
        (&json!(0), &json!(0))
    );
    assert_whole(data.path());
}

/// The counts are those of the response. The results list only the remaining orders.
fn assert_receipts(server: &Server, batches: &[String; 3]) {
    let receipt = get(server, &format!("/v1/batches/{}", batches[0]));
    assert_eq!(
        (&receipt["received"], &receipt["accepted"]),
        (&json!(5), &json!(4))
    );
    let results = get(server, &format!("/v1/batches/{}/results", batches[0]));
    let results = results["data"].as_array().unwrap().iter();
    let indexes: Vec<_> = results.map(|result| result["index"].clone()).collect();
    assert_eq!(indexes, [2, 3, 4]);
    assert_eq!(
        ask(server, &format!("/v1/batches/{}", batches[1])).status,
        404
    );
    assert_eq!(
        ask(server, &format!("/v1/batches/{}", batches[2])).status,
        200
    );
}

#[test]
fn the_words_of_purged_orders_are_in_no_file() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(data.path(), &server);
    stop(server);
    for words in ["the words of a", "other words of b", "the words of c"] {
        assert!(has(data.path(), words), "{words}");
    }
    let server = Server::start(data.path());
    purge(data.path(), DATE);
    stop(server);
    for words in [
        "the words of a",
        "the words of b",
        "the words of x",
        "other words of b",
        "picked",
    ] {
        assert!(!has(data.path(), words), "{words}");
    }
    for words in ["the words of c", "the words of d", "words elsewhere"] {
        assert!(has(data.path(), words), "{words}");
    }
}

/// Stops a server cleanly, so that the log is written to the database file.
fn stop(server: Server) {
    server.terminate();
    assert!(server.wait().0.success());
}

#[test]
fn a_cursor_of_what_was_purged_is_told_where_to_go_on() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let Filled { cursor, .. } = fill(data.path(), &server);
    let before = events(&server, "");
    let mut cursors = Vec::new();
    for _ in &before {
        let after = cursors.last().map(|cursor| format!("&after={cursor}"));
        let target = "/v1/events?organisation=TRK001&limit=1";
        let page = get(&server, &(target.to_owned() + &after.unwrap_or_default()));
        cursors.push(page["next"].as_str().unwrap().to_owned());
    }
    purge(data.path(), DATE);

    let target = format!("/v1/events?after={cursor}");
    let gone = ask(&server, &target);
    assert_refused("native", &gone, 410);
    assert_eq!(code(&gone), "gone");
    let stream = request("GET", &target, "full").header("accept", "text/event-stream");
    assert_eq!(server.send(&stream).status, 410);
    let first = gone.json()["first"].as_str().unwrap().to_owned();
    let left = events(&server, &first);
    assert_eq!(
        events(&server, ""),
        left,
        "a reader without a cursor begins there"
    );
    let cut = before.len() - left.len();
    assert!(cut > 0 && !left.is_empty(), "{left:?}");
    assert_eq!(before[cut..], left);
    for (read, cursor) in (1..).zip(&cursors) {
        let target = format!("/v1/events?organisation=TRK001&after={cursor}");
        let status = if read < cut { 410 } else { 200 };
        assert_eq!(ask(&server, &target).status, status, "{read} of {cut}");
    }
    let target = format!("/v1/events?organisation=TRK001&after={first}");
    let mut stream = Events::open(server.address, &request("GET", &target, "full"));
    let streamed: Vec<_> = left.iter().map_while(|_| stream.next()).collect();
    let ids: Vec<_> = streamed
        .iter()
        .map(|event| event.data["id"].clone())
        .collect();
    let expected: Vec<_> = left.iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, expected);
    // In a feed of all organisations, only the outdated position moves forward.
    let gone = ask(&server, &format!("/v1/events?after={cursor}"));
    assert_refused("native", &gone, 410);
    let first = gone.json()["first"].as_str().unwrap().to_owned();
    let all = get(&server, &format!("/v1/events?limit=1000&after={first}"));
    let organisations: Vec<_> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["organisation"].clone())
        .collect();
    let of = |code: &str| organisations.iter().filter(|of| *of == code).count();
    assert_eq!((of("TRK001"), of("TRK002")), (left.len(), 3));
}

#[test]
fn a_reader_who_has_read_everything_misses_nothing_when_whole_journals_are_purged() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A"), order("B")]);
    submit(&server, "TRK002", &[order("A")]);
    let middle = get(&server, "/v1/events?limit=5")["next"].clone();
    for id in ids {
        let moved = server.send(&request(
            "POST",
            &format!("/v1/orders/{id}/process"),
            "full",
        ));
        assert_eq!(moved.status, 200, "{}", moved.text());
    }
    let end = get(&server, "/v1/events")["next"].clone();
    let after = |cursor: &Value| format!("/v1/events?after={}", cursor.as_str().unwrap());
    age(data.path());
    purge(data.path(), DATE);
    let blocks = Database::of(data.path()).count("blocks where id < 2 * 4294967296");
    assert_eq!(blocks, 0);
    assert_eq!(get(&server, &after(&end))["data"], json!([]));
    submit(&server, "TRK001", &[order("C")]);
    let types = |page: &Value| {
        let events = page["data"].as_array().unwrap().iter();
        Vec::from_iter(events.map(|event| event["type"].clone()))
    };
    let new = ["batch.received", "order.accepted"];
    assert_eq!(types(&get(&server, &after(&end))), new);
    // Who has not read the changes of state is told that they are gone, and then nothing else.
    let gone = ask(&server, &after(&middle));
    assert_refused("native", &gone, 410);
    let first = get(&server, &after(&gone.json()["first"]));
    assert_eq!(types(&first), new);
    assert_eq!(get(&server, &after(&first["next"]))["data"], json!([]));
}

/// Builds the e-mail index of everything stored so far.
fn build_runs(data: &Path) {
    let email_runs = EmailRuns {
        blocks_min: 1,
        ..EmailRuns::default()
    };
    stored::build_runs(data, email_runs);
}

#[test]
fn a_date_that_makes_no_sense_is_refused() {
    let data = fixture::data_directory();
    for (date, why) in [
        ("2999-01-01", "future"),
        ("yesterday", "not a date"),
        ("2025-02-30", "not a date"),
    ] {
        let refused = run(data.path(), &["purge", "--before", date]);
        assert!(!refused.status.success(), "{date}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(why), "{date}: {said}");
    }
    assert!(!run(data.path(), &["purge"]).status.success());
}
