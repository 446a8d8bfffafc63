//! Loading and showing products and customers.

mod files;
mod http;
mod shown;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::run;

/// Runs a command that must succeed. Returns what it printed.
fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The output of a command that did not do everything: the counts, and the errors.
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

/// The audit log's entries about loads, newest first, with details.
fn audited(data: &Path) -> Vec<(String, Value)> {
    let select = "select action, details from audit where action like '%loaded' order by id desc";
    let rows = Database::of(data).rows(select);
    rows.iter()
        .map(|row| {
            (
                row[0].text().to_owned(),
                serde_json::from_str(row[1].text()).unwrap(),
            )
        })
        .collect()
}

/// A directory for files, next to a data directory.
struct Shelf {
    data: fixture::DataDirectory,
    files: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        Self {
            data: fixture::data_directory(),
            files: tempfile::tempdir().unwrap(),
        }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn load(&self, what: &str, name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Output {
        let path = self.put(name, content);
        let load = [
            what,
            "load",
            "--org",
            "TRK001",
            "--json",
            path.to_str().unwrap(),
        ];
        run(self.data.path(), &[&load, more].concat())
    }

    /// Loads a file whose lines must all be valid. Returns the numbers of created, updated and unchanged entries.
    fn loads(&self, what: &str, name: &str, content: impl AsRef<[u8]>) -> [u64; 3] {
        let output = self.load(what, name, content, &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        assert_eq!(errors, "");
        let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
        ["created", "updated", "unchanged"].map(|name| counts[name].as_u64().unwrap())
    }

    /// Loads a file with invalid lines. Returns the counts, and the errors without the file's folder.
    fn refuses(&self, what: &str, name: &str, content: impl AsRef<[u8]>) -> (Value, Vec<String>) {
        let (counts, errors) = told(&self.load(what, name, content, &[]));
        (
            counts,
            errors.iter().map(|error| self.plain(error)).collect(),
        )
    }

    fn plain(&self, error: &str) -> String {
        error.replace(&format!("{}/", self.files.path().display()), "")
    }

    fn data(&self) -> &Path {
        self.data.path()
    }
}

/// A product with only these attributes set.
fn product(said: &Value) -> Value {
    let mut product = json!({
        "id": null, "sku": null, "ean": null, "active": true, "warehouse": null, "stock": 0, "price": null,
        "currency": null, "name": null, "markets": [], "pricelists": [],
    });
    for (name, value) in said.as_object().unwrap() {
        product[name] = value.clone();
    }
    product
}
