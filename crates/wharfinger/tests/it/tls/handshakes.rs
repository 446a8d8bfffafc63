//! Who gets a connection, and who does not.

use std::fs::Permissions;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use super::{Pair, path, start, try_path};
use crate::postgres::until;
use crate::support::client::{Connection, Request};
use crate::support::fixture::{self, basic};
use crate::support::server::{Server, program};
use crate::support::stored;

#[test]
fn tls_1_2_and_1_3_are_spoken_and_older_versions_are_not() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    for (options, version) in [
        (&["--tls-max", "1.2", "--http2"][..], "2"),
        (&["--tlsv1.3", "--http2"], "2"),
        (&["--tls-max", "1.2", "--http1.1"], "1.1"),
        (&["--tlsv1.3", "--http1.1"], "1.1"),
        (&["--tlsv1.3", "--no-alpn"], "1.1"),
    ] {
        let read = path(&server, &pair, "/healthz", options);
        assert_eq!((read.status, &*read.version), (200, version), "{options:?}");
    }
    // With its own limits lowered, curl offers 1.1. The server refuses it with an alert.
    let old = [
        "--tlsv1.0",
        "--tls-max",
        "1.1",
        "--ciphers",
        "DEFAULT@SECLEVEL=0",
    ];
    let refused = try_path(&server, &pair, "/healthz", &old);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("alert"),
        "{said}"
    );
}

#[test]
fn who_speaks_plain_http_is_told_to_speak_https() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    let answer = server.send(&Request::new("GET", "/healthz"));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
    assert!(answer.header("x-request-id").is_some());
    let mut other = Connection::open(server.address);
    other.write(b"\0\x01\x02\x03");
    assert!(other.is_closed());
    assert_eq!(path(&server, &pair, "/healthz", &[]).status, 200);
}

#[test]
fn handshakes_that_never_end_are_given_up() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &["--header-timeout-s", "1"]);
    let mut silent = Connection::open(server.address);
    let mut slow = Connection::open(server.address);
    // The beginning of a record of 512 bytes.
    slow.write(&[22, 3, 1, 2, 0, 1]);
    assert!(silent.is_closed() && slow.is_closed());
    assert!(super::metric(&server, &pair, "wharfinger_tls_handshakes_failed_total") >= 2.0);
}

#[test]
fn clients_that_only_connect_keep_nobody_out() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &["--header-timeout-s", "600"]);
    let silent = Vec::from_iter((0..520).map(|_| Connection::open(server.address).writer()));
    assert_eq!(path(&server, &pair, "/healthz", &[]).status, 200);
    // More than 512 handshakes at once: the oldest made room. Which these are, the threads that accept them decide.
    until("a silent connection is closed", || {
        silent.iter().any(is_closed)
    });
}

/// Whether the server has closed a connection. Does not wait for it.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("it is a socket");
    match stream.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn batch() -> String {
    r#"[{"trkref":"TRK001","order_ref":"A","order_date":"01-02-2026","customer":{"email":"ann@example.com"},"order_items":[{"sku":"S"}]}]"#.to_owned()
}

#[test]
fn what_was_acknowledged_over_tls_survives_a_kill() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    for version in ["--http1.1", "--http2"] {
        let server = start(data.path(), &pair, &[]);
        let authorization = format!("authorization: {}", basic("full"));
        let order = batch().replace(":\"A\"", &format!(":\"{version}\""));
        let options = [
            version,
            "-H",
            &authorization,
            "-H",
            "content-type: application/json",
            "-d",
            &order,
        ];
        let sent = path(&server, &pair, "/v4/customer_orders", &options);
        assert_eq!(sent.status, 202, "{}", sent.text());
        server.kill();
        let server = start(data.path(), &pair, &[]);
        server.terminate();
        assert!(server.wait().0.success());
        let orders = stored::all_orders(data.path(), "TRK001", "reevoo");
        assert!(orders.iter().any(|order| order.key == version), "{version}");
    }
}

/// What `serve` says when it does not start with these options.
fn refusal(options: &[&str]) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(data.path()).args(options);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_the_way_out() {
    let (pair, other) = (Pair::make(), Pair::make());
    pair.openssl(
        "openssl pkey -in key.pem -aes256 -passout pass:x -out encrypted.pem && echo > empty.pem && head -c 100 cert.pem > cut.pem",
    );
    let (certificate, key, foreign) = (
        pair.path("cert.pem"),
        pair.path("key.pem"),
        other.path("key.pem"),
    );
    let (encrypted, empty, cut) = (
        pair.path("encrypted.pem"),
        pair.path("empty.pem"),
        pair.path("cut.pem"),
    );
    for (with, said) in [
        ([&*certificate, &foreign], "does not belong to"),
        (
            [&certificate, "/nonexistent/key.pem"],
            "cannot read the key file /nonexistent/key.pem",
        ),
        ([&certificate, &encrypted], "openssl pkey"),
        ([&certificate, &certificate], "has no private key"),
        ([&key, &key], "has no certificate"),
        ([&empty, &key], "has no certificate"),
        ([&cut, &key], "cut.pem"),
    ] {
        let told = refusal(&["--tls-cert", with[0], "--tls-key", with[1]]);
        assert!(told.contains(said), "{said}: {told}");
    }
    let half = refusal(&["--tls-cert", &certificate]);
    assert!(half.contains("--tls-key"), "{half}");
    let no_network = program()
        .args(["serve", "--behind-proxy", "10.0.0"])
        .output()
        .unwrap();
    assert_eq!(no_network.status.code(), Some(2), "{no_network:?}");
}

#[test]
fn a_key_that_everyone_can_read_is_warned_of() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    for (mode, is_warned) in [(0o644, true), (0o640, false)] {
        std::fs::set_permissions(pair.file("key.pem"), Permissions::from_mode(mode)).unwrap();
        let log = pair.file("log");
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.args([
            "--tls-cert",
            &pair.path("cert.pem"),
            "--tls-key",
            &pair.path("key.pem"),
        ]);
        crate::support::database::aim(&mut command, data.path());
        command.stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
        let server = Server::spawn(command);
        server.terminate();
        assert!(server.wait().0.success());
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.contains("chmod 640"), is_warned, "{log}");
    }
}
