//! Organisations, keys and the audit log over HTTP.

mod access;
mod delivery_traces;
mod destination_commands;
mod destinations;
mod keys;
mod order_changes;
mod organisations;

use std::path::Path;

use serde_json::Value;

use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::{Server, run};

/// A server and the keys of its administrators.
struct Office {
    server: Server,
    data: fixture::DataDirectory,
    /// Can access everything, and has every scope.
    chief: String,
    /// Administers TRK001 and TRK002, and reads their orders.
    clerk: String,
}

/// Creates a key with the command. Returns its secret.
fn key(data: &Path, arguments: &[&str]) -> String {
    let all = [&["key", "create", "--json"], arguments].concat();
    let output = run(data, &all);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("a key is printed");
    printed["secret"].as_str().unwrap().to_owned()
}

const ALL_SCOPES: [&str; 6] = [
    "--scope",
    "admin",
    "--scope",
    "orders:write",
    "--scope",
    "orders:read",
];

impl Office {
    fn open() -> Self {
        let data = fixture::data_directory();
        let chief = key(data.path(), &[&["--all-orgs"], &ALL_SCOPES[..]].concat());
        let clerk = [
            "--org",
            "TRK001",
            "--org",
            "TRK002",
            "--scope",
            "admin",
            "--scope",
            "orders:read",
            "--expires",
            "30d",
            "--requests-per-second",
            "1000",
        ];
        let clerk = key(data.path(), &clerk);
        Self {
            server: Server::start(data.path()),
            data,
            chief,
            clerk,
        }
    }

    fn ask(&self, secret: &str, method: &str, target: &str, body: Option<&Value>) -> Response {
        self.server.send(&request(secret, method, target, body))
    }

    fn get(&self, secret: &str, target: &str) -> Value {
        let answer = self.ask(secret, "GET", target, None);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }
}

fn request(secret: &str, method: &str, target: &str, body: Option<&Value>) -> Request {
    let request = Request::new(method, target).header("authorization", format!("Bearer {secret}"));
    match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    }
}

/// One attribute of each entry on a page.
fn column(page: &Value, name: &str) -> Vec<String> {
    let rows = page["data"].as_array().expect("a page has data");
    let values = rows.iter().map(|row| row[name].as_str().unwrap_or("-"));
    values.map(str::to_owned).collect()
}

/// Pointers and codes of the problems of a body.
fn errors(answer: &Response) -> Vec<(String, String)> {
    assert_eq!(answer.status, 422, "{}", answer.text());
    let json = answer.json();
    let errors = json["errors"].as_array().expect("it is told what is wrong");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = errors.iter();
    errors
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect()
}

fn assert_errors(answer: &Response, expected: &[(&str, &str)]) {
    let found = errors(answer);
    let found: Vec<_> = found
        .iter()
        .map(|(pointer, code)| (pointer.as_str(), code.as_str()))
        .collect();
    assert_eq!(found, expected);
}
