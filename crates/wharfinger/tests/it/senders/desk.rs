//! A server, and a user with a key and a home directory who runs commands over HTTP.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::fixture::{self, DataDirectory};
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

pub(super) fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}
