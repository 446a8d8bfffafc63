//! `Wharfinger-Simulate`: failures on demand, in every dialect, for keys that were made for tests.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::support::changes::{administrator, assert_refused, changes, is_replayed};
use crate::support::client::{Connection, Request, Response};
use crate::support::database::Database;
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, run};
use crate::support::stored::rows;
use crate::support::v1::{get, order, request};

/// A store whose keys are all for tests, and the secret of its administrator.
fn test_site() -> (DataDirectory, String) {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    Database::of(data.path()).run("insert into test_keys (id) select id from keys");
    (data, secret)
}

fn asking(request: Request, failure: &str) -> Request {
    request.header("wharfinger-simulate", failure)
}

/// Sends a request that gets no response. The server closes the connection.
fn send_in_vain(server: &Server, request: &Request) {
    let mut connection = Connection::open(server.address);
    connection.write(&request.bytes());
    assert_closed(&connection);
}

/// Waits until the server closes a connection on which it sends nothing. A read that times out fails.
fn assert_closed(connection: &Connection) {
    let read = loop {
        match connection.writer().read(&mut [0; 1_024]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    let is_closed = match &read {
        Ok(length) => *length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(is_closed, "{read:?}");
}

fn assert_retry(dialect: &str, answer: &Response, status: u16) {
    assert_refused(dialect, answer, status);
    let wait = answer.header("retry-after").expect("when to try again");
    assert!(wait.parse::<u64>().unwrap() >= 1, "{wait}");
    let name = status.to_string();
    assert_eq!(answer.header("wharfinger-simulated"), Some(name.as_str()));
}

#[test]
fn what_is_refused_or_cut_before_stores_nothing_and_what_is_cut_after_is_done() {
    let (data, secret) = test_site();
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    let before = rows(data.path());
    for change in &changes {
        for status in [503, 429] {
            let failed = server.send(&asking(change.request(), &status.to_string()));
            assert_retry(change.dialect, &failed, status);
        }
        send_in_vain(&server, &asking(change.request(), "cut-before"));
        for wrong in ["", "500", "timeout, 503", "Cut-After", "yes"] {
            let refused = server.send(&asking(change.request(), wrong));
            assert_refused(change.dialect, &refused, 400);
        }
        let twice = asking(asking(change.request(), "503"), "503");
        assert_refused(change.dialect, &server.send(&twice), 400);
    }
    assert!(before == rows(data.path()), "something was stored");
    for (number, change) in changes.iter().enumerate() {
        let key = format!("key-{number}");
        let keyed = change.request().header("idempotency-key", key);
        // A failure before leaves the key free.
        let failed = server.send(&asking(keyed.clone(), "503"));
        assert_retry(change.dialect, &failed, 503);
        send_in_vain(&server, &asking(keyed.clone(), "cut-after"));
        let again = server.send(&keyed);
        assert!(again.status < 300, "{change}: {}", again.text());
        assert!(is_replayed(&again), "{change}");
        // The lost response may be lost again.
        send_in_vain(&server, &asking(keyed, "cut-after"));
    }
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn other_keys_are_told_what_is_possible() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    let before = rows(data.path());
    for change in &changes {
        for failure in ["503", "timeout", "cut-before", "cut-after", "nonsense"] {
            let refused = server.send(&asking(change.request(), failure));
            assert_refused(change.dialect, &refused, 400);
        }
    }
    assert!(before == rows(data.path()), "something was stored");
    let limits = asking(request("GET", "/v1/limits", "one"), "503");
    let refused = server.send(&limits);
    assert_eq!(
        refused.json()["detail"],
        "Wharfinger-Simulate must be one of 503, 429, timeout, cut-before and cut-after, and needs a key that was created for \
         tests (wharfinger key create --test); nothing was stored"
    );
    // What a key must have comes first.
    let unknown = asking(Request::new("GET", "/v1/limits"), "503");
    assert_eq!(server.send(&unknown).status, 401);
}

#[test]
fn nothing_is_answered_until_the_time_limit() {
    let (data, secret) = test_site();
    let server = Server::start_with(data.path(), &["--request-timeout-s", "1"]);
    let changes = changes(&server, &secret);
    let before = rows(data.path());
    let mut waiting = Vec::new();
    for change in &changes {
        let mut connection = Connection::open(server.address);
        connection.write(&asking(change.request(), "timeout").bytes());
        waiting.push((change, connection));
    }
    for (change, mut connection) in waiting {
        let answer = connection.read().expect("the time limit is answered");
        assert_refused(change.dialect, &answer, 408);
        assert!(connection.is_closed(), "{change}");
    }
    assert!(before == rows(data.path()), "something was stored");
}

#[test]
fn only_so_many_requests_wait_and_they_end_with_the_server() {
    let (data, _) = test_site();
    let server = Server::start(data.path());
    let (ended, ends) = mpsc::channel::<()>();
    let batch = request("POST", "/v1/batches?organisation=TRK001", "one");
    let batch = asking(batch.body(order("T-1").to_string()), "timeout").bytes();
    let mut waiting = Vec::new();
    for _ in 0..65 {
        let mut connection = Connection::open(server.address);
        assert!(connection.write(&batch));
        let ended = ended.clone();
        waiting.push(std::thread::spawn(move || {
            assert_closed(&connection);
            ended.send(()).unwrap();
        }));
    }
    drop(ended);
    // One is too many. The limit of a request is ten minutes, so it is closed for another one.
    ends.recv().expect("one is closed");
    // Those that wait hold nothing that others need.
    assert_eq!(get(&server, "/v1/orders")["data"], json!([]));
    server.terminate();
    assert!(server.wait().0.success());
    for thread in waiting {
        thread.join().expect("each connection is closed");
    }
}

#[test]
fn an_import_is_cut_before_and_after_it_is_done() {
    let (data, _) = test_site();
    let server = Server::start(data.path());
    let import = "/v1/imports/019a0000-0000-4000-8000-00000000000d";
    let target = format!("{import}?organisation=TRK001");
    let put = request("PUT", &target, "one").header("content-type", "application/x-ndjson");
    let put = put.body(order("I-1").to_string());
    assert_retry("native", &server.send(&asking(put.clone(), "503")), 503);
    send_in_vain(&server, &asking(put.clone(), "cut-before"));
    let missing = server.send(&request("GET", import, "one"));
    assert_eq!(missing.status, 404, "{}", missing.text());
    send_in_vain(&server, &asking(put, "cut-after"));
    let done = server.send(&request("GET", import, "one")).json();
    assert_eq!(
        (&done["state"], &done["accepted"]),
        (&json!("complete"), &json!(1))
    );
}

fn command(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn keys_for_tests_are_made_and_shown_as_such() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let made = command(
        data.path(),
        &["key", "create", "--org", "TRK001", "--test", "--json"],
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    let server = Server::start(data.path());
    let send = |method: &str, target: &str, body: &str| {
        let sent = Request::new(method, target).header("authorization", format!("Bearer {secret}"));
        server.send(&sent.body(body))
    };
    let body = r#"{"organisations":["TRK001"],"scopes":["orders:write"],"test":"true"}"#;
    let by_api = send("POST", "/v1/keys", body);
    assert_eq!(by_api.status, 201, "{}", by_api.text());
    let by_api = by_api.json();
    assert_eq!(by_api["test"], true);
    let refused = send("POST", "/v1/keys", &body.replace("\"true\"", "\"perhaps\""));
    assert_eq!(refused.status, 422, "{}", refused.text());
    let listed = send("GET", "/v1/keys", "").json();
    let keys = listed["data"].as_array().unwrap().iter();
    let for_tests = keys.filter(|key| key["test"] == true);
    let ids: Vec<_> = for_tests.map(|key| &key["id"]).collect();
    assert_eq!(ids, [&made["id"], &by_api["id"]]);
    // A new secret leaves it what it is.
    let rotate = format!("/v1/keys/{}/rotate", by_api["id"].as_str().unwrap());
    let rotated = send("POST", &rotate, "").json();
    assert_eq!(rotated["test"], true);
    let bearer = format!("Bearer {}", rotated["secret"].as_str().unwrap());
    let limits = Request::new("GET", "/v1/limits").header("authorization", bearer);
    assert_retry("native", &server.send(&asking(limits, "429")), 429);
    let listed = command(data.path(), &["key", "list"]);
    let for_tests = listed.lines().filter(|line| line.ends_with("  test"));
    assert_eq!(for_tests.count(), 2, "{listed}");
    let audit = send("GET", "/v1/audit?limit=5", "").json();
    let created = audit["data"].as_array().unwrap().iter();
    let created = created.filter(|entry| entry["action"] == "key.created");
    let noted = created.filter(|entry| entry["details"]["test"] == true);
    assert_eq!(noted.count(), 2, "{audit}");
}
