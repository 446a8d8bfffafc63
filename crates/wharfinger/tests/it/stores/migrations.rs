//! Migrations that are interrupted, and stores of later versions.

use std::path::Path;

use postgres::{Client, NoTls};

use crate::support::database::{self, Database, is_on_citus, is_on_postgres};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, run};
use crate::support::v1::{order, submit};

/// The migrations that the older store has.
const OLDER: usize = 4;
/// A table that a later migration makes, though not the first one.
const LATER_TABLE: &str = "holds";

/// The statements of the migrations, in order.
fn migrations() -> Vec<String> {
    let engine = if is_on_postgres() {
        "postgres"
    } else {
        "sqlite"
    };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(engine);
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files = Vec::from_iter(entries.map(|entry| entry.unwrap().path()));
    files.sort();
    let read = |file| std::fs::read_to_string(file).unwrap();
    Vec::from_iter(files.into_iter().map(read))
}

/// An empty store as an older version made it.
fn older_store() -> DataDirectory {
    let before = migrations()[..OLDER].join("\n");
    let data = fixture::empty_directory();
    match database::url(data.path()) {
        None => {
            let file = data.path().join("orders.db");
            let connection = rusqlite::Connection::open(file).unwrap();
            wharfinger::store::register_checksums(&connection).unwrap();
            connection.execute_batch(&before).unwrap();
            connection
                .execute_batch(&format!("pragma user_version = {OLDER}"))
                .unwrap();
        }
        Some(url) => {
            let mut client = Client::connect(&url, NoTls).unwrap();
            client
                .batch_execute("drop schema public cascade; create schema public")
                .unwrap();
            client.batch_execute(&before).unwrap();
            client
                .batch_execute(&format!(
                    "create table schema_versions (version bigint primary key, taken_at timestamptz not null default now()); \
                     insert into schema_versions (version) select generate_series(1, {OLDER})"
                ))
                .unwrap();
        }
    }
    data
}

fn version(data: &Path) -> i64 {
    let select = match database::url(data) {
        None => "select user_version from pragma_user_version",
        Some(_) => "select max(version) from schema_versions",
    };
    Database::of(data).number(select)
}

#[test]
fn an_interrupted_migration_is_finished_at_the_next_start() {
    if is_on_citus() {
        return;
    }
    let data = older_store();
    let latest = i64::try_from(migrations().len()).unwrap();
    // A migration in the middle fails, after others have made their tables.
    Database::of(data.path()).run(&format!("create table {LATER_TABLE} (x integer)"));
    let output = run(data.path(), &["org", "list"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(version(data.path()), i64::try_from(OLDER).unwrap());
    let tables = Database::of(data.path()).tables();
    assert!(!tables.contains(&"stats".to_owned()), "{tables:?}");
    Database::of(data.path()).run(&format!("drop table {LATER_TABLE}"));
    let server = Server::start(data.path());
    assert_eq!(version(data.path()), latest);
    drop(server);
    let output = run(data.path(), &["check"]);
    assert!(output.status.success(), "{output:?}");
    data.fill();
    let server = Server::start(data.path());
    let answer = submit(&server, "TRK001", &[order("A")]).0;
    assert_eq!(answer.json()["accepted"], 1);
}

#[test]
fn a_store_of_a_later_version_is_refused_and_both_versions_are_named() {
    let data = fixture::data_directory();
    let later = version(data.path()) + 1;
    let note = match database::url(data.path()) {
        None => format!("pragma user_version = {later}"),
        Some(_) => format!("insert into schema_versions (version) values ({later})"),
    };
    Database::of(data.path()).run(&note);
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("backup");
    let to = to.to_str().unwrap();
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["org", "list"],
        &["check"],
        &["backup", to],
    ] {
        let output = run(data.path(), command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected = format!(
            "has schema version {later}, but wharfinger {} knows only versions up to {}; use a newer program",
            env!("CARGO_PKG_VERSION"),
            later - 1
        );
        assert!(said.contains(&expected), "{command:?}: {said}");
    }
    assert_eq!(version(data.path()), later);
}
