//! One tenant takes as much memory, threads and time as it can get. Others are still served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::client::{Connection, Request, Response};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{self, request};

/// A key with access to several organisations, and one with access to a different organisation only.
const GREEDY: &str = "full";
const OTHER: &str = "other";

fn line(key: impl std::fmt::Display) -> String {
    format!("{{\"key\":\"{key}\",\"placed_at\":\"2026-11-21\",\"lines\":[{{\"sku\":\"S\"}}]}}\n")
}

fn batch(key: &str, body: impl Into<Vec<u8>>) -> Request {
    let organisation = if key == OTHER { "TRK002" } else { "TRK001" };
    let target = format!("/v1/batches?organisation={organisation}");
    request("POST", &target, key).body(body)
}

fn import(key: &str, number: u32, body: impl Into<Vec<u8>>) -> Request {
    let organisation = if key == OTHER { "TRK002" } else { "TRK001" };
    let id = format!("019a0000-0000-4000-8000-{number:012}");
    let target = format!("/v1/imports/{id}?organisation={organisation}");
    let request = request("PUT", &target, key).header("content-type", "application/x-ndjson");
    request.body(body)
}

/// A valid order in a body of this length.
fn padded(key: &str, length: usize) -> String {
    let order = v1::order(key).to_string();
    format!("[{order}{}]", " ".repeat(length - order.len() - 2))
}

/// Sends the head of a request, and waits until the server starts to read the body.
fn begin(server: &Server, head: Request) -> TcpStream {
    let head = head.header("expect", "100-continue");
    let connection = Connection::open(server.address);
    let mut stream = connection.writer();
    stream.write_all(&head.bytes()).unwrap();
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).expect("the server answers");
    let go_on = String::from_utf8_lossy(&go_on);
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    stream
}

/// Sends a request with pauses between the bytes of its body.
fn trickle(server: &Server, request: &Request, pause: Duration) -> Response {
    let bytes = request.bytes();
    let head_end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let mut connection = Connection::open(server.address);
    let mut writer = connection.writer();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = writer.write_all(&bytes[..head_end]);
            for byte in &bytes[head_end..] {
                std::thread::sleep(pause);
                if writer.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        });
        connection.read().expect("the server answers")
    })
}

fn memory_in_flight(server: &Server) -> u64 {
    let metrics = server.send(&Request::new("GET", "/metrics"));
    let mut lines = metrics.text().lines();
    let value = lines.find_map(|line| line.strip_prefix("wharfinger_body_bytes_in_flight "));
    value.expect("the metric is there").parse().unwrap()
}

#[test]
fn bodies_that_trickle_are_408_in_each_form_and_store_nothing() {
    let data = fixture::data_directory();
    let options = [
        "--body-idle-timeout-s",
        "1",
        "--bytes-per-second-min",
        "1000",
    ];
    let server = Server::start_with(data.path(), &options);
    let reevoo = Request::new("POST", "/v4/customer_orders");
    let reevoo = reevoo.header("authorization", fixture::basic(GREEDY));
    let requests = [
        batch(GREEDY, padded("A", 100)),
        import(GREEDY, 1, line("B")),
        reevoo.body(" ".repeat(100) + "[]"),
    ];
    // The body takes about two seconds. Each byte arrives well within the idle time-out.
    for request in requests {
        let answer = trickle(&server, &request, Duration::from_millis(25));
        assert_eq!(answer.status, 408, "{}", answer.text());
        assert!(
            answer.text().contains("took too long to arrive"),
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("connection"), Some("close"));
    }
    drop(server);
    assert_eq!(stored::all_orders(data.path(), "TRK001", "native").len(), 0);
}

#[test]
fn without_a_lowest_rate_a_body_may_trickle() {
    let data = fixture::data_directory();
    let options = ["--body-idle-timeout-s", "1", "--bytes-per-second-min", "0"];
    let server = Server::start_with(data.path(), &options);
    let request = batch(GREEDY, padded("A", 100));
    let answer = trickle(&server, &request, Duration::from_millis(15));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_body_takes_memory_as_it_arrives_and_a_key_no_more_than_its_share() {
    let data = fixture::data_directory();
    let options = [
        "--body-bytes-max",
        "1000000",
        "--body-bytes-in-flight-max",
        "8000000",
    ];
    let server = Server::start_with(data.path(), &options);
    // An announced length takes no memory.
    let announced = || batch(GREEDY, "").header("content-length", "1000000");
    let mut bodies: Vec<_> = (0..8).map(|_| begin(&server, announced())).collect();
    assert_eq!(memory_in_flight(&server), 0);
    let answer = server.send(&batch(GREEDY, padded("A", 900_000)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Bodies that arrive take at most half.
    let most = vec![b' '; 900_000];
    for body in &mut bodies {
        // The server may not read all of a refused body.
        let _ = body.write_all(&most);
    }
    // Two of them fit into half of the budget, with twice their bytes each. The others are refused, and give back what they had.
    while memory_in_flight(&server) != 2 * 2 * 900_000 {}
    let answer = server.send(&batch(OTHER, padded("B", 900_000)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let refused = server.send(&batch(GREEDY, padded("C", 900_000)));
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert!(memory_in_flight(&server) <= 4_000_000);
    drop(bodies);
    while memory_in_flight(&server) > 0 {}
    let answer = server.send(&batch(GREEDY, padded("D", 900_000)));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn imports_that_wait_for_their_sender_leave_memory_and_places_to_others() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let begun = |number| {
        let chunked = import(GREEDY, number, "").header("transfer-encoding", "chunked");
        begin(&server, chunked)
    };
    let waiting: Vec<_> = (0..128).map(begun).collect();
    let refused = server.send(&import(GREEDY, 200, line("A")));
    assert_eq!(refused.status, 503, "{}", refused.text());
    for (key, number) in [(GREEDY, 300), (OTHER, 400)] {
        let answer = server.send(&batch(key, padded("B", 900_000)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        if key == OTHER {
            let answer = server.send(&import(key, number, line("C")));
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    drop(waiting);
    while memory_in_flight(&server) > 0 {}
    let answer = server.send(&import(GREEDY, 200, line("A")));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn imports_of_little_but_blank_lines_are_refused() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let with_blank_lines = |number, blank: usize| {
        let body = line("A") + &"\n".repeat(blank);
        server.send(&import(GREEDY, number, body))
    };
    assert_eq!(with_blank_lines(1, 10_002).status, 200);
    let refused = with_blank_lines(2, 10_003);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(
        refused.text().contains("too many blank lines"),
        "{}",
        refused.text()
    );
    let mut coder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..20 {
        coder.write_all(&vec![b'\n'; 1 << 20]).unwrap();
    }
    let many = import(GREEDY, 3, coder.finish().unwrap()).header("content-encoding", "gzip");
    let refused = server.send(&many);
    assert_eq!(refused.status, 400, "{}", refused.text());
    drop(server);
    assert_eq!(stored::all_orders(data.path(), "TRK001", "native").len(), 1);
}

#[test]
fn an_import_that_decompresses_to_far_more_than_was_sent_is_refused() {
    let data = fixture::data_directory();
    let options = ["--body-bytes-max", "1000000"];
    let server = Server::start_with(data.path(), &options);
    let mut coder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..50 {
        coder.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    coder
        .write_all(format!("\n{}", line("A")).as_bytes())
        .unwrap();
    let body = coder.finish().unwrap();
    let refused = server.send(&import(GREEDY, 1, body).header("content-encoding", "gzip"));
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(
        refused.text().contains("200 times its size"),
        "{}",
        refused.text()
    );
    drop(server);
    assert_eq!(stored::all_orders(data.path(), "TRK001", "native").len(), 0);
}

#[test]
fn a_log_line_has_the_beginning_of_a_long_value() {
    let data = fixture::data_directory();
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
    let method = "M".repeat(40_000);
    let path = format!("/v1/orders/{}", "p".repeat(40_000));
    for (request, status) in [
        (request(&method, "/v1/orders", GREEDY), 405),
        (request("GET", &path, GREEDY), 404),
        (request("GET", &format!("/{path}"), GREEDY), 404),
        (request("GET", &format!("/v1/orders?{path}"), GREEDY), 400),
    ] {
        assert_eq!(server.send(&request).status, status);
    }
    server.terminate();
    server.wait();
    let log = std::fs::read_to_string(log.path()).unwrap();
    let served: Vec<_> = log
        .lines()
        .filter(|line| line.contains("Request served"))
        .collect();
    assert_eq!(served.len(), 4, "{log}");
    assert!(served[0].contains(&"M".repeat(200)));
    for line in log.lines() {
        assert!(line.len() < 2_000, "{} bytes", line.len());
    }
}
