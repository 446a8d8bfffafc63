//! Commands whose reader has gone: they end quietly.

use std::process::{Command, Stdio};

use crate::support::case::ENFORCED;
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, program};
use crate::support::{database, v1};

/// Runs a command whose output nobody reads. It must succeed, and say nothing on standard error.
fn ends_quietly(mut command: Command) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command
        .stdin(Stdio::null())
        .stdout(writer)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{command:?}: {errors}"
    );
}

fn on_store(data: &DataDirectory, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(arguments);
    database::aim(&mut command, data.path());
    command
}

#[test]
fn commands_on_a_store_end_quietly_at_a_closed_pipe() {
    let data = fixture::data_directory_with_catalogue();
    let org = ENFORCED;
    for arguments in [
        &["org", "list"][..],
        &["key", "list"],
        &["key", "list", "--json"],
        &["key", "create", "--org", "TRK001"],
        &["destination", "list"],
        &["products", "list", "--org", org],
        &["products", "export", "--org", org],
        &["customers", "list", "--org", org],
        &["check"],
        &["check", "--json"],
    ] {
        ends_quietly(on_store(&data, arguments));
    }
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["serve", "--help"],
        &["completions", "bash"],
        &["conformance", "--help"],
    ] {
        let mut command = program();
        command.args(arguments);
        ends_quietly(command);
    }
}

#[test]
fn commands_on_a_server_end_quietly_at_a_closed_pipe() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = Vec::from_iter((0..700).map(|number| v1::order(&format!("P-{number}"))));
    v1::submit(&server, "TRK001", &orders);
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key.json");
    let pair = serde_json::json!({"id": "full", "secret": secret_of("full")});
    std::fs::write(&key, pair.to_string()).unwrap();
    let url = format!("http://{}", server.address);
    let from_server = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).env("HOME", home.path());
        command
            .env("WHARFINGER_URL", &url)
            .env("WHARFINGER_KEY_FILE", &key);
        command
    };
    for arguments in [
        &["orders", "list"][..],
        &["orders", "list", "--json"],
        &["orders", "list", "--csv"],
        &["batches", "list"],
        &["events", "tail", "--no-follow", "--since", "1h"],
        &["export", "--org", "TRK001", "--format", "csv"],
    ] {
        ends_quietly(from_server(arguments));
    }
    // As people type it: the reader takes a line and goes.
    let listed = from_server(&[]);
    let mut shell = Command::new("bash");
    let line = "\"$0\" orders list | head -1";
    shell
        .args(["-o", "pipefail", "-c", line])
        .arg(listed.get_program());
    for (name, value) in listed.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell.output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let listed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(listed.lines().count(), 1, "{listed}");
}
