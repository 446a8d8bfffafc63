//! `Idempotency-Key` in every dialect, on every route that changes something: run once, then replayed.

use std::path::Path;
use std::sync::mpsc;

use wharfinger::http::dialect_routes;
use wharfinger::store::CheckReport;

use crate::support::changes::{
    Change, administrator, assert_refused, changes, code, is_replayed, one, told,
};
use crate::support::client::{Connection, Request, Response};
use crate::support::database::Database;
use crate::support::fixture::{self, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{get, order, request};

/// The number of stored items of every kind.
fn counts(data: &Path) -> (CheckReport, i64) {
    let report = stored::check(data);
    assert_eq!(report.faults, [""; 0]);
    (report, Database::of(data).count("audit"))
}

#[test]
fn every_changing_route_is_done_once_and_answered_again() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    for (number, change) in changes.iter().enumerate() {
        let key = format!("key-{number}");
        let request = change.request().header("idempotency-key", &key);
        let first = server.send(&request);
        assert!(first.status < 300, "{change}: {}", first.text());
        assert!(!is_replayed(&first), "{change}");
        let before = counts(data.path());
        for spelling in [format!("\"{key}\""), key.clone()] {
            let request = change.request().header("idempotency-key", spelling);
            let again = server.send(&request);
            assert_eq!(told(&again), told(&first), "{change}");
            assert!(is_replayed(&again), "{change}");
        }
        let other_query = change.request_with("x=1").header("idempotency-key", &key);
        let other_path = change.request_to(&other_path(change));
        let other_path = other_path.header("idempotency-key", &key);
        let body = format!("{} ", change.body);
        let other_body = change.request().body(body).header("idempotency-key", &key);
        // The body of a vendor's DELETE is not read, so it makes no difference.
        let reads_body = change.submits || change.dialect == "native";
        let others = [
            Some(other_query),
            Some(other_path),
            reads_body.then_some(other_body),
        ];
        for other in others.into_iter().flatten() {
            let answer = server.send(&other);
            // Errors in the request itself are reported first.
            assert!((400..500).contains(&answer.status), "{change}: {other:?}");
            assert!(!is_replayed(&answer));
        }
        assert_eq!(counts(data.path()), before, "{change}");
    }
    let covered = |method: &str, path: &str| {
        let of_import = path.starts_with("/v1/imports/");
        // They change nothing.
        let is_test = path.ends_with("/test");
        let mut routes = changes.iter().map(|change| change.route);
        let is_known = method == "GET" || of_import || is_test;
        is_known || routes.any(|route| route == (method, path))
    };
    for (method, path, dialect) in dialect_routes() {
        assert!(covered(method, path), "{dialect}: {method} {path}");
    }
}

/// A path that differs from the change's own.
fn other_path(change: &Change) -> String {
    change.target.replacen("TRK001", "TRK002", 1) + "0"
}

/// Uses a key again for a request that differs only in body, query, path or method.
#[test]
fn a_key_that_is_used_for_another_request_is_told() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    for change in changes(&server, &secret) {
        let key = format!("used for {change}");
        let first = change.request().header("idempotency-key", &key);
        assert!(server.send(&first).status < 300, "{change}");
        if change.submits {
            let body = format!("{} ", change.body);
            let other = change.request().body(body).header("idempotency-key", &key);
            assert_refused(change.dialect, &server.send(&other), 422);
        }
        if change.dialect != "native" {
            let other = change.request_with("page=1");
            let answer = server.send(&other.header("idempotency-key", &key));
            assert_refused(change.dialect, &answer, 422);
        }
        let fresh = one("never").header("idempotency-key", &key);
        // Keys sent with the administrator's key belong to another caller.
        let by_administrator = [
            "/v1/organisations",
            "/v1/keys",
            "/v1/customers",
            "/v1/destinations",
        ];
        if !by_administrator
            .iter()
            .any(|path| change.target.starts_with(path))
        {
            let answer = server.send(&fresh);
            assert_refused("native", &answer, 422);
            assert_eq!(code(&answer), "idempotency_key_reused", "{change}");
        }
    }
    let slip = r#"[{"packingslipno":"X","consignee":"Ann"}]"#;
    let vendor = |method: &str, target: &str, body: &str| {
        let request = Request::new(method, target).header("access_key", secret_of("one"));
        server.send(&request.header("idempotency-key", "slip").body(body))
    };
    let target = "/api/customerorders?packingslipno=X";
    assert_eq!(vendor("PUT", target, slip).status, 200);
    for (method, target) in [
        ("DELETE", target),
        ("POST", "/v2/neworders?packingslipno=X"),
    ] {
        assert_refused("gosweetspot", &vendor(method, target, slip), 422);
    }
}

#[test]
fn a_request_whose_key_is_at_work_is_told_to_come_again() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    // The store can be read but not written, so the first request stays in progress.
    let mut database = Database::of(data.path());
    database.begin_writing();
    let (answered, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (answered, address) = (answered.clone(), server.address);
            scope.spawn(move || {
                let request = one("A").header("idempotency-key", "busy");
                answered.send(request.send(address)).unwrap();
            });
        }
        let busy = answers.recv().unwrap();
        assert_refused("native", &busy, 409);
        assert_eq!(code(&busy), "idempotency_key_busy");
        assert_eq!(busy.header("retry-after"), Some("1"));
        database.run("commit");
        let done = answers.recv().unwrap();
        assert_eq!(done.status, 200, "{}", done.text());
        let again = server.send(&one("A").header("idempotency-key", "busy"));
        assert!(is_replayed(&again));
        assert_eq!(told(&again), told(&done));
    });
    assert_eq!(counts(data.path()).0.batches, 1);
}

#[test]
fn many_at_once_with_one_key_are_one_batch() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders: Vec<_> = (0..3_000).map(|key| order(&key.to_string())).collect();
    let body = serde_json::to_vec(&orders).unwrap();
    let request = request(
        "POST",
        "/v1/batches?organisation=TRK001&results=none",
        "one",
    );
    let request = request.header("idempotency-key", "once").body(body);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let send = |_| scope.spawn(|| server.send(&request));
        let threads: Vec<_> = (0..6).map(send).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut done = answers.iter().filter(|answer| answer.status == 200);
    let first = done.next().expect("one is done");
    assert!(done.all(|other| told(other) == told(first)));
    for busy in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(busy.status, 409);
        assert!(busy.header("retry-after").is_some());
    }
    let (report, _) = counts(data.path());
    assert_eq!(
        (report.batches, report.orders, report.revisions),
        (1, 3_000, 3_000)
    );
}

#[test]
fn what_is_no_key_is_refused_in_the_dialects_form() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    let before = counts(data.path());
    for change in &changes {
        for bad in [
            "",
            "\"\"",
            "\"open",
            "\"a\"b\"",
            &"k".repeat(256),
            "caf\u{e9}",
        ] {
            let request = change.request().header("idempotency-key", bad);
            assert_refused(change.dialect, &server.send(&request), 400);
        }
        let twice = change.request().header("idempotency-key", "a");
        let twice = server.send(&twice.header("idempotency-key", "b"));
        assert_refused(change.dialect, &twice, 400);
    }
    assert_eq!(counts(data.path()), before);
    let longest = one("A").header("idempotency-key", "k".repeat(255));
    assert_eq!(server.send(&longest).status, 200);
}

#[test]
fn a_request_that_is_turned_down_leaves_its_key_free() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--body-bytes-max", "10000"]);
    let keyed = |request: Request| request.header("idempotency-key", "k");
    let target = "/v1/batches?organisation=TRK001";
    let refused = [
        (request("POST", target, "one").body("[{"), 400),
        (request("POST", target, "one").body(" ".repeat(10_001)), 413),
        (request("POST", target, "reader").body("[]"), 403),
        (Request::new("POST", target).body("[]"), 401),
        (
            request("POST", "/v1/batches?organisation=X", "one").body("[]"),
            400,
        ),
        (request("POST", "/v1/batches?x=1", "one").body("[]"), 400),
        (one("A").header("content-type", "text/plain"), 415),
        (
            request(
                "POST",
                "/v1/batches?organisation=TRK001&dry_run=true",
                "one",
            )
            .body(order("A").to_string()),
            200,
        ),
    ];
    for (request, status) in refused {
        let answer = server.send(&keyed(request));
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(!is_replayed(&answer));
    }
    let done = server.send(&keyed(one("A")));
    assert_eq!((done.status, is_replayed(&done)), (200, false));
    assert_eq!(done.json()["accepted"], 1);
}

#[test]
fn an_answer_that_took_no_order_is_kept_too() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/batches?organisation=TRK001";
    for (number, body) in ["[]", r#"[{"key":"A"}]"#].into_iter().enumerate() {
        let request = request("POST", target, "one").body(body);
        let request = request.header("idempotency-key", number.to_string());
        let first = server.send(&request);
        assert_eq!(first.status, 422);
        let again = server.send(&request);
        assert!(is_replayed(&again));
        assert_eq!(told(&again), told(&first));
    }
    assert_eq!(counts(data.path()).0.batches, 2);
}

#[test]
fn each_api_key_has_idempotency_keys_of_its_own() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/batches?organisation=TRK001";
    let send = |key: &str, name: &str| {
        let request = request("POST", target, key).body(order(name).to_string());
        server.send(&request.header("idempotency-key", "same"))
    };
    let (one, full) = (send("one", "A"), send("full", "B"));
    assert_eq!((one.status, full.status), (200, 200));
    assert!(!is_replayed(&one) && !is_replayed(&full));
    assert_eq!(told(&send("one", "A")), told(&one));
    assert_eq!(told(&send("full", "B")), told(&full));
    assert_eq!(send("full", "A").status, 422);
}

#[test]
fn an_answer_is_kept_for_as_long_as_it_is_said() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--idempotency-hours", "3"]);
    let request = one("A").header("idempotency-key", "old");
    let first = server.send(&request);
    server.terminate();
    server.wait();
    let mut database = Database::of(data.path());
    let until_ms = database.number("select kept_until_ms from answers");
    let hours = (until_ms - wharfinger::clock::now_ms()) as f64 / 3_600_000.0;
    assert!((2.9..=3.0).contains(&hours), "{hours}");

    let server = Server::start(data.path());
    let again = server.send(&request);
    assert!(is_replayed(&again), "it survives a restart");
    assert_eq!(told(&again), told(&first));
    server.terminate();
    server.wait();
    // Let the saved response expire.
    database.run("update answers set kept_until_ms = 1");
    let server = Server::start(data.path());
    let later = server.send(&request);
    assert!(!is_replayed(&later));
    assert_eq!(later.json()["unchanged"], 1);
    // The key can then be used for something else.
    database.run("update answers set kept_until_ms = 1");
    assert_eq!(
        server
            .send(&one("B").header("idempotency-key", "old"))
            .status,
        200
    );
}

/// The server is killed when the batch is visible, but before its response is read. The client repeats the request and gets the
/// lost response.
#[test]
fn an_answer_that_was_lost_in_a_crash_is_given_again() {
    storm(4, lose_the_answer);
}

fn lose_the_answer(seed: u64) {
    let mut random = Random::new(seed);
    let data = fixture::data_directory();
    let count = 1 + random.below(1_500);
    let orders: Vec<_> = (0..count).map(|key| order(&key.to_string())).collect();
    let request = request("POST", "/v1/batches?organisation=TRK001", "one");
    let body = serde_json::to_vec(&orders).unwrap();
    let request = request.header("idempotency-key", "lost").body(body);

    let server = Server::start(data.path());
    let mut connection = Connection::open(server.address);
    assert!(connection.write(&request.bytes()));
    let mut database = Database::of(data.path());
    while database.count("batches") == 0 {
        std::thread::yield_now();
    }
    server.kill();
    drop(database);

    let server = Server::start(data.path());
    let again = server.send(&request);
    assert!(is_replayed(&again), "{}", again.text());
    let receipts = get(&server, "/v1/batches");
    assert_eq!(receipts["data"].as_array().unwrap().len(), 1);
    let id = again.header("wharfinger-batch-id");
    assert_eq!(receipts["data"][0]["id"].as_str(), id);
    assert_eq!(again.json()["accepted"], count);
    let (report, _) = counts(data.path());
    assert_eq!((report.batches, report.orders), (1, count as u64));
    assert_eq!(report.revisions, count as u64);
}

#[test]
fn an_import_takes_no_idempotency_key() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/imports/019a0000-0000-4000-8000-00000000000a";
    let put = request("PUT", &format!("{target}?organisation=TRK001"), "one");
    let refused = server.send(&put.clone().header("idempotency-key", "k"));
    assert_refused("native", &refused, 400);
    assert_eq!(
        server.send(&put.header("import-complete", "?0")).status,
        200
    );
    let delete = request("DELETE", target, "one");
    let refused = server.send(&delete.clone().header("idempotency-key", "k"));
    assert_refused("native", &refused, 400);
    assert_eq!(server.send(&delete).status, 200);
}
