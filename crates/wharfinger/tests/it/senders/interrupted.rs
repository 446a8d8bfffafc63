//! `wharfinger submit` over broken connections, crashes and overload: each order is stored exactly once.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::files::{errors, numbered, printed};
use super::proxy::{Act, Passing, Proxy};
use crate::support::server::Server;

const ORDERS: usize = 40;

/// Sends 40 orders in 8 batches.
const SUBMIT: [&str; 6] = [
    "submit",
    "orders.ndjson",
    "--dialect",
    "native",
    "--batch",
    "5",
];

/// The orders are stored, each once, and each has one event.
fn assert_exactly_once(desk: &Desk) {
    let mut keys = desk.keys("native");
    keys.sort();
    let mut expected: Vec<_> = (0..ORDERS).map(|number| format!("A-{number}")).collect();
    expected.sort();
    assert_eq!(keys, expected);
    assert_eq!(desk.accepted_events(), ORDERS);
    let receipts = desk.read_lines("orders.ndjson.receipts.ndjson");
    let lines = receipts
        .iter()
        .map(|receipt| receipt["first_line"].as_u64().unwrap());
    assert_eq!(lines.collect::<Vec<_>>(), [1, 6, 11, 16, 21, 26, 31, 36]);
    let updated: u64 = receipts
        .iter()
        .map(|receipt| receipt["updated"].as_u64().unwrap())
        .sum();
    let unchanged: u64 = receipts
        .iter()
        .map(|receipt| receipt["unchanged"].as_u64().unwrap())
        .sum();
    assert_eq!((updated, unchanged), (0, 0), "no order was judged twice");
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("orders.ndjson", numbered("A", ORDERS));
    desk
}

/// Sends the file through a proxy. Returns what the command said on standard error.
fn send_through(
    desk: &Desk,
    act: impl Fn(&Passing) -> Act + Send + Sync + 'static,
) -> (Proxy, String) {
    let proxy = Proxy::start(desk.server().address, act);
    let output = desk.sender(&proxy.url(), "one", &SUBMIT).output().unwrap();
    printed(&output, 0);
    (proxy, errors(&output))
}

#[test]
fn connections_cut_before_and_after_the_server_saw_the_request() {
    let desk = desk();
    let (proxy, _) = send_through(&desk, |passing| match passing.batch {
        1 | 6 | 9 => Act::CutAfter,
        3 | 7 => Act::CutBefore,
        _ => Act::Pass,
    });
    assert_exactly_once(&desk);
    let batches = proxy.batches();
    assert_eq!(batches.len(), 8 + 5);
    for one in &batches {
        for other in &batches {
            let same_key = one.header("idempotency-key") == other.header("idempotency-key");
            assert_eq!(
                one.body == other.body,
                same_key,
                "each retry has the key of the first attempt"
            );
        }
    }
}

#[test]
fn what_a_busy_server_or_proxy_says_is_waited_out() {
    let desk = desk();
    let (_proxy, said) = send_through(&desk, |passing| match passing.batch {
        1 => Act::Answer(503, "retry-after: 0\r\n"),
        3 => Act::Answer(429, "retry-after: 0\r\n"),
        4 => Act::Answer(502, "retry-after: 0\r\n"),
        6 => Act::Answer(409, "retry-after: 0\r\n"),
        7 => Act::Answer(504, "retry-after: 0\r\n"),
        9 => Act::Answer(408, "retry-after: 0\r\n"),
        _ => Act::Pass,
    });
    assert_exactly_once(&desk);
    for status in [503, 429, 502, 409, 504, 408] {
        let why = format!("wharfinger: waiting 0.5 s: the server answered {status}\n");
        assert!(said.contains(&why), "{said}");
    }
}

#[test]
fn the_rate_of_a_key_is_waited_out() {
    let mut desk = desk();
    desk.kill_server();
    let server = Server::start_with(desk.data.path(), &["--requests-per-second", "5"]);
    desk.url = format!("http://{}", server.address);
    desk.server = Some(server);
    let began = Instant::now();
    let output = desk.send(&SUBMIT);
    printed(&output, 0);
    // 9 requests were sent. A slow machine may need a second for them in any case.
    let is_slow = began.elapsed() > Duration::from_secs(1);
    let said = errors(&output);
    assert!(
        is_slow || said.contains("the server answered 429"),
        "{said}"
    );
    let keys = desk.keys("native");
    assert_eq!(keys.len(), ORDERS);
}

#[test]
fn patience_ends_and_the_run_can_be_repeated() {
    let desk = desk();
    let proxy = Proxy::start(desk.server().address, |passing| match passing.batch {
        1..=4 => Act::Pass,
        _ => Act::Answer(503, "retry-after: 3\r\n"),
    });
    let arguments = [&SUBMIT[..], &["--in-flight", "1", "--patience", "2s"]].concat();
    let output = desk
        .sender(&proxy.url(), "one", &arguments)
        .output()
        .unwrap();
    let out = printed(&output, 1);
    assert!(out.contains("20 orders in 4 batches"), "{out}");
    let said = errors(&output);
    let expected = "orders.ndjson: not everything was sent; run the same command again, nothing is stored twice: the orders in \
        lines 21 to 25 were not taken: the server answered 503";
    assert!(said.contains(expected), "{said}");
    assert_eq!(
        proxy.batches().len(),
        5,
        "what waits in the client is not sent any more"
    );
    assert_eq!(
        desk.names(),
        ["orders.ndjson", "orders.ndjson.receipts.ndjson.part"]
    );
    let out = printed(&desk.send(&SUBMIT), 0);
    assert!(out.contains("already sent 20"), "{out}");
    assert_exactly_once(&desk);
}

/// A proxy that lets batches pass up to a number, and then holds all until it is told to go on.
fn holding(desk: &Desk, passing_max: usize) -> (Proxy, Receiver<()>, Sender<()>) {
    let (held, is_held) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let proxy = Proxy::start(desk.server().address, move |passing| {
        if passing.batch <= passing_max {
            return Act::Pass;
        }
        let _ = held.send(());
        // The other end is dropped when the test goes on.
        let _ = may_go_on.lock().unwrap().recv();
        Act::CutBefore
    });
    (proxy, is_held, go_on)
}

#[test]
fn a_killed_client_is_run_again() {
    let desk = desk();
    desk.write("orders.ndjson.receipts.ndjson", "of an earlier run\n");
    let (proxy, is_held, go_on) = holding(&desk, 3);
    // One at a time, so that three are answered when the fourth is held.
    let arguments = [&SUBMIT[..], &["--in-flight", "1"]].concat();
    let mut command = desk.sender(&proxy.url(), "one", &arguments);
    let mut client = quiet(&mut command).spawn().unwrap();
    is_held.recv().unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    drop(go_on);
    assert_eq!(desk.keys("native").len(), 15);
    // Nothing unfinished has a finished name.
    assert_eq!(
        desk.read("orders.ndjson.receipts.ndjson"),
        "of an earlier run\n"
    );
    let unfinished = ["receipts.ndjson", "rejected.ndjson", "reasons.csv"];
    for name in unfinished.map(|name| format!("orders.ndjson.{name}.part")) {
        assert!(desk.names().contains(&name), "{name}");
    }
    let out = printed(&desk.send(&SUBMIT), 0);
    assert!(out.contains("already sent 15"), "{out}");
    assert_exactly_once(&desk);
    assert_eq!(
        desk.names(),
        ["orders.ndjson", "orders.ndjson.receipts.ndjson"]
    );
}

#[test]
fn two_runs_do_not_write_the_same_files() {
    let desk = desk();
    let (proxy, is_held, go_on) = holding(&desk, 0);
    let mut command = desk.sender(&proxy.url(), "one", &SUBMIT);
    let client = quiet(&mut command).spawn().unwrap();
    is_held.recv().unwrap();
    let output = desk.send(&SUBMIT);
    printed(&output, 1);
    let said = errors(&output);
    assert!(
        said.contains("another process writes orders.ndjson.receipts.ndjson.part"),
        "{said}"
    );
    end(client);
    drop(go_on);
    printed(&desk.send(&SUBMIT), 0);
    assert_exactly_once(&desk);
}

#[test]
fn the_client_waits_for_a_server_that_was_killed() {
    let mut desk = desk();
    let address = desk.server().address;
    let (held, is_held) = channel();
    let held = Mutex::new(Some(held));
    // The fourth request reaches the server at the moment it dies. Those before it may have.
    let proxy = Proxy::start(address, move |passing| {
        if passing.batch == 4 {
            held.lock()
                .unwrap()
                .take()
                .unwrap()
                .send(passing.request.clone())
                .unwrap();
            return Act::CutBefore;
        }
        Act::Pass
    });
    let mut command = desk.sender(&proxy.url(), "one", &SUBMIT);
    let client = quiet(&mut command).stderr(Stdio::piped()).spawn().unwrap();
    let request = is_held.recv().unwrap();
    let mut connection = crate::support::client::Connection::open(address);
    connection.write(&request.bytes());
    desk.kill_server();
    desk.start_server();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_exactly_once(&desk);
}

#[test]
fn the_client_waits_for_a_server_that_is_not_there_yet() {
    let mut desk = desk();
    desk.kill_server();
    let mut command = desk.sender(&desk.url, "one", &SUBMIT);
    let mut client = quiet(&mut command).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(client.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let expected = format!("s: cannot reach {}", desk.url);
    assert!(
        line.starts_with("wharfinger: waiting 0.") && line.contains(&expected),
        "{line}"
    );
    desk.start_server();
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        rest
    });
    assert_eq!(
        client.wait().unwrap().code(),
        Some(0),
        "{}",
        rest.join().unwrap()
    );
    assert_exactly_once(&desk);
}

#[test]
fn batches_in_flight_are_reported_in_the_order_of_the_file() {
    let desk = desk();
    let (answer_first, may_be_answered) = channel::<()>();
    let answer_first = Mutex::new(Some(answer_first));
    let may_be_answered = Mutex::new(may_be_answered);
    let proxy = Proxy::start(desk.server().address, move |passing| {
        let is_first = passing.body.starts_with(b"{\"key\":\"A-0\"");
        if is_first {
            // The first batch waits until the second is stored.
            let _ = may_be_answered.lock().unwrap().recv();
        } else {
            answer_first.lock().unwrap().take();
        }
        Act::Pass
    });
    printed(
        &desk.sender(&proxy.url(), "one", &SUBMIT).output().unwrap(),
        0,
    );
    assert_exactly_once(&desk);
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

fn end(mut client: Child) {
    client.kill().unwrap();
    client.wait().unwrap();
}
