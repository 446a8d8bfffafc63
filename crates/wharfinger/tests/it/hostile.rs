//! Hostile and broken clients get the right response or a closed connection, and the server keeps serving others.

use std::io::{Read, Write};
use std::net::SocketAddr;

use flate2::Compression;
use flate2::write::GzEncoder;

use wharfinger::store::{Recorded, RecordedOutcome};

use crate::support::client::{Connection, Request, Response};
use crate::support::fixture::{self, basic};
use crate::support::server::Server;
use crate::support::v1::{get, order_id};

const BATCH: &str = "/v4/customer_orders";

fn post(body: impl Into<Vec<u8>>) -> Request {
    let request = Request::new("POST", BATCH).header("authorization", basic("full"));
    request.body(body)
}

fn order(key: &str) -> String {
    format!(
        r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"a@example.com"}},"order_items":[{{"sku":"S"}}]}}"#
    )
}

/// Asserts that the server still accepts an order of another client.
fn assert_still_serving(address: SocketAddr, key: &str) {
    let answer = post(format!("[{}]", order(key))).send(address);
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn summary(response: &Response) -> (u64, u64) {
    let summary = &response.json()["summary"];
    let count = |name: &str| summary[name].as_u64().expect("a summary counts");
    (count("accepted"), count("rejected"))
}

#[test]
fn a_body_cut_short_stores_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = format!("[{}]", order("CUT"));
    let announced = (body.len() + 100).to_string();
    let request = Request::new("POST", BATCH)
        .header("authorization", basic("full"))
        .header("content-length", announced)
        .body(body.clone());
    let mut connection = Connection::open(server.address);
    connection.write(&request.bytes());
    connection.finish_writing();
    assert!(connection.read().is_none_or(|answer| answer.status == 400));
    // If it had been stored, the same key with other content would be an update, and the receipt would show that.
    let other = body.replace("01-02-2026", "02-02-2026");
    let answer = server.send(&post(other));
    assert_eq!(answer.status, 202);
    assert_eq!(accepted_as_new(data.path(), &answer), 1);
}

/// The number of new orders in a response's batch, from its receipt.
fn accepted_as_new(data: &std::path::Path, answer: &Response) -> usize {
    let results = crate::support::stored::results_of(data, answer);
    let is_new = |recorded: &&Recorded| matches!(recorded.outcome, RecordedOutcome::Accepted(_));
    results.iter().filter(is_new).count()
}

#[test]
fn a_length_that_is_too_short_leaves_no_trace_in_the_next_request() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = format!("[{}]", order("SHORT"));
    let request = Request::new("POST", BATCH)
        .header("authorization", basic("full"))
        .header("content-length", (body.len() - 1).to_string())
        .body(body);
    let mut connection = Connection::open(server.address);
    connection.write(&request.bytes());
    let answer = connection.read().expect("the first part is answered");
    assert_eq!(answer.status, 400, "{}", answer.text());
    // The remaining byte is not a request.
    connection.finish_writing();
    while let Some(answer) = connection.read() {
        assert_eq!(answer.status, 400);
    }
    assert_still_serving(server.address, "AFTER");
}

#[test]
fn a_body_framed_twice_is_refused_and_the_connection_closed() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let length = ("content-length", "4");
    let coding = ("transfer-encoding", "chunked");
    for [(first, one), (second, other)] in [[length, coding], [coding, length]] {
        let request = Request::new("POST", BATCH)
            .header("authorization", basic("full"))
            .header(first, one)
            .header(second, other)
            .body("2\r\n[]\r\n0\r\n\r\n");
        let mut connection = Connection::open(server.address);
        let before = Request::new("GET", "/healthz");
        assert_eq!(connection.exchange(&before).unwrap().status, 200);
        connection.write(&request.bytes());
        assert_eq!(connection.read().unwrap().status, 400);
        assert!(connection.is_closed());
    }
}

#[test]
fn contradicting_or_absurd_lengths_are_refused() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for lengths in [
        vec!["5", "6"],
        vec!["-1"],
        vec!["1e3"],
        vec!["99999999999999999999"],
    ] {
        let mut request = Request::new("POST", BATCH).header("authorization", basic("full"));
        for length in &lengths {
            request = request.header("content-length", *length);
        }
        let mut connection = Connection::open(server.address);
        connection.write(&request.bytes());
        connection.finish_writing();
        let status = connection.read().map(|answer| answer.status);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{lengths:?}: {status:?}"
        );
    }
    assert_still_serving(server.address, "LENGTHS");
}

#[test]
fn bombs_are_refused_at_the_limit_in_bounded_memory() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--body-bytes-max", "8388608"]);
    assert_still_serving(server.address, "BEFORE");
    let before_kib = server.memory_peak_kib();
    let zeros = vec![b' '; 1 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut zstd = zstd::Encoder::new(Vec::new(), 19).unwrap();
    for _ in 0..512 {
        gzip.write_all(&zeros).unwrap();
        zstd.write_all(&zeros).unwrap();
    }
    let bombs = [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd.finish().unwrap()),
    ];
    for (coding, bomb) in bombs {
        let answer = server.send(&post(bomb).header("content-encoding", coding));
        assert_eq!(answer.status, 413, "{coding}");
    }
    let grown_kib = server.memory_peak_kib() - before_kib;
    assert!(
        grown_kib < 128 << 10,
        "512 MiB were undone into {grown_kib} KiB"
    );
    assert_still_serving(server.address, "AFTER");
}

#[test]
fn a_coding_that_is_not_what_it_says_is_400() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for coding in ["gzip", "zstd"] {
        let plain = post(format!("[{}]", order("PLAIN"))).header("content-encoding", coding);
        assert_eq!(server.send(&plain).status, 400, "{coding}");
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(order("HALF").as_bytes()).unwrap();
    let half = gzip.finish().unwrap();
    let half = post(&half[..half.len() / 2]).header("content-encoding", "gzip");
    assert_eq!(server.send(&half).status, 400);
}

#[test]
fn nesting_of_a_hundred_thousand_costs_one_order_its_place() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let deep = format!(
        r#"{{"trkref":"TRK001","deep":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let answer = server.send(&post(format!("[{},{deep},{}]", order("A"), order("B"))));
    assert_eq!(
        (answer.status, summary(&answer)),
        (206, (2, 1)),
        "{}",
        answer.text()
    );
    let unclosed = server.send(&post("[".repeat(1_000_000)));
    assert_eq!(unclosed.status, 400);
    assert_still_serving(server.address, "AFTER");
}

#[test]
fn a_number_of_400_digits_costs_one_order_its_place() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for number in ["9".repeat(400), "1e999999999".into()] {
        let long = order("LONG").replace(r#""sku":"S""#, &format!(r#""sku":"S","price":{number}"#));
        let answer = server.send(&post(format!("[{long},{}]", order("FINE"))));
        assert_eq!(
            (answer.status, summary(&answer)),
            (206, (1, 1)),
            "{}",
            answer.text()
        );
    }
    // Decimals are rounded, and never written out.
    for (key, number, rounded) in [
        ("NINES", format!("0.{}", "9".repeat(400)), "1"),
        ("TINY", "1e-999999999".into(), "0"),
    ] {
        let long = order(key).replace(r#""sku":"S""#, &format!(r#""sku":"S","price":{number}"#));
        let answer = server.send(&post(format!("[{long},{}]", order("FINE"))));
        assert_eq!(answer.status, 202, "{}", answer.text());
        let shown = get(&server, &format!("/v1/orders/{}", order_id(&answer, 0)));
        assert_eq!(shown["lines"][0]["unit_price"], rounded);
    }
}

#[test]
fn invalid_utf_8_stores_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut body = format!("[{},{}]", order("GOOD"), order("BAD")).into_bytes();
    let at = body.iter().rposition(|&byte| byte == b'B').unwrap();
    body[at] = 0xff;
    let answer = server.send(&post(body));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("UTF-8"), "{}", answer.text());
    let again = server.send(&post(format!("[{}]", order("GOOD"))));
    assert_eq!(accepted_as_new(data.path(), &again), 1);
}

#[test]
fn a_slow_head_and_a_slow_body_are_timed_out() {
    let data = fixture::data_directory();
    let options = ["--header-timeout-s", "1", "--body-idle-timeout-s", "1"];
    let server = Server::start_with(data.path(), &options);
    let bytes = post(format!("[{}]", order("SLOW"))).bytes();
    let mut slow_head = Connection::open(server.address);
    slow_head.write(&bytes[..20]);
    let mut slow_body = Connection::open(server.address);
    slow_body.write(&bytes[..bytes.len() - 5]);
    for mut connection in [slow_head, slow_body] {
        assert_eq!(connection.read().map(|answer| answer.status), Some(408));
        assert!(connection.is_closed());
    }
    assert_still_serving(server.address, "QUICK");
}

#[test]
fn two_thousand_idle_connections_keep_nobody_out() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let idle: Vec<_> = (0..2_000)
        .map(|_| Connection::open(server.address))
        .collect();
    assert_still_serving(server.address, "AMONG-THE-IDLE");
    drop(idle);
    assert_still_serving(server.address, "AFTER-THE-IDLE");
}

#[test]
fn a_connection_past_the_bound_waits_until_another_one_is_done() {
    let data = fixture::data_directory();
    let options = [
        "--connections-max",
        "1",
        "--connections-per-address-max",
        "0",
    ];
    let server = Server::start_with(data.path(), &options);
    let mut first = Connection::open(server.address);
    let body = format!("[{}]", order("FIRST"));
    let length = body.len().to_string();
    let head = post("").header("content-length", length);
    assert!(first.write(&head.header("expect", "100-continue").bytes()));
    let mut go_on = [0; 25];
    first.writer().read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let mut second = Connection::open(server.address);
    second.write(&Request::new("GET", "/healthz").bytes());
    assert!(first.write(body.as_bytes()));
    // The first connection is served to its end, and then gives up its place.
    assert_eq!(first.read().unwrap().status, 202);
    assert_eq!(second.read().unwrap().status, 200);
}

#[test]
fn memory_for_bodies_is_shared_and_bounded() {
    let data = fixture::data_directory();
    let options = [
        "--body-bytes-max",
        "1000000",
        "--body-bytes-in-flight-max",
        "2000000",
        "--share-percent",
        "100",
    ];
    let server = Server::start_with(data.path(), &options);
    let large = format!("[{}{}]", " ".repeat(900_000), order("LARGE"));
    let body_bytes = large.len();
    let bytes = post(large).bytes();
    let (all_but_one, last) = bytes.split_at(bytes.len() - 1);
    let mut first = Connection::open(server.address);
    assert!(first.write(all_but_one));
    // There is memory for only one of them.
    let metrics = Request::new("GET", "/metrics");
    let leased = format!("wharfinger_body_bytes_in_flight {}\n", 2 * (body_bytes - 1));
    while !server.send(&metrics).text().contains(&leased) {}
    let mut second = Connection::open(server.address);
    // The server may not read all of it.
    second.write(&bytes);
    let refused = second.read().expect("the refused one is told why");
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert!(first.write(last));
    let answer = first.read().expect("the other one is answered");
    assert_eq!(answer.status, 202);
    assert_still_serving(server.address, "AFTER");
}

#[test]
fn limits_of_a_batch_are_told() {
    let data = fixture::data_directory();
    let options = [
        "--orders-per-batch-max",
        "3",
        "--order-bytes-max",
        "400",
        "--body-bytes-max",
        "5000",
    ];
    let server = Server::start_with(data.path(), &options);
    let orders = |count: usize| {
        let orders: Vec<_> = (0..count).map(|n| order(&format!("N{n}"))).collect();
        format!("[{}]", orders.join(","))
    };
    assert_eq!(server.send(&post(orders(3))).status, 202);
    assert_eq!(server.send(&post(orders(4))).status, 413);
    assert_eq!(server.send(&post(" ".repeat(5_001))).status, 413);
    let wide = order("WIDE").replace("\"S\"", &format!("\"{}\"", "S".repeat(400)));
    let answer = server.send(&post(format!("[{wide},{}]", order("SLIM"))));
    assert_eq!(
        (answer.status, summary(&answer)),
        (206, (1, 1)),
        "{}",
        answer.text()
    );
    assert!(
        answer.text().contains("customer order is too large"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_body_in_chunks_after_expect_continue_is_taken() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = format!("[{}]", order("CHUNKED"));
    let chunked: String = body
        .as_bytes()
        .chunks(7)
        .map(|piece| {
            format!(
                "{:x}\r\n{}\r\n",
                piece.len(),
                String::from_utf8_lossy(piece)
            )
        })
        .collect();
    let request = Request::new("POST", BATCH)
        .header("authorization", basic("full"))
        .header("expect", "100-continue")
        .header("transfer-encoding", "chunked")
        .body(format!("{chunked}0\r\n\r\n"));
    assert_eq!(server.send(&request).status, 202);
}

#[test]
fn a_dry_run_is_not_taken_for_an_order() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = format!("[{}]", order("DRY"));
    let asked = post(body.clone()).header("wharfinger-dry-run", "true");
    assert_eq!(server.send(&asked).status, 202);
    // A request that may have been meant as a dry run must not be stored.
    for (query, fields) in [
        ("?dry_run=yes", &[][..]),
        ("?dry_run=false", &["true"]),
        ("?dry_run=true", &["no"]),
        ("?dry_run=false&dry_run=true", &[]),
        ("", &["false", "true"]),
        ("", &["tr\u{fc}e"]),
    ] {
        let mut asked = Request::new("POST", &format!("{BATCH}{query}"));
        for field in fields {
            asked = asked.header("wharfinger-dry-run", *field);
        }
        let asked = asked.header("authorization", basic("full"));
        let answer = server.send(&asked.body(body.clone()));
        assert_eq!(answer.status, 400, "{query} {fields:?}: {}", answer.text());
    }
    let answer = server.send(&post(body));
    assert_eq!(accepted_as_new(data.path(), &answer), 1);
}

#[test]
fn a_path_that_is_no_text_names_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (method, path) in [
        ("GET", "/v2/order/%FF"),
        ("POST", "/centra/TRK001/order/%E2%82"),
        ("POST", "/v4/organisations/%FF/customer_order"),
    ] {
        let request = Request::new(method, path)
            .header("authorization", basic("full"))
            .header("access_key", fixture::secret_of("full"))
            .header("site_id", "TRK001");
        assert_eq!(server.send(&request).status, 404, "{path}");
    }
}

#[test]
fn a_batch_without_orders_leaves_a_receipt_and_an_event() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let request = Request::new("PUT", "/api/customerorders").body("[]");
    let answer = server.send(&request.header("access_key", fixture::secret_of("one")));
    assert_eq!((answer.status, answer.text()), (200, "[]"));
    let report = crate::support::stored::check(data.path());
    assert_eq!((report.orders, report.batches, report.events), (0, 1, 1));
    assert_eq!(report.faults, Vec::<String>::new());
}
