//! How commands find a store, what they do without one, and how they handle a damaged log.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Output;

use crate::support::client::Request;
use crate::support::database::{self, on_embedded};
use crate::support::fixture::{self, basic};
use crate::support::server::{Server, program, run};

/// Commands that need a store.
const COMMANDS: [&[&str]; 12] = [
    &["check"],
    &["org", "create", "TRK001"],
    &["org", "list"],
    &["org", "set", "TRK001", "--catalogue", "open"],
    &["key", "create", "--all-orgs"],
    &["key", "list"],
    &["key", "rotate", "key_0"],
    &["key", "revoke", "key_0"],
    &["purge", "--before", "2025-01-01"],
    &["products", "list", "--org", "TRK001"],
    &["customers", "list", "--org", "TRK001"],
    &[
        "orders",
        "process",
        "--org",
        "TRK001",
        "--dialect",
        "reevoo",
        "A",
    ],
];

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn files(directory: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

/// Sends a new order, which must be accepted.
fn send(server: &Server, reference: &str) {
    let body = format!(
        r#"[{{"trkref":"TRK001","order_ref":"{reference}","order_date":"01-02-2026","customer":{{"email":"a@example.com"}},"order_items":[{{"sku":"S"}}]}}]"#
    );
    let request =
        Request::new("POST", "/v4/customer_orders").header("authorization", basic("full"));
    assert_eq!(server.send(&request.body(body)).status, 202);
}

#[test]
fn only_serve_and_init_create_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    for place in [directory.path(), &nowhere] {
        for command in COMMANDS {
            let output = run(place, command);
            assert_eq!(output.status.code(), Some(1), "{command:?}");
            let said = errors(&output);
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains("there is no store"), "{said}");
            assert!(files(directory.path()).is_empty(), "{command:?}");
        }
    }
    // A file without a commit is not a store either, and stays unchanged.
    let file = directory.path().join("orders.db");
    std::fs::write(&file, "").unwrap();
    assert_eq!(run(directory.path(), &["check"]).status.code(), Some(1));
    assert_eq!(files(directory.path()).len(), 1);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);

    let created = run(&nowhere, &["org", "create", "TRK001", "--init"]);
    assert!(created.status.success(), "{}", errors(&created));
    let created = run(&nowhere, &["key", "create", "--org", "TRK001"]);
    assert!(created.status.success(), "{}", errors(&created));
    assert!(run(&nowhere, &["check"]).status.success());
}

#[test]
fn a_reader_that_has_gone_ends_no_command() {
    let data = fixture::data_directory();
    for command in [
        &["check"] as &[&str],
        &["check", "--json"],
        &["key", "list"],
        &["org", "list", "--json"],
        &["key", "create", "--all-orgs"],
        &["purge", "--before", "2025-01-01"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = program();
        program.args(command);
        if command != ["--help"] {
            database::aim(&mut program, data.path());
        }
        let output = program.stdout(writer).output().unwrap();
        assert_eq!(errors(&output), "", "{command:?}");
        assert!(output.status.success(), "{command:?}");
    }
    // A closed stderr does not matter either.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program()
        .args(["check", "--data", "/nowhere"])
        .stderr(writer)
        .output();
    assert_eq!(output.unwrap().status.code(), Some(1));
}

/// The output of `check` on a read-only copy of some files of a data directory.
fn checked_read_only(files: &[(&str, Vec<u8>)]) -> Output {
    let snapshot = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = snapshot.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
    }
    std::fs::set_permissions(snapshot.path(), PermissionsExt::from_mode(0o555)).unwrap();
    let mut command = program();
    if rustix::process::getuid().is_root() {
        // File modes do not restrict root.
        command.uid(65_534).gid(65_534);
    }
    let output = command
        .arg("check")
        .arg("--data")
        .arg(snapshot.path())
        .output();
    for (name, bytes) in files {
        assert_eq!(&std::fs::read(snapshot.path().join(name)).unwrap(), bytes);
    }
    output.unwrap()
}

#[test]
fn a_read_only_snapshot_is_checked() {
    if !on_embedded("a snapshot of SQLite's files") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, "A-1");
    let read = |name| (name, std::fs::read(data.path().join(name)).unwrap());
    let running = ["orders.db", "orders.db-wal", "orders.db-shm"].map(read);
    server.terminate();
    server.wait();
    let closed = [read("orders.db")];
    for files in [&running[..], &running[..2], &closed] {
        let output = checked_read_only(files);
        assert!(output.status.success(), "{}", errors(&output));
        assert!(
            printed(&output).contains("checked 1 orders"),
            "{}",
            printed(&output)
        );
    }
}

#[test]
fn frames_behind_a_damaged_one_are_not_dropped_without_a_word() {
    if !on_embedded("SQLite's log") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for number in 0..8 {
        send(&server, &format!("A-{number}"));
    }
    server.kill();
    let log = data.path().join("orders.db-wal");
    let whole = std::fs::read(&log).unwrap();
    assert!(whole.len() > 20 * 4_120, "{} bytes", whole.len());

    // An unfinished end is not damage.
    std::fs::write(&log, &whole[..whole.len() - 100]).unwrap();
    assert!(run(data.path(), &["check"]).status.success());

    let mut flipped = whole.clone();
    flipped[32 + 3 * 4_120 + 500] ^= 4;
    std::fs::write(&log, &flipped).unwrap();
    let checked = run(data.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let told = printed(&checked);
    assert!(told.contains("damaged in frame 4; "), "{told}");
    for command in [
        &["org", "create", "NEW"] as &[&str],
        &["serve", "--listen", "127.0.0.1:0"],
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--accept-lost-frames",
            "1",
        ],
    ] {
        let refused = run(data.path(), command);
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        assert!(
            errors(&refused).contains("damaged in frame 4; "),
            "{}",
            errors(&refused)
        );
        assert_eq!(std::fs::read(&log).unwrap(), flipped, "{command:?}");
    }

    let lost = told.split("--accept-lost-frames ").nth(1).unwrap();
    let lost: String = lost.chars().take_while(char::is_ascii_digit).collect();
    let server = Server::start_with(data.path(), &["--accept-lost-frames", &lost]);
    send(&server, "B-1");
    server.kill();
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{}", printed(&checked));
    Server::start(data.path()).terminate();
}
