//! Settings as people write them, and the signal that others take for "read the settings again".

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use clap::CommandFactory as _;
use wharfinger::cli::Cli;

use crate::support::client::Request;
use crate::support::database;
use crate::support::fixture;
use crate::support::server::{Server, program, sentence};
use crate::support::v1;

fn get(server: &Server, path: &str) -> u16 {
    server.send(&Request::new("GET", path)).status
}

/// A server with these options and no others.
fn started(data: &Path, options: &[&str]) -> Server {
    let mut command = program();
    command.arg("serve").args(options);
    command.args(["--log", "off"]);
    database::aim(&mut command, data);
    Server::spawn(command)
}

#[test]
fn localhost_and_a_bare_port_are_addresses_to_listen_on() {
    let data = fixture::data_directory();
    let local = started(data.path(), &["--listen", "localhost:0"]);
    assert!(local.address.ip().is_loopback(), "{}", local.address);
    assert_eq!(get(&local, "/healthz"), 200);
    drop(local);
    for of_all in [":0", "[::]:0", "0.0.0.0:0"] {
        let everywhere = started(data.path(), &["--listen", of_all]);
        let port = everywhere.address.port();
        let over_4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        assert_eq!(Request::new("GET", "/healthz").send(over_4).status, 200);
        // Another address of this machine, on which a server of localhost alone does not listen.
        let other = SocketAddr::from(([127, 0, 0, 2], port));
        assert_eq!(Request::new("GET", "/healthz").send(other).status, 200);
        everywhere.terminate();
        let rest = everywhere.wait().1;
        // What is printed can be opened: no browser opens [::] or 0.0.0.0.
        let console = format!("http://localhost:{port}/console");
        assert!(rest.contains(&console), "{rest}");
        assert!(rest.contains("all addresses of this machine"), "{rest}");
    }
    // From a file, too.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "listen = \"localhost:0\"\n").unwrap();
    let server = started(data.path(), &["--config", file.path().to_str().unwrap()]);
    assert!(server.address.ip().is_loopback());
}

#[test]
fn another_name_is_no_address_to_listen_on() {
    let data = tempfile::tempdir().unwrap();
    for wrong in ["db.example.com:80", "8080", "localhost", ":99999"] {
        let mut command = program();
        command
            .args(["serve", "--listen", wrong, "--data"])
            .arg(data.path().join("new"));
        let refused = command.output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains("localhost:8080"), "{wrong}: {said}");
    }
    assert!(!data.path().join("new").exists(), "nothing was made");
}

#[test]
fn a_word_that_is_no_log_level_is_refused() {
    let data = tempfile::tempdir().unwrap();
    for wrong in ["loud", "INFO ", "info,debug", "wharfinger=info", ""] {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", wrong, "--data"]);
        command.arg(data.path().join("new"));
        let refused = command.output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{wrong}: {said}");
        assert!(
            said.contains("not a log level; use error, warn, info"),
            "{wrong}: {said}"
        );
    }
    assert!(!data.path().join("new").exists(), "nothing was made");
}

/// The settings of the file are not read again, and a server without a certificate goes on.
#[test]
fn sighup_ends_no_server_and_changes_no_setting() {
    let data = fixture::data_directory();
    let file = tempfile::NamedTempFile::new().unwrap();
    let settings = "listen = \"127.0.0.1:0\"\nbody_bytes_max = 1000\nlog = \"off\"\n";
    std::fs::write(file.path(), settings).unwrap();
    let mut command = program();
    command.args(["serve", "--config"]).arg(file.path());
    database::aim(&mut command, data.path());
    let server = Server::spawn(command);
    let too_long = || {
        let request = v1::request("POST", "/v1/batches?organisation=TRK001", "full");
        let request = request.header("content-type", "application/json");
        server.send(&request.body(" ".repeat(2_000))).status
    };
    assert_eq!(too_long(), 413);
    std::fs::write(file.path(), "nonsense").unwrap();
    for _ in 0..3 {
        server.signal("-HUP");
        assert_eq!(get(&server, "/readyz"), 200);
        assert_eq!(too_long(), 413);
    }
    server.terminate();
    assert!(server.wait().0.success());
}

/// Variables that a command reads by itself, besides those of its options.
const OTHER_VARIABLES: [&str; 8] = [
    "WHARFINGER_KEY",
    "WHARFINGER_PROFILES",
    "WHARFINGER_DATABASE_PASSWORD",
    "WHARFINGER_LISTEN_SECRET",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "NOTIFY_SOCKET",
];

fn variables_of(command: &clap::Command, found: &mut Vec<String>) {
    let variables = command.get_arguments().filter_map(clap::Arg::get_env);
    found.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    for below in command.get_subcommands() {
        variables_of(below, found);
    }
}

/// As in a file of settings whose values were deleted.
#[test]
fn a_variable_that_is_empty_is_not_set() {
    let mut variables = Vec::from(OTHER_VARIABLES.map(str::to_owned));
    variables_of(&Cli::command(), &mut variables);
    assert!(variables.len() > 50, "{variables:?}");
    let with_empty = || {
        let mut command = program();
        command.envs(variables.iter().map(|name| (name, "")));
        command
    };
    let data = fixture::data_directory();
    let mut command = with_empty();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    database::aim(&mut command, data.path());
    let server = Server::spawn(command);
    assert_eq!(get(&server, "/readyz"), 200);
    let mut command = with_empty();
    command.args(["org", "list"]);
    database::aim(&mut command, data.path());
    let listed = command.output().unwrap();
    let said = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success() && said.is_empty(), "{said}");
    let mut command = with_empty();
    let url = format!("http://{}", server.address);
    let refused = command.args(["batches", "list", "--url", &url]).output();
    let said = sentence(&refused.unwrap());
    assert!(said.contains("no API key is named"), "{said}");
}
