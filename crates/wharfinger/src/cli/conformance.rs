//! `wharfinger conformance`: plays the golden cases of a dialect.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use wharfinger_client::connect::Connection;
use wharfinger_client::http::ApiKey;
use wharfinger_client::http::{Client, Request};
use wharfinger_client::terminal::Exit;
use wharfinger_conformance::case::{Credentials, KEYS};
use wharfinger_conformance::{Answer, Given, Kit, Sent, Transport};

/// How long a response may take. The longest cases send 64 MiB.
const RESPONSE_MAX: Duration = Duration::from_secs(60);

/// Bytes of a body from which on the server is asked first whether it takes it. It may refuse it by its size.
const ASKED_FIRST_BYTES: usize = 1 << 20;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
          wharfinger conformance --dialect DIALECT --list\n  \
          wharfinger conformance --dialect DIALECT --url http://127.0.0.1:8080 --admin-key-file key.json\n  \
          wharfinger conformance --dialect DIALECT --url https://sandbox.example.com --key-file key.json\n  \
          wharfinger conformance --dialect DIALECT --serve --listen 127.0.0.1:9090\n\n\
        Exit status: 0 if nothing differs, 3 if something does, 1 if the cases cannot be played.")]
pub(super) struct Conformance {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    kit: Kit,
}

impl Conformance {
    pub(super) fn run(mut self: Box<Self>, out: &mut dyn Write) -> Result<Exit> {
        let is_good = if self.kit.needs_server() {
            let admin = self.kit.admin_key_file.clone();
            if admin.is_some() {
                self.connection.key_file.clone_from(&admin);
            }
            let client = self.connection.client()?;
            let key = credentials(client.key());
            let given = Given {
                main: admin.is_none().then(|| key.clone()),
                admin: admin.map(|_| key),
                keys: self.other_keys()?,
                organisations: self.kit.organisations.iter().cloned().collect(),
                before_each: self.kit.before_each.clone(),
            };
            self.kit.play(&Plain(client), &given, out)?
        } else {
            self.kit.without_server(out)?
        };
        Ok(match is_good {
            true => Exit::Done,
            false => Exit::SomeRejected,
        })
    }

    /// The keys of `--key`, by their names in the cases.
    fn other_keys(&self) -> Result<BTreeMap<String, Credentials>> {
        let mut keys = BTreeMap::new();
        for (name, file) in &self.kit.keys {
            if !KEYS.iter().any(|key| key.id == name) {
                let known = KEYS.map(|key| key.id).join(", ");
                bail!("no case uses a key {name}; the keys are {known}");
            }
            let key = ApiKey::of_file(Path::new(file))?;
            keys.insert(name.clone(), credentials(&key));
        }
        Ok(keys)
    }
}

fn credentials(key: &ApiKey) -> Credentials {
    Credentials {
        id: key.id.clone(),
        secret: key.secret().to_owned(),
    }
}

/// Sends requests as the cases have them.
struct Plain(Client);

impl Transport for Plain {
    fn send(&self, request: &Sent) -> Result<Answer> {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let mut headers: Vec<(&str, &str)> = headers.collect();
        if request.body.len() >= ASKED_FIRST_BYTES {
            headers.push(("expect", "100-continue"));
        }
        let response = self.0.send_without_key(&Request {
            method: &request.method,
            target: &request.target,
            headers: &headers,
            body: &request.body,
            timeout: Some(RESPONSE_MAX),
        })?;
        let fields = response.headers.iter();
        let fields = fields.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Ok(Answer {
            status: response.status.as_u16(),
            headers: fields.collect(),
            body: response.bytes().context("the response cannot be read")?,
        })
    }
}
