//! A server, and a user with a key and a home directory who runs commands over HTTP.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, program};
use crate::support::v1;

pub(super) struct Desk {
    /// The running server. `None` while it is down.
    pub(super) server: Option<Server>,
    pub(super) data: DataDirectory,
    pub(super) home: TempDir,
    pub(super) url: String,
}

impl Desk {
    pub(super) fn new() -> Self {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        Self {
            url: format!("http://{}", server.address),
            server: Some(server),
            data,
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// The file of a key of the fixture.
    pub(super) fn key_file(&self, key: &str) -> PathBuf {
        let file = self.home.path().join(format!("{key}.json"));
        let text = json!({ "id": key, "secret": secret_of(key) });
        std::fs::write(&file, text.to_string()).unwrap();
        file
    }

    /// A command of a user who has no connection yet.
    pub(super) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).env("HOME", self.home.path());
        for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// A command of a user with a key of the fixture.
    pub(super) fn command_with(&self, key: &str, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command
            .env("WHARFINGER_URL", &self.url)
            .env("WHARFINGER_KEY_FILE", self.key_file(key));
        command
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.command_with("full", arguments)
    }

    /// Runs a command that must succeed. Returns what it printed.
    pub(super) fn done(&self, arguments: &[&str]) -> String {
        ended(self.command(arguments), 0).0
    }

    /// Runs a command that must fail with this status. Returns what it said on standard error.
    pub(super) fn refused(&self, status: i32, arguments: &[&str]) -> String {
        ended(self.command(arguments), status).1
    }

    /// Runs a command that must succeed, and reads its lines as JSON.
    pub(super) fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        lines(&self.done(arguments))
    }

    /// Submits orders of an organisation. Returns the id of the batch, and of each new order.
    pub(super) fn submit(&self, organisation: &str, orders: &[Value]) -> (String, Vec<String>) {
        let (answer, ids) = v1::submit(self.server(), organisation, orders);
        (v1::batch_id(&answer).to_owned(), ids)
    }

    /// Submits one valid order. Returns its id.
    pub(super) fn take(&self, organisation: &str, key: &str) -> String {
        self.submit(organisation, &[v1::order(key)]).1.remove(0)
    }

    /// Kills the server.
    pub(super) fn kill_server(&mut self) {
        self.server.take().expect("the server runs").kill();
    }

    /// Starts the server again, at the same address.
    pub(super) fn start_server(&mut self) {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut command = program();
        command.args(["serve", "--listen", address, "--log", "error"]);
        crate::support::database::aim(&mut command, self.data.path());
        self.server = Some(Server::spawn(command));
    }

    /// The events of the feed, from the beginning, as the API gives them.
    pub(super) fn events(&self, filter: &str) -> Vec<Value> {
        let page = v1::get(self.server(), &format!("/v1/events?limit=1000{filter}"));
        page["data"].as_array().unwrap().clone()
    }
}

/// Runs a command to its end, which must have this status. Returns its output and its errors.
pub(super) fn ended(mut command: Command, status: i32) -> (String, String) {
    let output = command.output().expect("the program starts");
    told(&output, status)
}

/// The output and the errors of a command that ended with this status.
pub(super) fn told(output: &Output, status: i32) -> (String, String) {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{errors}");
    (String::from_utf8(output.stdout.clone()).unwrap(), errors)
}

pub(super) fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The ids of events.
pub(super) fn ids(events: &[Value]) -> Vec<&str> {
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.collect()
}

/// The mode of a file.
pub(super) fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// Sends a signal to a process.
pub(super) fn signal(process: u32, signal: &str) {
    let id = process.to_string();
    let told = Command::new("kill").args([signal, &id]).status();
    assert!(told.unwrap().success());
}
