//! Copying a whole store with the real command: to PostgreSQL and back, interrupted and resumed, and refused.

mod broken_off;
pub(crate) mod filled;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use self::filled::Filled;
use crate::support::changes::{is_replayed, one, told};
use crate::support::cluster::OwnDatabase;
use crate::support::database::{self, Cell, Database};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, load_products, program, run};
use crate::support::stored;
use crate::support::v1::{order, submit};

/// A store, as the command names it.
fn place(data: &Path) -> String {
    database::url(data).unwrap_or_else(|| data.to_str().unwrap().to_owned())
}

fn copying(from: &Path, to: &Path) -> Command {
    let mut command = program();
    let (from, to) = (place(from), place(to));
    command.args(["copy", "--json", "--from", &from, "--to", &to]);
    command
}

/// Copies a store. Returns what the command prints.
fn copied(from: &Path, to: &Path) -> Value {
    let output = copying(from, to).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["faults"], json!([]));
    assert_eq!(
        printed["rows"],
        json!(rows(from).values().map(Vec::len).sum::<usize>())
    );
    assert_same(from, to);
    printed
}

/// Every row of every table, in the same order for both engines. Text is compared as bytes, because one engine stores it as
/// bytes.
pub(crate) fn rows(data: &Path) -> BTreeMap<String, Vec<Vec<Cell>>> {
    let mut database = stored::merged(data);
    let mut all = BTreeMap::new();
    for table in database.tables() {
        // The first is moved into the other tables before a copy. The others are about the transactions of a database.
        let is_apart = ["recent_changes", "merges", "organisation_locks"].contains(&table.as_str());
        if table.starts_with("sqlite_") || is_apart {
            continue;
        }
        // The order of columns differs between the engines.
        let columns = match &database {
            Database::Embedded(_) => {
                format!(
                    "select name from pragma_table_xinfo('{table}') where hidden = 0 order by name"
                )
            }
            Database::Postgres(_) => format!(
                "select cast(attname as text) from pg_attribute \
                 where attrelid = '{table}'::regclass and attnum > 0 and attgenerated = '' order by attname"
            ),
        };
        let columns = database.rows(&columns);
        let columns = Vec::from_iter(columns.iter().map(|column| column[0].text()));
        let select = format!("select {} from {table}", columns.join(", "));
        let mut rows = database.rows(&select);
        for cell in rows.iter_mut().flatten() {
            if let Cell::Text(text) = cell {
                *cell = Cell::Blob(std::mem::take(text).into_bytes());
            }
        }
        rows.sort();
        all.insert(table, rows);
    }
    all
}

fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (rows(one), rows(other));
    assert_eq!(
        Vec::from_iter(one.keys()),
        Vec::from_iter(other.keys()),
        "the same tables"
    );
    for (table, rows) in &one {
        assert_eq!(rows, &other[table], "{table}");
    }
}

/// All read responses and saved responses are the same as in the original store.
fn assert_tells_the_same(server: &Server, filled: &Filled) {
    for (request, answer) in &filled.looks {
        let now = server.send(request);
        assert_eq!(now.text(), answer.text(), "{request:?}");
    }
    for (request, answer) in &filled.kept {
        let again = server.send(request);
        assert!(is_replayed(&again), "{request:?}: {}", again.text());
        assert_eq!(told(&again), told(answer), "{request:?}");
    }
}

/// New rows of every kind can be added after the existing ones.
fn assert_goes_on(data: &Path, server: &Server, name: &str) {
    let orders = [order(name), json!({"key": "faulty"})];
    let (answer, _) = submit(server, "TRK001", &orders);
    let counts = answer.json();
    assert_eq!(
        (&counts["accepted"], &counts["rejected"]),
        (&json!(1), &json!(1))
    );
    let request = one(&format!("{name}-2"));
    let request = request.header("idempotency-key", name);
    let answer = server.send(&request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(is_replayed(&server.send(&request)));
    for arguments in [
        &["org", "create", name][..],
        &["key", "create", "--org", name],
    ] {
        let output = run(data, arguments);
        assert!(output.status.success(), "{output:?}");
    }
    load_products(data, &format!("sku,stock\n{name},7\n"));
    assert_eq!(stored::check(data).faults, [""; 0]);
}

#[test]
fn a_store_moves_to_postgresql_and_back_and_tells_the_same() {
    let data = fixture::data_directory_with_catalogue();
    let filled = filled::fill(data.path());
    for (table, rows) in rows(data.path()) {
        // These tables have rows only during an erasure or a copy.
        let is_passing = ["copying", "erasures"].contains(&table.as_str());
        // All blocks are small ones, so they are in packs.
        let is_of_large = ["blocks", "open_orders"].contains(&table.as_str());
        assert_eq!(rows.is_empty(), is_passing || is_of_large, "{table}");
    }

    let database = OwnDatabase::empty();
    let on_server = DataDirectory::at(database.url());
    assert_eq!(copied(data.path(), on_server.path())["resumed"], 0);
    let server = Server::start(on_server.path());
    assert_tells_the_same(&server, &filled);
    stop(server);

    let home = tempfile::tempdir().unwrap();
    let back = home.path().join("a/new/directory");
    copied(on_server.path(), &back);
    let server = Server::start(&back);
    assert_tells_the_same(&server, &filled);
    assert_goes_on(&back, &server, "LATER");
    stop(server);
    let server = Server::start(on_server.path());
    assert_goes_on(on_server.path(), &server, "LATER");
    stop(server);

    // Copy between two stores of the same engine.
    let again = home.path().join("again");
    copied(&back, &again);
    let database = OwnDatabase::empty();
    copied(on_server.path(), DataDirectory::at(database.url()).path());
}

fn stop(server: Server) {
    server.terminate();
    assert!(server.wait().0.success());
}
