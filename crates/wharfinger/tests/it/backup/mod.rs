//! Backups of the real program: beside a server under load, increments, damage, and the stores that come out of them.

mod drill;
mod refused;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::database::{self, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, program, run, sentence};
use crate::support::stored;
use crate::support::v1::{get, order, request, submit};

/// Backs a store up. Asserts that it succeeds, and returns the manifest.
fn backed_up(data: &Path, to: &Path, options: &[&str]) -> Value {
    let mut arguments = vec!["backup", to.to_str().unwrap(), "--json"];
    arguments.extend(options);
    let output = run(data, &arguments);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Restores backups into a new data directory.
fn restore(backups: &[&Path], data: &Path, options: &[&str]) -> Output {
    let mut command = program();
    command.arg("restore").args(backups).arg("--data").arg(data);
    command.args(options).output().unwrap()
}

/// As [`restore`]. Asserts that it succeeds and finds no fault, and returns what it prints.
fn restored(backups: &[&Path], data: &Path) -> Value {
    let output = restore(backups, data, &["--json"]);
    assert!(output.status.success(), "{output:?}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["faults"], serde_json::json!([]));
    printed
}

/// The keys of all orders of TRK001.
fn keys(data: &Path) -> Vec<String> {
    let orders = stored::all_orders(data, "TRK001", "native");
    orders.into_iter().map(|order| order.key).collect()
}

/// What a directory has, hidden files too.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names =
        Vec::from_iter(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    names.sort();
    names
}

/// A store with a full backup, a verified increment in an archive, and an increment that was not verified.
struct Chain {
    data: fixture::DataDirectory,
    home: tempfile::TempDir,
    full: PathBuf,
    first: PathBuf,
    second: PathBuf,
}

impl Chain {
    fn make() -> Self {
        let data = fixture::data_directory();
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let (full, first, second) = (at("full"), at("first.tar.zst"), at("second"));
        let server = Server::start(data.path());
        submit(&server, "TRK001", &[order("A")]);
        let manifest = backed_up(data.path(), &full, &[]);
        assert_eq!(
            (&manifest["kind"], &manifest["orders"]),
            (&"full".into(), &1.into())
        );
        submit(&server, "TRK001", &[order("B")]);
        let since = ["--since", full.to_str().unwrap()];
        let manifest = backed_up(data.path(), &first, &since);
        assert_eq!(manifest["kind"], "increment");
        let (stored, pages) = (&manifest["pages_stored"], &manifest["pages"]);
        assert!(stored.as_u64() < pages.as_u64(), "{stored} of {pages}");
        submit(&server, "TRK001", &[order("C")]);
        let since = ["--no-verify", "--since", first.to_str().unwrap()];
        let manifest = backed_up(data.path(), &second, &since);
        assert_eq!(manifest["verified"], false);
        submit(&server, "TRK001", &[order("D")]);
        Self {
            data,
            home,
            full,
            first,
            second,
        }
    }
}

#[test]
fn increments_restore_the_store_of_their_moment() {
    if !on_embedded("increments are of data directories") {
        return;
    }
    let chain = Chain::make();
    let chained: [&Path; 3] = [&chain.full, &chain.first, &chain.second];
    for (count, expected) in [(1, &["A"][..]), (2, &["A", "B"]), (3, &["A", "B", "C"])] {
        let target = chain.home.path().join(format!("restored-{count}"));
        let printed = restored(&chained[..count], &target);
        assert_eq!(printed["orders"], expected.len());
        assert_eq!(keys(&target), expected);
        // The restored store is a store: it takes orders.
        let server = Server::start(&target);
        submit(&server, "TRK001", &[order("NEW")]);
        drop(server);
        assert_eq!(keys(&target).len(), expected.len() + 1);
    }
    // What was not restored is told.
    let target = chain.home.path().join("told");
    let old = chain.data.path().to_str().unwrap();
    let output = restore(&chained[..2], &target, &["--instead-of", old]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains(
            "feed of TRK001: ends at position 4; events 5 to 8 of the other store are not in it"
        ),
        "{told}"
    );
    assert!(told.contains("lies beyond the backup"), "{told}");
}

#[test]
fn a_backup_says_what_it_is_and_servers_show_when_it_was_made() {
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("backup");
    let server = Server::start(data.path());
    assert_eq!(
        server.metric("wharfinger_last_backup_timestamp_seconds"),
        0.0
    );
    submit(&server, "TRK001", &[order("A"), order("B")]);
    let printed = backed_up(data.path(), &to, &[]);
    let manifest = std::fs::read(to.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest, printed);
    assert_eq!(manifest["program"], env!("CARGO_PKG_VERSION"));
    let feeds = manifest["feeds"].as_array().unwrap();
    let feed = feeds.iter().find(|feed| feed["organisation"] == "TRK001");
    // Two orders, and that their batch was received.
    assert_eq!(feed.unwrap()["position"], 3);
    assert_eq!(
        names(&to),
        ["SHA256SUMS", "manifest.json", "orders.db", "page-hashes"]
    );
    assert_eq!(names(home.path()), ["backup"], "nothing else is left");
    let sums = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&to)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{sums:?}");
    for name in names(&to) {
        let mode = std::fs::metadata(to.join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let at = server.metric("wharfinger_last_backup_timestamp_seconds");
    let moment_ms = manifest["moment_ms"].as_i64().unwrap();
    assert_eq!(at, moment_ms as f64 / 1e3);
    drop(server);
    // A server that starts later shows it too.
    let server = Server::start(data.path());
    assert_eq!(
        server.metric("wharfinger_last_backup_timestamp_seconds"),
        at
    );
    // So does that of the store that was restored from it: the copy was made before its backup was recorded.
    let target = home.path().join("restored");
    restored(&[&to], &target);
    let server = Server::start(&target);
    assert_eq!(
        server.metric("wharfinger_last_backup_timestamp_seconds"),
        at
    );
}

#[test]
fn a_backup_goes_through_pipes() {
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A"), order("B")]);
    let temporary = ["backup", "-", "--temporary", home.path().to_str().unwrap()];
    let output = run(data.path(), &temporary);
    assert!(output.status.success(), "{:?}", output.stderr);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("backed up 2 orders") && said.contains("verified"),
        "{said}"
    );
    assert_eq!(names(home.path()), [""; 0]);
    let archive = home.path().join("backup.tar.zst");
    std::fs::write(&archive, &output.stdout).unwrap();
    let target = home.path().join("restored");
    let mut command = program();
    command.args(["restore", "-", "--data"]).arg(&target);
    command.stdin(std::fs::File::open(&archive).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    drop(server);
    let server = Server::start(&target);
    let shown = get(&server, &format!("/v1/orders/{}", ids[1]));
    assert_eq!(shown["key"], "B");
    // The key of the fixture works in the restored store.
    assert_eq!(
        server.send(&request("GET", "/v1/batches", "full")).status,
        200
    );
}

#[test]
fn a_store_on_postgresql_is_backed_up_beside_its_server() {
    let data = fixture::postgres_directory();
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A"), order("B")]);
    let to = home.path().join("backup.tar.zst");
    let manifest = backed_up(data.path(), &to, &[]);
    assert_eq!(
        (&manifest["engine"], &manifest["orders"]),
        (&"postgres".into(), &2.into())
    );
    assert!(server.metric("wharfinger_last_backup_timestamp_seconds") > 1.7e9);
    submit(&server, "TRK001", &[order("C")]);
    let target = home.path().join("restored");
    assert_eq!(restored(&[&to], &target)["orders"], 2);
    let embedded = Server::start(&target);
    let target = format!("/v1/orders/{}", ids[0]);
    assert_eq!(get(&embedded, &target), get(&server, &target));
    let since = to.to_str().unwrap();
    let increment = home.path().join("increment");
    let output = run(
        data.path(),
        &["backup", increment.to_str().unwrap(), "--since", since],
    );
    let said = sentence(&output);
    assert!(
        said.contains("an increment is of a data directory"),
        "{said}"
    );
    assert!(!increment.exists());
    assert!(database::url(data.path()).is_some());
}
