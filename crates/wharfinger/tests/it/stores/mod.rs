//! Stores of released versions. Each later version opens them, migrates them, finds no fault, and serves what they have.
//!
//! `UPDATE_STORES=1` makes the stores of this version anew, in `tests/stores/`. Those of a released version stay as they are.

mod migrations;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::{Client, NoTls};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::copy::filled;
use crate::support::cluster::OwnDatabase;
use crate::support::database::{self, Database, is_on_citus};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, run};
use crate::support::stored;
use crate::support::v1::{get, order, request, submit};

/// Tables that have rows only while a command runs.
const PASSING: [&str; 2] = ["copying", "erasures"];

/// What a store had when it was made.
#[derive(Deserialize, Serialize)]
struct Known {
    /// The rows of each table.
    tables: BTreeMap<String, i64>,
    /// Requests of the key `full`, and their answers.
    answers: BTreeMap<String, Value>,
}

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores")
}

/// The directories of all versions.
fn versions() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(stores()).expect("there are stores");
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut versions = Vec::from_iter(paths.filter(|path| path.is_dir()));
    versions.sort();
    assert!(!versions.is_empty());
    versions
}

/// The directory of this version, if its stores are to be made anew.
fn to_make() -> Option<PathBuf> {
    std::env::var_os("UPDATE_STORES")?;
    let version = stores().join(env!("CARGO_PKG_VERSION"));
    std::fs::create_dir_all(&version).unwrap();
    Some(version)
}

/// Fills a store with data in every table. Returns what it has.
fn filled(data: &Path) -> Known {
    let filled = filled::fill(data);
    let mut answers = BTreeMap::new();
    for (look, answer) in &filled.looks {
        let is_of_full = look
            .headers
            .iter()
            .any(|(_, value)| value == "Bearer full-secret");
        // The texts of rejected orders are removed after some time.
        if is_of_full && !look.target.ends_with("/rejected") {
            answers.insert(look.target.clone(), answer.json());
        }
    }
    assert!(answers.len() > 5);
    Known {
        tables: counted(data),
        answers,
    }
}

/// The rows of each table.
fn counted(data: &Path) -> BTreeMap<String, i64> {
    let mut database = Database::of(data);
    let tables = database.tables();
    let tables = tables
        .into_iter()
        .filter(|table| !table.starts_with("sqlite_"));
    let counted = tables.map(|table| (table.clone(), database.count(&table)));
    counted.collect()
}

fn pack(file: &Path, bytes: &[u8]) {
    std::fs::write(file, zstd::encode_all(bytes, 19).unwrap()).unwrap();
}

fn unpack(file: &Path) -> Vec<u8> {
    let packed = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    zstd::decode_all(&packed[..]).unwrap()
}

fn note(file: &Path, known: &Known) {
    let mut text = serde_json::to_string_pretty(known).unwrap();
    text.push('\n');
    std::fs::write(file, text).unwrap();
}

fn known(file: &Path) -> Known {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Opens an older store with a server, and compares.
fn assert_opens(data: &Path, known: &Known, name: &str) {
    let mut database = Database::of(data);
    for (table, rows) in &known.tables {
        assert_eq!(database.count(table), *rows, "{name}: {table}");
        let is_of_embedded = ["blocks", "block_packs", "recent_changes"].contains(&table.as_str());
        assert!(
            *rows > 0 || PASSING.contains(&table.as_str()) || is_of_embedded,
            "{name}: {table} has no rows"
        );
    }
    drop(database);
    let server = Server::start(data);
    for (target, answer) in &known.answers {
        let now = get(&server, target);
        assert_has(&now, answer, &format!("{name}: {target}"));
    }
    let output = run(data, &["check"]);
    assert!(output.status.success(), "{name}: {output:?}");
    // New orders, and a new key, are taken.
    let (answer, ids) = submit(&server, "TRK001", &[order("LATER")]);
    assert_eq!(answer.json()["accepted"], 1, "{name}");
    assert_eq!(
        get(&server, &format!("/v1/orders/{}", ids[0]))["key"],
        "LATER"
    );
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    let output = run(data, &["key", "create", "--org", "TRK001"]);
    assert!(output.status.success(), "{name}: {output:?}");
    let output = run(data, &["check"]);
    assert!(output.status.success(), "{name}: {output:?}");
}

/// A later version may add attributes, but everything that was there is there.
fn assert_has(now: &Value, before: &Value, at: &str) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (name, before) in before {
                let now = now
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}/{name} is gone"));
                assert_has(now, before, &format!("{at}/{name}"));
            }
        }
        (Value::Array(now), Value::Array(before)) => {
            assert_eq!(now.len(), before.len(), "{at}");
            for (index, (now, before)) in now.iter().zip(before).enumerate() {
                assert_has(now, before, &format!("{at}/{index}"));
            }
        }
        (now, before) => assert_eq!(now, before, "{at}"),
    }
}

#[test]
fn embedded_stores_of_every_version_open() {
    if !database::on_embedded("the other test has the stores of PostgreSQL") {
        return;
    }
    if let Some(version) = to_make() {
        let data = fixture::data_directory_with_catalogue();
        let mut known = filled(data.path());
        // Everything in the tables that all stores have, and later orders in those that only embedded stores have.
        drop(stored::settled(data.path()));
        let server = Server::start(data.path());
        for at in 0..40 {
            submit(&server, "TRK002", &[order(&format!("P-{at}"))]);
        }
        server.terminate();
        assert!(server.wait().0.success());
        known
            .answers
            .retain(|target, _| target.contains("TRK001") || !target.contains("limit=1000"));
        known.tables = counted(data.path());
        let file = data.path().join("orders.db");
        let connection = rusqlite::Connection::open(&file).unwrap();
        // Without the log, and without what was deleted.
        wharfinger::store::register_checksums(&connection).unwrap();
        connection
            .execute_batch("vacuum; pragma wal_checkpoint(truncate)")
            .unwrap();
        drop(connection);
        pack(
            &version.join("orders.db.zst"),
            &std::fs::read(&file).unwrap(),
        );
        note(&version.join("embedded.json"), &known);
    }
    for version in versions() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(
            data.join("orders.db"),
            unpack(&version.join("orders.db.zst")),
        )
        .unwrap();
        let known = known(&version.join("embedded.json"));
        assert_opens(&data, &known, &version.display().to_string());
    }
}

#[test]
fn stores_of_every_version_on_postgresql_open() {
    if is_on_citus() {
        return;
    }
    if let Some(version) = to_make() {
        let data = fixture::postgres_directory_with_catalogue();
        let known = filled(data.path());
        let mut dump = Command::new("pg_dump");
        dump.args([
            "--inserts",
            "--rows-per-insert=100",
            "--no-owner",
            "--no-privileges",
        ]);
        let dumped = dump.arg(database::url(data.path()).unwrap()).output();
        let dumped = dumped.expect("the client programs of PostgreSQL are installed");
        assert!(dumped.status.success(), "{dumped:?}");
        pack(&version.join("postgres.sql.zst"), &dumped.stdout);
        note(&version.join("postgres.json"), &known);
    }
    for version in versions() {
        let database = OwnDatabase::empty();
        load(database.url(), &unpack(&version.join("postgres.sql.zst")));
        let known = known(&version.join("postgres.json"));
        let data = DataDirectory::at(database.url());
        assert_opens(data.path(), &known, &version.display().to_string());
    }
}

/// Loads a dump into an empty database.
fn load(url: &str, dump: &[u8]) {
    let text = String::from_utf8(dump.to_vec()).unwrap();
    // Commands of psql, and a setting that older servers do not know.
    let is_sql =
        |line: &&str| !line.starts_with('\\') && !line.starts_with("SET transaction_timeout");
    let sql = Vec::from_iter(text.lines().filter(is_sql)).join("\n");
    let mut client = Client::connect(url, NoTls).unwrap();
    client.batch_execute(&sql).expect("the dump can be loaded");
}
