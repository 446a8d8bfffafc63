//! Start, operation and shutdown of the server.

use std::io::Read;
use std::process::Stdio;

use crate::support::client::{Connection, Request};
use crate::support::database::on_embedded;
use crate::support::fixture::{self, basic};
use crate::support::server::{Server, program, run};

#[test]
fn it_lives_and_takes_writes() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            server.send(&Request::new("GET", path)).status,
            200,
            "{path}"
        );
    }
}

#[test]
fn a_second_server_on_the_same_directory_says_so_and_ends() {
    if !on_embedded("many servers may run on a database") {
        return;
    }
    let data = fixture::data_directory();
    let _first = Server::start(data.path());
    let output = run(data.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("another server or copy is using"),
        "{message}"
    );
}

#[test]
fn told_to_stop_it_finishes_what_is_in_flight() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let request = Request::new("GET", "/healthz").bytes();
    let (first, second) = request.split_at(10);
    let mut halfway = Connection::open(server.address);
    assert!(halfway.write(first));
    // A complete exchange on another connection. By then the first connection was accepted too.
    assert_eq!(server.send(&Request::new("GET", "/healthz")).status, 200);
    server.terminate();
    assert!(halfway.write(second));
    let answer = halfway.read();
    let (status, _) = server.wait();
    assert!(status.success());
    // Either answered, or closed before anything was read. Never cut off in between.
    assert!(answer.is_none_or(|answer| answer.status == 200));
}

#[test]
fn told_to_stop_it_answers_requests_on_open_connections_and_closes_them() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let request = Request::new("GET", "/healthz");
    let mut connections: Vec<_> = (0..8).map(|_| Connection::open(server.address)).collect();
    for connection in &mut connections {
        assert_eq!(connection.exchange(&request).unwrap().status, 200);
    }
    server.terminate();
    // Once one client is told that the server stops, the signal has arrived. The others cannot know.
    let mut first = connections.pop().unwrap();
    loop {
        let answer = first.exchange(&request).expect("an answer");
        if answer.header("connection") == Some("close") {
            break;
        }
    }
    assert!(first.is_closed());
    for connection in &mut connections {
        let answer = connection.exchange(&request).expect("an answer");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
    let (status, _) = server.wait();
    assert!(status.success());
}

#[test]
fn with_nobody_to_read_its_log_it_serves_all_the_same() {
    let data = fixture::data_directory();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let server = Server::start_logging_to(data.path(), writer.into());
    assert_eq!(server.send(&Request::new("GET", "/nowhere")).status, 404);
}

#[test]
fn every_answer_has_a_request_id_and_a_sane_one_of_the_clients_is_kept() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let get = |id: &str| {
        let request = Request::new("GET", "/nowhere").header("x-request-id", id);
        let response = server.send(&request);
        response.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(get("order-run/2026:7"), "order-run/2026:7");
    assert_ne!(get("has a space"), "has a space");
    assert_ne!(get(&"x".repeat(129)), "x".repeat(129));
    let made = get("");
    assert_eq!(made.len(), 36, "{made}");
    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("POST", "/healthz"),
    ] {
        let response = server.send(&Request::new(method, path));
        assert!(response.header("x-request-id").is_some(), "{method} {path}");
    }
}

#[test]
fn a_refusal_can_be_read_and_leaves_the_connection_to_the_next_request() {
    let data = fixture::data_directory();
    let server = Server::start_with(data.path(), &["--body-bytes-max", "100000"]);
    let mut connection = Connection::open(server.address);
    let post = |content_type: &str, body: String| {
        let request = Request::new("POST", "/v4/customer_orders");
        let request = request.header("authorization", basic("full"));
        request.header("content-type", content_type).body(body)
    };
    for (request, status) in [
        (post("application/json", "[".into()), 400),
        (post("text/plain", "[]".into()), 415),
        (post("application/json", " ".repeat(500_000)), 413),
        (post("application/json", "[]".into()), 422),
    ] {
        let answer = connection.exchange(&request);
        let answer = answer.expect("the connection is still open");
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("connection"), None, "{status}");
    }
}

#[test]
fn a_body_that_waits_for_leave_is_refused_without_being_asked_for() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let request = Request::new("POST", "/v4/customer_orders").header("expect", "100-continue");
    let mut connection = Connection::open(server.address);
    connection.write(&request.header("content-length", "10").bytes());
    // If the server asked for the body, a 100 response would come first.
    let mut start = [0; 12];
    connection.writer().read_exact(&mut start).unwrap();
    assert_eq!(String::from_utf8_lossy(&start), "HTTP/1.1 401");
}

#[test]
fn settings_come_from_flag_then_variable_then_file() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("settings.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:1\"\nqueue_max = 0\n").unwrap();
    let serve = |listen: Option<&str>, variable: Option<&str>| {
        let mut command = program();
        command.arg("serve").arg("--config").arg(&file);
        command.arg("--data").arg(data.path());
        command.args(
            listen
                .map(|listen| ["--listen", listen])
                .into_iter()
                .flatten(),
        );
        if let Some(variable) = variable {
            command.env("WHARFINGER_QUEUE_MAX", variable);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(serve(None, None).contains("--queue-max must be at least 1"));
    // The variable overrides the file, otherwise the queue would be too short. The flag overrides the file's address.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let message = serve(Some(&taken), Some("5"));
    assert!(
        message.contains(&format!("cannot listen on {taken}")),
        "{message}"
    );

    std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
    let message = serve(None, None);
    assert!(message.contains("unknown field `lisen`"), "{message}");
}

#[test]
fn what_a_client_asks_for_in_vain_is_not_logged() {
    let data = fixture::data_directory();
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
    for path in ["/v2/order/ann@example.com", "/nowhere/ann@example.com"] {
        let request = Request::new("GET", path).header("access_key", fixture::secret_of("one"));
        assert_eq!(server.send(&request).status, 404);
    }
    server.terminate();
    server.wait();
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("Not found"), "{log}");
    assert!(!log.contains("ann@"), "{log}");
}

#[test]
fn a_client_that_has_finished_writing_gets_its_answer() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut connection = Connection::open(server.address);
    connection.write(&Request::new("GET", "/healthz").bytes());
    connection.finish_writing();
    assert_eq!(connection.read().map(|answer| answer.status), Some(200));
}

#[test]
fn a_data_directory_that_is_gone_ends_the_server_before_anything_is_acknowledged() {
    if !on_embedded("is of a directory") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("orders");
    let server = Server::start(&directory);
    let address = server.address;
    std::fs::rename(&directory, data.path().join("elsewhere")).unwrap();
    let mut connection = Connection::open(address);
    let ready = connection.exchange(&Request::new("GET", "/readyz"));
    assert!(ready.is_none_or(|answer| answer.status == 503));
    let (status, _) = server.wait();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_new_data_directory_is_for_its_owner_alone() {
    if !on_embedded("is of a directory") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("orders");
    let by_command = data.path().join("by-command");
    let _server = Server::start(&directory);
    run(&by_command, &["org", "create", "FIRST", "--init"]);
    for directory in [directory, by_command] {
        let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", directory.display());
    }
}

#[test]
fn told_to_stop_as_soon_as_it_is_ready_it_ends_in_good_order() {
    let data = fixture::data_directory();
    for _ in 0..20 {
        let server = Server::start(data.path());
        server.terminate();
        let (status, _) = server.wait();
        assert!(status.success(), "{status}");
    }
}
