//! Sources and targets that a copy refuses.

use std::path::Path;

use serde_json::{Value, json};

use super::copying;
use crate::support::cluster::{OwnDatabase, shared};
use crate::support::database::Database;
use crate::support::fixture::{self, DataDirectory};
use crate::support::index;
use crate::support::server::{Server, program, run, sentence};
use crate::support::stored;
use crate::support::v1::{order, submit};

fn refused(from: &Path, to: &Path) -> String {
    let said = sentence(&copying(from, to).output().unwrap());
    assert!(!said.contains(shared().password()), "{said}");
    said
}

#[test]
fn only_an_empty_store_is_copied_into() {
    let from = fixture::data_directory();
    let embedded = tempfile::tempdir().unwrap();
    assert!(
        run(embedded.path(), &["org", "create", "HERE", "--init"])
            .status
            .success()
    );
    let on_server = fixture::postgres_directory();
    for to in [embedded.path(), on_server.path()] {
        let said = refused(from.path(), to);
        assert!(said.contains("is not empty"), "{said}");
    }
    let codes = run(embedded.path(), &["org", "list"]).stdout;
    assert!(String::from_utf8(codes).unwrap().contains("HERE"));
}

#[test]
fn a_store_that_is_not_there_is_not_copied() {
    let (to, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let missing = empty.path().join("missing");
    let said = refused(&missing, to.path());
    assert!(said.contains("there is no data directory"), "{said}");
    let said = refused(empty.path(), to.path());
    assert!(said.contains("there is no store"), "{said}");
    let database = OwnDatabase::empty();
    let nothing = DataDirectory::at(database.url());
    let said = refused(nothing.path(), to.path());
    assert!(said.contains("there is no store"), "{said}");
    let unreachable = DataDirectory::at("postgres://someone:a-password@127.0.0.1:1/orders");
    let said = refused(unreachable.path(), to.path());
    assert!(
        said.contains("postgres://someone@127.0.0.1:1/orders"),
        "{said}"
    );
    assert!(!said.contains("a-password"), "{said}");
    assert!(!to.path().join("orders.db").exists(), "nothing was made");
}

#[test]
fn what_is_neither_a_directory_nor_a_database_is_told_without_its_password() {
    let from = tempfile::tempdir().unwrap();
    for to in [
        "postgre://ann:a-password@h/x",
        "Postgres://ann:a-password@h/x",
    ] {
        let output = program()
            .current_dir(from.path())
            .args(["copy", "--from", ".", "--to", to])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("as postgres://USER@HOST/NAME"), "{said}");
        assert!(!said.contains("a-password"), "{said}");
        assert_eq!(
            from.path().read_dir().unwrap().count(),
            0,
            "nothing was made"
        );
    }
}

#[test]
fn a_database_with_tables_of_others_is_not_copied_into() {
    let from = tempfile::tempdir().unwrap();
    assert!(
        run(from.path(), &["org", "create", "HERE", "--init"])
            .status
            .success()
    );
    let database = OwnDatabase::empty();
    let to = DataDirectory::at(database.url());
    Database::of(to.path()).run("create table unrelated (a int primary key)");
    let said = refused(from.path(), to.path());
    assert!(said.contains("unrelated"), "{said}");
}

#[test]
fn a_store_that_is_served_is_not_copied() {
    let (embedded, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(embedded.path());
    for (from, to) in [
        (embedded.path(), empty.path()),
        (empty.path(), embedded.path()),
    ] {
        let said = refused(from, to);
        assert!(said.contains("another server or copy is using"), "{said}");
    }
    drop(server);
    let said = refused(embedded.path(), embedded.path());
    assert!(said.contains("are the same directory"), "{said}");
    let on_server = fixture::postgres_directory();
    let _server = Server::start(on_server.path());
    let said = refused(on_server.path(), empty.path());
    assert!(said.contains("stop its servers first"), "{said}");
}

#[test]
fn faults_of_a_source_are_told_and_copied() {
    let from = fixture::data_directory();
    let server = Server::start(from.path());
    submit(&server, "TRK001", &[order("A")]);
    drop(server);
    index::change(from.path(), |rows| rows[0].hash = vec![0; 16]);
    let to = tempfile::tempdir().unwrap();
    let output = copying(from.path(), to.path()).output().unwrap();
    let said = sentence(&output);
    assert!(said.contains("both have 1 faults"), "{said}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = stored::check(from.path()).faults;
    assert_eq!(printed["faults"], json!(faults));
    assert_eq!(stored::check(to.path()).faults, faults);
}

#[test]
fn a_password_is_of_use_for_a_database_only() {
    let output = program()
        .args(["copy", "--from", "one", "--to", "two"])
        .args(["--to-password-file", "secret"])
        .output()
        .unwrap();
    let said = sentence(&output);
    assert!(said.contains("two is a data directory"), "{said}");
}
