//! Imports by clients that lose their connection.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::client::{Connection, Request, Response};
use crate::support::fixture::{self, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;

/// The import's id. Each test has its own store.
const ID: &str = "019a0000-0000-4000-8000-00000000000a";

fn bearer(request: Request, key: &str) -> Request {
    request.header("authorization", format!("Bearer {}", secret_of(key)))
}

fn put(body: impl Into<Vec<u8>>) -> Request {
    let target = format!("/v1/imports/{ID}?organisation=TRK001");
    let request = Request::new("PUT", &target).header("content-type", "application/x-ndjson");
    bearer(request, "full").body(body)
}

fn get() -> Request {
    bearer(Request::new("GET", &format!("/v1/imports/{ID}")), "full")
}

fn line(key: impl std::fmt::Display) -> String {
    format!("{{\"key\":\"{key}\",\"placed_at\":\"2026-11-21\",\"lines\":[{{\"sku\":\"S\"}}]}}\n")
}

/// State and counts of an import, without times.
fn told(answer: &Response) -> (String, [u64; 5]) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    let count = |name: &str| json[name].as_u64().expect("an import counts");
    let names = [
        "lines_committed",
        "received",
        "accepted",
        "unchanged",
        "rejected",
    ];
    (json["state"].as_str().unwrap().to_owned(), names.map(count))
}

fn refused(answer: &Response) -> (u16, Option<&str>) {
    (answer.status, answer.header("import-offset"))
}

fn keys(data: &Path) -> Vec<String> {
    let orders = stored::all_orders(data, "TRK001", "native");
    orders.into_iter().map(|order| order.key).collect()
}

#[test]
fn a_whole_body_completes_an_import() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = format!("{}\n \n{{\"key\":}}\n{}", line("A"), line("B").trim_end());
    let whole = ("complete".to_owned(), [5, 3, 2, 0, 1]);
    assert_eq!(told(&server.send(&put(body.clone()))), whole);
    assert_eq!(told(&server.send(&get())), whole);
    // The same part again, or more lines, is refused.
    assert_eq!(refused(&server.send(&put(body))), (409, Some("5")));
    let more = put(line("C")).header("import-offset", "5");
    assert_eq!(refused(&server.send(&more)), (409, Some("5")));
    assert_eq!(keys(data.path()), ["A", "B"]);
}

#[test]
fn an_import_goes_on_where_it_is() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let first = put(line("A") + &line("B")).header("import-complete", "?0");
    let half = ("interrupted".to_owned(), [2, 2, 2, 0, 0]);
    assert_eq!(told(&server.send(&first)), half);
    for wrong in ["0", "1", "3"] {
        let request = put(line("C")).header("import-offset", wrong);
        let answer = server.send(&request);
        assert_eq!(refused(&answer), (409, Some("2")), "{wrong}");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("Import-Offset: 2"), "{detail}");
    }
    assert_eq!(told(&server.send(&get())), half);
    let rest = put(line("C")).header("import-offset", "2");
    let whole = ("complete".to_owned(), [3, 3, 3, 0, 0]);
    assert_eq!(told(&server.send(&rest)), whole);
    assert_eq!(keys(data.path()), ["A", "B", "C"]);
}

#[test]
fn a_last_line_that_is_cut_off_was_not_received() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = line("A") + line("B").trim_end();
    let announced = (body.len() + 1).to_string();
    let mut connection = Connection::open(server.address);
    connection.write(&put(body).header("content-length", announced).bytes());
    connection.finish_writing();
    // The error may or may not arrive on this connection. Once it does, the import receives no more.
    assert!(connection.read().is_none_or(|answer| answer.status == 400));
    wait_until_interrupted(&server, 1);
    let rest = put(line("B")).header("import-offset", "1");
    assert_eq!(told(&server.send(&rest)).1, [2, 2, 2, 0, 0]);
    assert_eq!(keys(data.path()), ["A", "B"]);
}

/// Waits for the server to notice a closed connection. Nothing else signals this.
fn wait_until_interrupted(server: &Server, lines: u64) {
    loop {
        let (state, [committed, ..]) = told(&server.send(&get()));
        if state != "receiving" {
            assert_eq!((state.as_str(), committed), ("interrupted", lines));
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn two_parts_at_once_and_parts_of_a_cancelled_import_are_turned_down() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    // Once its first lines are committed, the first part is in progress and still receiving.
    let mut connection = Connection::open(server.address);
    let request = put("").header("transfer-encoding", "chunked").bytes();
    assert!(connection.write(&request));
    let many: String = (0..5_000).map(line).collect();
    assert!(connection.write(format!("{:x}\r\n{many}\r\n", many.len()).as_bytes()));
    let committed = loop {
        let answer = server.send(&get());
        if answer.status == 200 && told(&answer).1[0] > 0 {
            assert_eq!(told(&answer).0, "receiving");
            break told(&answer).1[0];
        }
        std::thread::yield_now();
    };
    let offset = committed.to_string();
    let second = put(line("X")).header("import-offset", offset.clone());
    assert_eq!(refused(&server.send(&second)), (409, Some(offset.as_str())));
    let cancel = bearer(Request::new("DELETE", &format!("/v1/imports/{ID}")), "full");
    assert_eq!(told(&server.send(&cancel)).1[0], committed);
    // Later lines are refused.
    assert!(connection.write(format!("{:x}\r\n{many}\r\n0\r\n\r\n", many.len()).as_bytes()));
    let answer = connection.read().expect("the part is answered");
    assert_eq!(refused(&answer), (409, Some(offset.as_str())));
    let (state, [lines, ..]) = told(&server.send(&get()));
    assert_eq!((state.as_str(), lines), ("cancelled", committed));
    assert_eq!(keys(data.path()).len() as u64, committed);
    assert_eq!(refused(&server.send(&put(line("Y")))).0, 409);
}

#[test]
fn what_an_import_does_not_take_is_said_and_leaves_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let at = |query: &str| {
        let target = format!("/v1/imports/{ID}{query}");
        bearer(Request::new("PUT", &target), "full").body(line("A"))
    };
    let cases = [
        (at("?organisation=TRK001&dry_run=maybe"), 400),
        (at("?organisation=TRK001&policy=all_or_nothing"), 400),
        (at("?organisation=NOBODY"), 400),
        (at("?organisation=TRK001&dialect=none"), 400),
        (put(line("A")).header("idempotency-key", "k"), 400),
        (put(line("A")).header("import-offset", "-1"), 400),
        (put(line("A")).header("import-complete", "yes"), 400),
        (put(line("A")).header("import-offset", "7"), 409),
        (put(line("A")).header("content-encoding", "br"), 415),
        (
            at("?organisation=TRK001").header("content-type", "application/json"),
            415,
        ),
        (
            bearer(Request::new("PUT", "/v1/imports/7"), "full").body(line("A")),
            400,
        ),
    ];
    for (request, status) in cases {
        let answer = server.send(&request);
        assert_eq!(answer.status, status, "{request:?}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    let told = server.send(&at("?organisation=TRK001").header("content-type", "application/json"));
    let detail = told.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("application/x-ndjson"), "{detail}");
    assert_eq!(keys(data.path()), [""; 0]);
}

#[test]
fn a_coded_body_is_undone_and_a_long_line_costs_itself_alone() {
    let data = fixture::data_directory();
    let options = ["--order-bytes-max", "200000"];
    let server = Server::start_with(data.path(), &options);
    let mut coder = GzEncoder::new(Vec::new(), Compression::fast());
    coder.write_all(line("A").as_bytes()).unwrap();
    // Far more than a chunk of an import may have.
    coder.write_all(&vec![b'x'; 50 << 20]).unwrap();
    coder.write_all(b"\n").unwrap();
    coder.write_all(line("B").as_bytes()).unwrap();
    let body = coder.finish().unwrap();
    let before_kib = server.memory_peak_kib();
    let answer = server.send(&put(body).header("content-encoding", "gzip"));
    assert_eq!(told(&answer), ("complete".to_owned(), [3, 3, 2, 0, 1]));
    let grown_kib = server.memory_peak_kib() - before_kib;
    assert!(grown_kib < 32 << 10, "{grown_kib} KiB");
    assert_eq!(keys(data.path()), ["A", "B"]);
}

#[test]
fn an_import_is_its_keys_own() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    assert_eq!(server.send(&put(line("A"))).status, 200);
    let path = format!("/v1/imports/{ID}");
    for method in ["GET", "DELETE"] {
        let answer = server.send(&bearer(Request::new(method, &path), "other"));
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
}

#[test]
fn progress_is_told_as_a_stream_to_its_end() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    assert_eq!(server.send(&put(line("A"))).status, 200);
    let answer = server.send(&get().header("accept", "text/event-stream"));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let data_line = answer
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("data: "));
    let progress: Value = serde_json::from_str(data_line.expect("an event has data")).unwrap();
    assert_eq!(progress["state"], "complete");
    assert_eq!(progress["lines_committed"], 1);
}

/// Clients and servers are killed. Each time the rest is sent, and nothing is stored twice.
#[test]
fn an_import_survives_lost_connections_and_a_killed_server() {
    storm(2, lose_and_kill);
}

fn lose_and_kill(seed: u64) {
    let mut random = Random::new(seed);
    let data = fixture::data_directory();
    let lines: Vec<String> = (0..30_000).map(line).collect();
    let mut server = Server::start(data.path());
    for _ in 0..6 {
        let committed = committed(&server);
        let upto = lines.len().min(committed + 1 + random.below(12_000));
        if committed == upto {
            break;
        }
        let body: String = lines[committed..upto].concat();
        let cut = body.len() - random.below(body.len() / 2 + 1);
        let request = put(&body.as_bytes()[..cut])
            .header("import-offset", committed.to_string())
            .header("content-length", (body.len() + 1).to_string());
        let mut connection = Connection::open(server.address);
        connection.write(&request.bytes());
        if random.chance(50) {
            server.kill();
            server = Server::start(data.path());
        } else {
            connection.finish_writing();
            drop(connection.read());
        }
    }
    // Retry the last part, because the server may still be processing the previous one.
    let answer = loop {
        let committed = committed(&server);
        let rest = put(lines[committed..].concat()).header("import-offset", committed.to_string());
        let answer = server.send(&rest);
        if answer.status != 409 {
            break answer;
        }
        std::thread::yield_now();
    };
    let (state, [committed, received, accepted, unchanged, rejected]) = told(&answer);
    assert_eq!((state.as_str(), committed), ("complete", 30_000));
    assert_eq!(
        (received, accepted, unchanged, rejected),
        (30_000, 30_000, 0, 0)
    );
    let stored = keys(data.path());
    let expected: Vec<String> = (0..30_000).map(|key| key.to_string()).collect();
    assert_eq!(stored, expected);
    drop(server);
    assert_eq!(stored::check(data.path()).faults, [""; 0]);
}

fn committed(server: &Server) -> usize {
    let answer = server.send(&get());
    if answer.status == 404 {
        return 0;
    }
    usize::try_from(told(&answer).1[0]).unwrap()
}
