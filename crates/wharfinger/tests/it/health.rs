//! `wharfinger health`, as a container's health check runs it.

use std::path::Path;
use std::process::Output;

use crate::support::database::{self, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, program};
use crate::tls::Pair;

/// Asks the server on this machine that listens there.
fn health(listen: &str, arguments: &[&str]) -> Output {
    let mut command = program();
    command.arg("health").args(arguments);
    // No proxy is used for this machine.
    command.env("HTTP_PROXY", "http://127.0.0.1:9");
    command.env("WHARFINGER_LISTEN", listen).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_server_that_answers_is_healthy_and_one_that_is_gone_is_not() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let port = server.address.port();
    // As in a container, where it listens on every address.
    let output = health(&format!("0.0.0.0:{port}"), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said(&output), "ok\n");
    let output = health(&format!("0.0.0.0:{port}"), &["--ready"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said(&output), "ready\n");
    let url = format!("http://127.0.0.1:{port}/");
    let mut named = program();
    named.args(["health", "--url", &url]);
    assert!(named.output().unwrap().status.success());
    server.kill();
    let output = health(&format!("0.0.0.0:{port}"), &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("cannot reach http://127.0.0.1:"), "{error}");
}

#[test]
fn a_full_disk_makes_a_server_unready_and_not_unhealthy() {
    if !on_embedded("the disk of a database is not the server's") {
        return;
    }
    let data = fixture::data_directory();
    let reserve = u64::MAX.to_string();
    let server = Server::start_with(data.path(), &["--disk-reserve-bytes", &reserve]);
    let listen = server.address.to_string();
    assert!(health(&listen, &[]).status.success());
    let output = health(&listen, &["--ready"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("/readyz answered 503: not ready: disk"),
        "{error}"
    );
}

#[test]
fn a_server_with_a_certificate_is_asked_by_https() {
    let data = fixture::data_directory();
    let pair = Pair::make();
    let server = started_with(data.path(), &pair);
    let port = server.address.port();
    let mut command = program();
    command.args(["health"]);
    command.env("WHARFINGER_LISTEN", format!("0.0.0.0:{port}"));
    command.env("WHARFINGER_TLS_CERT", pair.path("cert.pem"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // A server that is named must prove its name.
    let url = format!("https://localhost:{port}");
    for (ca, is_trusted) in [(Some(pair.path("ca.pem")), true), (None, false)] {
        let mut command = program();
        command.args(["health", "--url", &url]);
        if let Some(ca) = ca {
            command.args(["--ca", &ca]);
        }
        assert_eq!(command.output().unwrap().status.success(), is_trusted);
    }
}

fn started_with(data: &Path, pair: &Pair) -> Server {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    command.args(["--tls-cert", &pair.path("cert.pem")]);
    command.args(["--tls-key", &pair.path("key.pem")]);
    database::aim(&mut command, data);
    Server::spawn(command)
}
