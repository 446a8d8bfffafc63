//! Small requests that cause a lot of work. Their memory is counted, and nobody else waits for them.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::client::{Connection, Request};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{get, order, request};

/// A few hundred bytes of gzip that contain very many empty orders.
fn empty_orders(count: usize) -> Vec<u8> {
    let text = format!("[{}]", vec!["{}"; count].join(","));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn post(key: &str, body: Vec<u8>) -> Request {
    request("POST", "/v1/batches?organisation=TRK001", key)
        .header("content-encoding", "gzip")
        .body(body)
}

#[test]
fn what_judging_makes_counts_against_the_memory_budget() {
    let data = fixture::data_directory();
    // Enough memory for the body many times over, but not for 50,000 orders with their problems and the response.
    let bounds = [
        "--body-bytes-max",
        "1048576",
        "--body-bytes-in-flight-max",
        "8388608",
    ];
    let server = Server::start_with(data.path(), &bounds);
    let answer = server.send(&post("full", empty_orders(50_000)));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["code"], "overloaded");
    let peak = server.memory_peak_kib() >> 10;
    assert!(peak < 128, "{peak} MiB");
    assert!(answer.header("retry-after").is_some());
    // The memory is returned, and nothing was stored.
    assert_eq!(
        get(&server, "/v1/batches")["data"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let small = request("POST", "/v1/batches?organisation=TRK001", "full");
    let small = small.body(format!("[{}]", order("A-1")));
    assert_eq!(server.send(&small).status, 200);
    assert_eq!(stored::all_orders(data.path(), "TRK001", "native").len(), 1);
}

/// Whether the server has sent nothing on a connection yet.
fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn an_order_does_not_wait_for_the_large_batches_of_others() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = empty_orders(20_000);
    let mut large: Vec<_> = (0..6).map(|_| Connection::open(server.address)).collect();
    for connection in &mut large {
        assert!(connection.write(&post("full", body.clone()).bytes()));
    }
    let small = request("POST", "/v1/batches?organisation=TRK001", "one");
    let small = small.body(format!("[{}]", order("A-1")));
    let answer = server.send(&small);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let unanswered = large.iter().filter(|large| is_silent(&large.writer()));
    let unanswered = unanswered.count();
    assert!(unanswered >= 4, "{unanswered} of 6 large ones came later");
    for connection in &mut large {
        let answer = connection.read().expect("it is answered");
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()["rejected"], 20_000);
    }
}

/// A request in a dialect that names the organisation in a header field.
fn slips(method: &str, target: &str, key: &str) -> Request {
    Request::new(method, target)
        .header("access_key", secret_of(key))
        .header("site_id", "TRK001")
}

fn put_slips(server: &Server, slips_: &[String]) {
    let put = slips("PUT", "/api/customerorders", "full");
    let answer = server.send(&put.body(format!("[{}]", slips_.join(","))));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Orders of which one is cancelled, so that no stored count tells which are listed and each row must be read. There are more
/// of them than are read without a pause.
fn many_slips(server: &Server) {
    let slip = |number| format!(r#"{{"packingslipno":"P-{number:05}","consignee":"A"}}"#);
    put_slips(server, &(0..9_000).map(slip).collect::<Vec<_>>());
    let delete = slips(
        "DELETE",
        "/api/customerorders?packingslipno=P-00000",
        "full",
    );
    assert_eq!(server.send(&delete).status, 200);
}

const DEEP_PAGE: &str = "/api/customerorders?page=90&pagesize=100";

#[test]
fn deep_pages_are_right_and_do_not_keep_others_waiting() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    many_slips(&server);
    let page = server.send(&slips("GET", DEEP_PAGE, "full")).json();
    assert_eq!((&page["Page"], &page["Pages"]), (&90.into(), &90.into()));
    let results = page["Results"].as_array().unwrap();
    let number = |at: usize| results[at]["packingslipno"].as_str().unwrap();
    assert_eq!(
        (results.len(), number(0), number(98)),
        (99, "P-08901", "P-08999")
    );
    // Counted within a time range, over the same orders.
    let bounded = format!("{DEEP_PAGE}&createdfrom=2020-01-01");
    assert_eq!(server.send(&slips("GET", &bounded, "full")).json(), page);
    let mut deep: Vec<_> = (0..8).map(|_| Connection::open(server.address)).collect();
    for connection in &mut deep {
        assert!(connection.write(&slips("GET", DEEP_PAGE, "full").bytes()));
    }
    let other = server.send(&request("GET", "/v1/orders?key=P-08999", "one"));
    assert_eq!(other.json()["data"].as_array().unwrap().len(), 1);
    let unanswered = deep.iter().filter(|deep| is_silent(&deep.writer())).count();
    assert!(unanswered >= 5, "{unanswered} of 8 deep pages came later");
}

#[test]
fn lists_of_long_orders_are_sent_in_pieces() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let filler = "x".repeat(1_000_000);
    let slip = |number: usize| {
        format!(
            r#"{{"packingslipno":"P-{number:02}","consignee":"{number}","costcentre":"{filler}"}}"#
        )
    };
    let order = |number: usize| {
        format!(
            r#"{{"orderNumber":{number},"address":{{"email":"a@example.com","country":"SE"}},"products":[{{"sku":"A","qty":1}}],"comment":"{filler}"}}"#
        )
    };
    for number in 1..=24 {
        put_slips(&server, &[slip(number)]);
        let post = Request::new("POST", "/centra/TRK001/order");
        let post = post.header("api-authorization", secret_of("full"));
        let answer = server.send(&post.body(order(number)));
        assert_eq!(answer.json()["status"], "ok", "{}", answer.text());
    }
    drop(server);
    let server = Server::start(data.path());
    let before = server.memory_peak_kib();
    let centra = Request::new("GET", "/centra/TRK001/orders?limit=23&offset=1");
    let centra = centra.header("api-authorization", secret_of("full"));
    let answer = server.send(&centra);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let numbers = |list: &Value, name: &str| {
        let orders = list.as_array().unwrap().iter();
        orders
            .map(|order| order[name].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let newest_first: Vec<_> = (1..=23).rev().map(|number| number.to_string()).collect();
    assert_eq!(numbers(&answer.json()["orders"], "orderId"), newest_first);
    let oldest_first: Vec<_> = (1..=24).map(|number| format!("P-{number:02}")).collect();
    for target in ["/api/customerorders", "/v2/pendingorders"] {
        let answer = server.send(&slips("GET", target, "full"));
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        let list = answer.json();
        let results = list.get("Results").unwrap_or(&list);
        assert_eq!(numbers(results, "packingslipno"), oldest_first);
    }
    let rise = (server.memory_peak_kib() - before) >> 10;
    // 45 to 51 MiB were measured. The three lists together have 71 MiB.
    assert!(rise < 60, "{rise} MiB");
    // A short list still has a content length.
    let short = server.send(&slips("GET", "/api/customerorders?pagesize=1", "full"));
    assert!(short.header("content-length").is_some());
}
