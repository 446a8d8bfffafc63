//! `wharfinger destination`: the same as the API, on a store without a server.

use std::path::Path;

use serde_json::Value;

use crate::support::fixture;
use crate::support::server::run;

const URL: &str = "https://receiver.invalid/hook";

/// Runs `wharfinger destination`, which must succeed. Returns what it printed.
fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, &[&["destination"], arguments].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `wharfinger destination`, which must fail. Returns its message.
fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, &[&["destination"], arguments].concat());
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_destination_is_made_looked_after_and_deleted_by_commands() {
    let data = fixture::data_directory();
    let data = data.path();
    let made = done(
        data,
        &[
            "create",
            "--org",
            "TRK002",
            "--org",
            "TRK001",
            "--url",
            URL,
            "--event",
            "order.accepted",
            "--form",
            "submitted",
            "--parallel",
            "3",
            "--json",
        ],
    );
    let made = json(&made);
    let id = made["id"].as_str().unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(
        made["organisations"],
        serde_json::json!(["TRK001", "TRK002"])
    );
    assert_eq!(
        (&made["parallel"], &made["form"]),
        (&3.into(), &"submitted".into())
    );

    let listed = done(data, &["list"]);
    assert!(
        listed.contains(id) && listed.contains(URL) && listed.contains("TRK001,TRK002"),
        "{listed}"
    );
    let shown = done(data, &["show", id]);
    assert!(
        shown.contains("state          active since") && !shown.contains("whsec_"),
        "{shown}"
    );
    let paused = done(data, &["pause", id]);
    assert!(
        paused.contains("hint           the destination is paused"),
        "{paused}"
    );
    assert_eq!(
        json(&done(data, &["resume", id, "--json"]))["state"],
        "active"
    );
    let rotated = json(&done(data, &["rotate", id, "--json"]));
    assert_ne!(rotated["secret"], made["secret"]);
    for from in ["failed", "beginning", "2026-01-01T00:00:00Z"] {
        done(data, &["replay", id, "--from", from]);
    }
    let why = refused(data, &["replay", id, "--from", "somewhere"]);
    assert!(
        why.contains("--from must be failed, beginning, a cursor"),
        "{why}"
    );
    // The receiver cannot be found. A test says so, and is no failure of the command.
    let tested = json(&done(data, &["test", id, "--json"]));
    assert_ne!(tested["result"], "delivered");

    assert!(done(data, &["delete", id]).contains("is deleted"));
    assert_eq!(done(data, &["list"]), "");
    let why = refused(data, &["show", id]);
    assert!(
        why.contains("`wharfinger destination list` lists them"),
        "{why}"
    );
}

#[test]
fn commands_refuse_what_cannot_be_a_destination() {
    let data = fixture::data_directory();
    let data = data.path();
    for (arguments, words) in [
        (
            &["--url", "https://127.0.0.1/hook"][..],
            "--destinations-allow",
        ),
        (
            &["--url", "ftp://receiver.invalid"],
            "must begin with https://",
        ),
        (
            &["--url", URL, "--org", "NOWHERE"],
            "there is no organisation NOWHERE",
        ),
        (
            &["--url", URL, "--start", "yesterday"],
            "--start must be now",
        ),
        (&["--url", URL, "--set", "color=7"], "unknown field `color`"),
        (
            &["--url", URL, "--kind", "pigeon"],
            "expected one of webhook",
        ),
        (
            &["--kind", "files", "--set", "directory=../up"],
            "directory must be",
        ),
        (&["--url", URL, "--max-events", "0"], "0"),
    ] {
        let why = refused(data, &[&["create"], arguments].concat());
        assert!(why.contains(words), "{arguments:?}: {why}");
    }
    assert_eq!(done(data, &["list"]), "");
    let allowed = [
        "--url",
        "http://127.0.0.1:9/hook",
        "--destinations-allow",
        "127.0.0.0/8",
    ];
    done(data, &[&["create"], &allowed[..]].concat());
    let sink = [
        "--kind",
        "files",
        "--set",
        "directory=orders",
        "--set",
        "interval_s=5",
        "--json",
    ];
    let made = json(&done(data, &[&["create"], &sink[..]].concat()));
    assert_eq!(
        (&made["kind"], &made["interval_s"], &made["order"]),
        (&"files".into(), &5.into(), &"all".into())
    );
    assert_eq!(made.get("secret"), None);
    assert_eq!(done(data, &["list"]).lines().count(), 2);
}
