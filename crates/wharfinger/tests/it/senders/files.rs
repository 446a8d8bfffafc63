//! Files of orders in a user's directory, and the files that commands write beside them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::desk::{Desk, lines};
use crate::support::fixture::secret_of;
use crate::support::server::program;
use crate::support::stored::all_orders;
use crate::support::v1::{self, order};

impl Desk {
    /// Writes a file into the user's directory.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.home.path().join(name), content).unwrap();
    }

    /// Reads a file of the user's directory.
    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).expect(name)
    }

    /// Reads a file of JSON lines.
    pub(super) fn read_lines(&self, name: &str) -> Vec<Value> {
        lines(&self.read(name))
    }

    /// The names of all files in the user's directory.
    pub(super) fn names(&self) -> Vec<String> {
        names(self.home.path())
    }

    /// A command in the user's directory, to a server at a URL, with a key of the fixture.
    pub(super) fn sender(&self, url: &str, key: &str, arguments: &[&str]) -> Command {
        let mut command = program();
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("WHARFINGER_URL", url)
            .env("WHARFINGER_KEY", format!("{key}:{}", secret_of(key)));
        command
    }

    /// Runs a command with the key of one organisation, to the server.
    pub(super) fn send(&self, arguments: &[&str]) -> Output {
        let output = self.sender(&self.url, "one", arguments).output();
        output.expect("the program starts")
    }

    /// The keys of the orders of a dialect in TRK001, in the order of creation.
    pub(super) fn keys(&self, dialect: &'static str) -> Vec<String> {
        let orders = all_orders(self.data.path(), "TRK001", dialect);
        orders.into_iter().map(|order| order.key).collect()
    }

    /// How many events say that an order was accepted.
    pub(super) fn accepted_events(&self) -> usize {
        self.events("&type=order.accepted").len()
    }

    /// The receipt that the server has of a batch.
    pub(super) fn receipt(&self, id: &Value) -> Value {
        let id = id.as_str().expect("a receipt has the id of a batch");
        v1::get(self.server(), &format!("/v1/batches/{id}"))
    }
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).unwrap();
    let name = |file: std::io::Result<std::fs::DirEntry>| file.unwrap().file_name();
    let mut names: Vec<_> = files
        .map(|file| name(file).into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Valid orders as NDJSON, with keys that begin alike.
pub(super) fn numbered(start: &str, count: usize) -> String {
    let line = |number| format!("{}\n", order(&format!("{start}-{number}")));
    (0..count).map(line).collect()
}

/// What a command wrote on standard error.
pub(super) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts the exit status of a command. Returns what it printed.
pub(super) fn printed(output: &Output, status: i32) -> String {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(status),
        "{out}{}",
        errors(output)
    );
    out
}
