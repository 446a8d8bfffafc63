//! Loading and showing what organisations sell, and to whom.

mod files;
mod http;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::server::run;

/// Runs a command that must succeed; what it printed.
fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command printed that did not do all that it was asked for: a line of counts, and what is wrong.
fn told(output: &Output) -> (Value, Vec<String>) {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let counts = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (counts, errors.lines().map(str::to_owned).collect())
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The products of TRK001, as the command lists them.
fn products(data: &Path) -> Vec<Value> {
    lines(&done(
        data,
        &["products", "list", "--org", "TRK001", "--json"],
    ))
}

/// The entries of the audit log about loads, newest first, with their details.
fn audited(data: &Path) -> Vec<(String, Value)> {
    let store = rusqlite::Connection::open(data.join("orders.db")).unwrap();
    let select = "select action, details from audit where action like '%loaded' order by id desc";
    let mut select = store.prepare(select).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    rows.unwrap()
        .map(Result::unwrap)
        .map(|(action, details)| (action, serde_json::from_str(&details).unwrap()))
        .collect()
}
