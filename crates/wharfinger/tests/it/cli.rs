//! The command line: its output, its refusals, and that a running server follows its changes.

use clap::CommandFactory;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::client::Request;
use crate::support::database::Database;
use crate::support::fixture::{self, basic};
use crate::support::server::{Server, program, run};

/// Runs a command that must succeed. Returns what it printed.
fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must exit with status 1. Returns its error message.
fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn order(organisation: &str) -> String {
    format!(
        r#"[{{"trkref":"{organisation}","order_ref":"A-1","order_date":"01-02-2026","customer":{{"email":"a@example.com"}},"order_items":[{{"sku":"S"}}]}}]"#
    )
}

/// Invalid keys, and too many of them.
const REFUSED: &[u16] = &[401, 429];

/// Sends an order until the response has one of these statuses. The server must follow a change within a second.
fn send_until(server: &Server, authorization: &str, organisation: &str, statuses: &[u16]) {
    loop {
        let request = Request::new("POST", "/v4/customer_orders");
        let request = request
            .header("authorization", authorization)
            .body(order(organisation));
        if statuses.contains(&server.send(&request).status) {
            return;
        }
    }
}

fn basic_of(issued: &Value) -> String {
    use base64::Engine as _;
    let pair = format!(
        "{}:{}",
        issued["id"].as_str().unwrap(),
        issued["secret"].as_str().unwrap()
    );
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

#[test]
fn a_running_server_follows_what_is_made_changed_and_revoked() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    done(
        data.path(),
        &["org", "create", "NEW-1", "--name", "A new one"],
    );
    let issued = done(data.path(), &["key", "create", "--org", "NEW-1", "--json"]);
    let issued = lines(&issued).remove(0);
    let first = basic_of(&issued);
    send_until(&server, &first, "NEW-1", &[202]);

    done(
        data.path(),
        &["org", "set", "NEW-1", "--customer-orders", "off"],
    );
    send_until(&server, &first, "NEW-1", &[422]);
    done(
        data.path(),
        &["org", "set", "NEW-1", "--customer-orders", "on"],
    );
    send_until(&server, &first, "NEW-1", &[202]);

    let id = issued["id"].as_str().unwrap();
    let rotated = done(data.path(), &["key", "rotate", id, "--json"]);
    let second = basic_of(&lines(&rotated)[0]);
    assert_ne!(first, second);
    send_until(&server, &first, "NEW-1", REFUSED);
    send_until(&server, &second, "NEW-1", &[202]);

    done(data.path(), &["key", "revoke", id]);
    send_until(&server, &second, "NEW-1", REFUSED);
    let listed = lines(&done(data.path(), &["key", "list", "--json"]));
    let key = listed.iter().find(|key| key["id"] == id).unwrap();
    assert!(key["revoked_at"].is_string());
    assert_eq!(key["organisations"], serde_json::json!(["NEW-1"]));
}

#[test]
fn a_key_for_all_organisations_reaches_those_to_come() {
    let data = fixture::data_directory();
    let issued = done(
        data.path(),
        &[
            "key",
            "create",
            "--all-orgs",
            "--scope",
            "orders:write",
            "--json",
        ],
    );
    let server = Server::start(data.path());
    done(data.path(), &["org", "create", "LATER"]);
    send_until(&server, &basic_of(&lines(&issued)[0]), "LATER", &[202]);
}

#[test]
fn an_expired_key_is_void() {
    let data = fixture::data_directory();
    let issued = done(
        data.path(),
        &[
            "key",
            "create",
            "--org",
            "TRK001",
            "--expires",
            "90d",
            "--json",
        ],
    );
    let issued = lines(&issued).remove(0);
    let listed = lines(&done(data.path(), &["key", "list", "--json"]));
    let key = listed.iter().find(|key| key["id"] == issued["id"]).unwrap();
    assert!(key["expires_at"].is_string());
    for wrong in ["90", "d", "0d", "-1d", "99999999999999999999d"] {
        let output = run(
            data.path(),
            &["key", "create", "--org", "TRK001", "--expires", wrong],
        );
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence() {
    let data = fixture::data_directory();
    let path = data.path();
    assert!(refused(path, &["org", "create", "TRK001"]).contains("TRK001"));
    assert!(refused(path, &["org", "create", "with space"]).contains("letters, digits"));
    for name in ["two\nlines", "\u{1b}[31m", "\u{9b}31m", &"n".repeat(256)] {
        let told = refused(path, &["org", "create", "NEW1", "--name", name]);
        assert!(told.contains("without control characters"), "{told}");
        assert!(!told.trim_end().contains(char::is_control), "{told:?}");
    }
    assert!(
        refused(path, &["org", "set", "NOBODY", "--customer-orders", "off"])
            .contains("wharfinger org list")
    );
    assert!(refused(path, &["key", "create", "--org", "NOBODY"]).contains("wharfinger org list"));
    assert!(refused(path, &["key", "rotate", "key_0"]).contains("wharfinger key list"));
    assert!(refused(path, &["key", "revoke", "key_0"]).contains("wharfinger key list"));
    let nowhere = path.join("nowhere");
    assert!(refused(&nowhere, &["org", "list"]).contains("wharfinger serve"));
    assert!(refused(&nowhere, &["check"]).contains("wharfinger serve"));
    let organisations = done(path, &["org", "list", "--json"]);
    assert_eq!(lines(&organisations).len(), 4, "nothing was made");
}

#[test]
fn orders_are_processed_and_cancelled_beside_a_running_server() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send_until(&server, &basic("full"), "TRK001", &[202]);
    let moved = [
        "orders",
        "process",
        "--org",
        "TRK001",
        "--dialect",
        "reevoo",
        "A-1",
        "--json",
    ];
    let printed = lines(&done(data.path(), &moved));
    assert_eq!(printed[0]["moved"], true);
    let again = run(data.path(), &moved);
    assert_eq!(again.status.code(), Some(3));
    let request =
        Request::new("POST", "/v4/customer_orders").header("authorization", basic("full"));
    let answer = server.send(&request.body(order("TRK001")));
    assert_eq!(answer.status, 422);
    assert!(
        answer
            .text()
            .contains("order_ref has already been processed"),
        "{}",
        answer.text()
    );
}

#[test]
fn check_finds_a_flipped_bit() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send_until(&server, &basic("full"), "TRK001", &[202]);
    server.terminate();
    server.wait();
    assert!(done(data.path(), &["check"]).contains("1 orders"));
    let damage = "update order_leaves set orders = zeroblob(16)";
    assert_eq!(Database::of(data.path()).execute(damage), 1);
    let output = run(data.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("fault: "));
}

#[test]
fn the_demonstration_runs_and_says_what_it_shows() {
    let output = program().arg("demo").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    for promised in [
        "kill -9",
        "6000 lines were sent",
        "without waiting for the response",
        "all or none",
        "2000 orders accepted",
        "10000 lines accepted in total",
        "orders are stored, each once",
        "accepted",
        "rejected",
        "unchanged",
        "finds no faults",
        "refuses parcel-7, with 503",
        "refused again",
        "63 events were delivered, and none is lost",
        "The events of every order arrived in order.",
        "each with the webhook-id of the first one",
    ] {
        assert!(text.contains(promised), "{promised}\n{text}");
    }
    for (order, answers) in [
        ("parcel-1 ", "204, 204, 204"),
        ("parcel-7 ", "503, 503, 204, 204, 204"),
        ("parcel-13 ", "204, none, 204, 204"),
    ] {
        let mut lines = text.lines();
        let is_row = |line: &&str| line.trim_start().starts_with(order) && line.contains("order.");
        let row = lines.find(is_row).expect("a row of the order");
        assert!(
            row.contains("order.accepted, order.updated, order.updated"),
            "{row}"
        );
        assert!(row.contains(answers), "{row}");
    }
}

/// The help of every command is compared with a file, so that changes are noticed.
/// Adds the names of the commands below a command, which users see.
fn add_commands(command: &clap::Command, names: &[String], commands: &mut Vec<Vec<String>>) {
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        let names = [names, &[below.get_name().to_owned()]].concat();
        commands.push(names.clone());
        add_commands(below, &names, commands);
    }
}

#[test]
fn help_texts_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let mut commands = vec![Vec::new()];
    add_commands(&wharfinger::cli::Cli::command(), &[], &mut commands);
    for command in &commands {
        let output = program()
            .args(command)
            .arg("--help")
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let name = if command.is_empty() {
            "wharfinger".into()
        } else {
            command.join("-")
        };
        assert_snapshot(&folder.join(format!("{name}.txt")), &help);
    }
}

fn assert_snapshot(file: &PathBuf, text: &str) {
    if std::env::var_os("UPDATE_HELP").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(text, expected, "{}", file.display());
}
