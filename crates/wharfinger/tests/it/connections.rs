//! Clients that hold connections open cost little, and keep nobody else out.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use crate::support::client::{Connection, Request};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::sse::Events;
use crate::support::v1::{self, request};

/// A request for a large response that needs no key.
fn large() -> Request {
    Request::new("GET", "/openapi.json")
}

fn alive() -> Request {
    Request::new("GET", "/healthz")
}

fn batch(key: &str) -> Request {
    let request = request("POST", "/v1/batches?organisation=TRK002", "other");
    request.body(format!("[{}]", v1::order(key)))
}

/// A request that waits for the next events.
fn next_events(server: &Server, seconds: u32) -> Request {
    let all = server.send(&request("GET", "/v1/events", "other")).json();
    let next = all["next"].as_str().expect("the feed goes on");
    let target = format!("/v1/events?wait={seconds}s&after={next}");
    request("GET", &target, "other")
}

/// Sends many requests and reads no response.
fn leave_unread(server: &Server, request: &Request) -> Connection {
    let mut connection = Connection::open(server.address);
    assert!(connection.write(&request.bytes().repeat(100)));
    connection
}

#[test]
fn a_client_that_reads_no_answers_is_cut_off() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--write-timeout-s", "1"]);
    let requests = large().bytes().repeat(1_000);
    let mut writer = Connection::open(server.address).writer();
    let error = loop {
        if let Err(error) = writer.write_all(&requests) {
            break error;
        }
    };
    // The client must not have timed out.
    assert_ne!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(server.send(&batch("A")).status, 200);
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_its_answers() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--write-timeout-s", "1"]);
    let mut connection = Connection::open(server.address);
    let mut reader = connection.writer();
    assert!(connection.write(&large().bytes().repeat(100)));
    connection.finish_writing();
    let mut answers = Vec::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        std::thread::sleep(Duration::from_millis(15));
        match reader.read(&mut piece).expect("the answers can be read") {
            0 => break,
            read => answers.extend_from_slice(&piece[..read]),
        }
    }
    let begin = b"HTTP/1.1 200 OK\r\n";
    let count = memchr::memmem::find_iter(&answers, begin).count();
    assert_eq!(count, 100);
}

#[test]
fn a_stream_of_events_may_be_silent_for_longer_than_an_answer_may_be_unread() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--write-timeout-s", "1"]);
    assert_eq!(server.send(&batch("EARLY")).status, 200);
    let next = next_events(&server, 20);
    let mut waiting = Connection::open(server.address);
    assert!(waiting.write(&next.bytes()));
    let mut stream = Events::open(server.address, &request("GET", "/v1/events", "other"));
    let mut is_accepted = || {
        let mut events = std::iter::from_fn(|| stream.next());
        events.any(|event| event.kind == "order.accepted")
    };
    assert!(is_accepted());
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(server.send(&batch("LATE")).status, 200);
    assert_eq!(waiting.read().expect("it is answered").status, 200);
    assert!(is_accepted());
}

#[test]
fn connections_that_have_shown_no_key_make_room() {
    let data = fixture::data_directory();
    let options = [
        "--connections-max",
        "8",
        "--connections-per-address-max",
        "0",
    ];
    let server = Server::start_with(data.path(), &options);
    let mut idle = Connection::open(server.address);
    assert_eq!(idle.exchange(&batch("A")).unwrap().status, 200);
    let next = next_events(&server, 30);
    let mut waiting = Connection::open(server.address);
    assert_eq!(
        waiting
            .exchange(&request("GET", "/v1/events", "other"))
            .unwrap()
            .status,
        200
    );
    assert!(waiting.write(&next.bytes()));
    // More connections than allowed. Each replaces the oldest one of its kind.
    let unread: Vec<_> = (0..20).map(|_| leave_unread(&server, &large())).collect();
    for number in 0..10 {
        let answer = server.send(&batch(&format!("B{number}")));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(idle.exchange(&batch("C")).unwrap().status, 200);
    assert_eq!(waiting.read().expect("it is answered").status, 200);
    drop(unread);
}

#[test]
fn connections_that_leave_answers_unread_make_room_also_with_a_key() {
    let data = fixture::data_directory();
    let options = [
        "--connections-max",
        "8",
        "--connections-per-address-max",
        "0",
    ];
    let server = Server::start_with(data.path(), &options);
    assert_eq!(server.send(&batch("A")).status, 200);
    let list = request("GET", "/v1/orders", "one").bytes().repeat(10_000);
    let unread: Vec<_> = (0..8)
        .map(|_| {
            let connection = Connection::open(server.address);
            let mut writer = connection.writer();
            let list = list.clone();
            std::thread::spawn(move || writer.write_all(&list));
            connection
        })
        .collect();
    for number in 0..10 {
        let answer = server.send(&batch(&format!("B{number}")));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    drop(unread);
}

#[test]
fn an_address_has_so_many_connections() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--connections-per-address-max", "2"]);
    let mut first = Connection::open(server.address);
    let mut second = Connection::open(server.address);
    for connection in [&mut first, &mut second] {
        assert_eq!(connection.exchange(&alive()).unwrap().status, 200);
    }
    let mut third = Connection::open(server.address);
    let refused = third.read().expect("it is told why");
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some() && refused.header("x-request-id").is_some());
    assert!(third.is_closed());
    assert_eq!(first.exchange(&alive()).unwrap().status, 200);
    drop(second);
    // The server must notice the closed connection first.
    let next = || Connection::open(server.address).exchange(&alive());
    while next().is_none_or(|answer| answer.status == 429) {}
}

#[test]
fn heads_are_bounded_each_and_together() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let with_head = |bytes: usize| alive().header("x-much", "h".repeat(bytes));
    assert_eq!(server.send(&with_head(60_000)).status, 200);
    let mut too_large = Connection::open(server.address);
    let refused = too_large
        .exchange(&with_head(380_000))
        .expect("it is told why");
    assert_eq!(refused.status, 431);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(refused.json()["status"], 431);
    assert!(too_large.is_closed());
    // So does one with too many fields, which hyper would refuse without a word.
    let with_fields = |path: &str, count: usize| {
        let fields = 0..count;
        fields.fold(Request::new("GET", path), |request, number| {
            request.header(&format!("x-{number}"), "1")
        })
    };
    assert_eq!(server.send(&with_fields("/healthz", 90)).status, 200);
    let crowded = Connection::open(server.address).exchange(&with_fields("/healthz", 101));
    let crowded = crowded.expect("it is told why");
    assert_eq!(crowded.status, 431);
    let detail = crowded.json()["detail"].to_string();
    assert!(detail.contains("at most 100 header fields"), "{detail}");
    let page = Connection::open(server.address).exchange(&with_fields("/console", 101));
    let page = page.expect("it is told why");
    assert!(page.text().contains("too many header fields"), "{page:?}");
    // A person gets a page.
    let many = (0..10_000)
        .map(|at| format!("&parameter{at}=1"))
        .collect::<String>();
    let page = Request::new("GET", &format!("/console/orders?a=b{many}"));
    let page = Connection::open(server.address).exchange(&page);
    let page = page.expect("it is told why");
    assert_eq!(page.status, 431);
    assert!(
        page.text().contains("<h1>The address is too long</h1>"),
        "{}",
        page.text()
    );
    let before_kib = server.memory_peak_kib();
    let half = |bytes: usize| {
        let request = with_head(bytes).bytes();
        let mut connection = Connection::open(server.address);
        connection.write(&request[..request.len() - 10]);
        connection
    };
    let unfinished: Vec<_> = (0..800)
        .map(|n| half(if n % 2 == 0 { 60_000 } else { 380_000 }))
        .collect();
    assert_eq!(server.send(&batch("A")).status, 200);
    let grown_kib = server.memory_peak_kib() - before_kib;
    assert!(grown_kib < 96 << 10, "{grown_kib} KiB");
    // Connections that got no memory were told so.
    let told: Vec<_> = unfinished
        .into_iter()
        .filter_map(|mut connection| connection.read())
        .collect();
    let with = |status| told.iter().filter(|answer| answer.status == status).count();
    assert!(with(503) > 0 && with(503) + with(431) + with(408) == told.len());
}

#[test]
fn a_key_is_served_on_its_share_of_the_connections() {
    let data = fixture::data_directory();
    let options = [
        "--connections-max",
        "10",
        "--connections-per-address-max",
        "0",
    ];
    let server = Server::start_with(data.path(), &options);
    let events = request("GET", "/v1/events", "one").header("accept", "text/event-stream");
    let opened: Vec<_> = (0..8)
        .map(|_| Events::open(server.address, &events))
        .collect();
    let statuses: Vec<_> = opened.iter().map(|events| events.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 503, 503, 503]);
    // Another key of the same organisation.
    let same = request("GET", "/v1/orders", "reader");
    assert_eq!(server.send(&same).status, 503);
    assert_eq!(server.send(&batch("A")).status, 200);
    drop(opened);
    // The server must notice the closed connections first.
    while server.send(&same).status == 503 {}
}
