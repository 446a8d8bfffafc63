//! Destinations: what their receivers see, whatever fails.

mod as_delivered;
mod batches;
mod check;
mod faults;
mod guard;
mod kills;
mod order;
mod outage;
mod servers;
mod signatures;
mod sinks;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::postgres::until;
use crate::support::changes::administrator;
use crate::support::client::{Request, Response};
use crate::support::database;
use crate::support::fixture::{self, DataDirectory};
use crate::support::receiver::Receiver;
use crate::support::server::{Server, program};
use crate::support::v1::{order, submit};

/// A store, its administrator, and a server on it.
struct Site {
    data: DataDirectory,
    administrator: String,
    /// Options and variables of the server.
    options: Vec<String>,
    variables: Vec<(&'static str, PathBuf)>,
    server: Server,
}

impl Site {
    /// A server whose destinations may be on loopback.
    fn start() -> Self {
        Self::start_with(&["--destinations-allow", "127.0.0.0/8"], Vec::new())
    }

    fn start_with(options: &[&str], variables: Vec<(&'static str, PathBuf)>) -> Self {
        Self::start_on(fixture::data_directory(), options, variables)
    }

    fn start_on(
        data: DataDirectory,
        options: &[&str],
        variables: Vec<(&'static str, PathBuf)>,
    ) -> Self {
        let administrator = administrator(data.path());
        let options = Vec::from_iter(options.iter().map(|option| (*option).to_owned()));
        let server = serve(&data, &options, &variables);
        Self {
            data,
            administrator,
            options,
            variables,
            server,
        }
    }

    /// Another server on the same store.
    fn another(&self) -> Server {
        serve(&self.data, &self.options, &self.variables)
    }

    /// Kills the server and starts it again.
    fn kill(self) -> Self {
        let Self {
            data,
            administrator,
            options,
            variables,
            server,
        } = self;
        server.kill();
        let server = serve(&data, &options, &variables);
        Self {
            data,
            administrator,
            options,
            variables,
            server,
        }
    }

    /// A request of the administrator.
    fn administer(&self, method: &str, target: &str) -> Request {
        let secret = format!("Bearer {}", self.administrator);
        Request::new(method, target).header("authorization", secret)
    }

    fn try_create(&self, definition: &Value) -> Response {
        let request = self.administer("POST", "/v1/destinations");
        self.server.send(&request.body(definition.to_string()))
    }

    /// Creates a destination. Returns the answer, which has its id and its secret.
    fn create(&self, definition: &Value) -> Value {
        let answer = self.try_create(definition);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Creates a destination for a receiver. Returns its id.
    fn create_for(&self, receiver: &Receiver) -> String {
        let created = self.create(&definition(&receiver.url()));
        created["id"].as_str().unwrap().to_owned()
    }

    /// Does something with a destination, such as `pause`.
    fn act(&self, id: &str, what: &str, body: &Value) -> Value {
        let request = self.administer("POST", &format!("/v1/destinations/{id}/{what}"));
        let answer = self.server.send(&request.body(body.to_string()));
        let is_done = (200..300).contains(&answer.status);
        assert!(is_done, "{what}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Reads something of a destination; all of it if `what` is empty.
    fn show(&self, id: &str, what: &str) -> Value {
        let target = format!("/v1/destinations/{id}{what}");
        let answer = self.server.send(&self.administer("GET", &target));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Reads something of a destination until it is as it should be. Returns what `look` finds.
    fn until<T>(&self, id: &str, what: &str, why: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let mut found = None;
        until(why, || {
            found = look(&self.show(id, what));
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Submits orders with these keys, each in a batch of its own. Returns their ids.
    fn take(&self, keys: &[&str]) -> Vec<String> {
        let ids = keys.iter().map(|key| {
            let (answer, mut ids) = submit(&self.server, "TRK001", &[order(key)]);
            assert_eq!(answer.status, 200, "{}", answer.text());
            ids.remove(0)
        });
        ids.collect()
    }

    /// Submits a new version of an order.
    fn update(&self, key: &str, version: usize) {
        let mut changed = order(key);
        changed["instructions"] = format!("Version {version}").into();
        let (answer, _) = submit(&self.server, "TRK001", &[changed]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn serve(
    data: &DataDirectory,
    options: &[String],
    variables: &[(&'static str, PathBuf)],
) -> Server {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    command.args(options);
    command.envs(variables.iter().map(|(name, file)| (name, file)));
    database::aim(&mut command, data.path());
    Server::spawn(command)
}

/// The definition of a destination that gets all events of the organisation TRK001 from the beginning on.
fn definition(url: &str) -> Value {
    json!({"kind": "webhook", "url": url, "organisations": ["TRK001"], "start": "beginning"})
}

/// The same with other attributes.
fn definition_with(url: &str, more: &Value) -> Value {
    let mut definition = definition(url);
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    definition
}
