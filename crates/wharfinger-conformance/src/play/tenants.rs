//! Organisations and keys of a case on a Wharfinger server, made with a key that may.

use std::hash::{BuildHasher, Hasher};

use anyhow::{Context, Result, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::names::Names;
use super::setup::{keys_of, organisations_needed};
use crate::case::{CUSTOMERS, Case, Credentials, ENFORCED, KEYS, ORGANISATIONS, PRODUCTS};
use crate::exchange::{Answer, Sent, Transport};
use crate::text::shown;

/// How often another code is tried if one is taken.
const TRIES: usize = 8;

/// A key of the server under test, for its native API.
pub(super) struct Native<'t> {
    pub(super) transport: &'t dyn Transport,
    pub(super) key: &'t Credentials,
}

/// What was made for a case.
#[derive(Default)]
pub(super) struct Tenants {
    /// The codes of the organisations.
    pub(super) names: Names,
    /// The keys, by their names in the cases.
    pub(super) keys: Vec<(&'static str, Credentials)>,
    organisations: Vec<String>,
}

impl Native<'_> {
    /// Sends a request with a body of JSON, or without one.
    pub(super) fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, target, "application/json", body.into_bytes())
    }

    fn send(&self, method: &str, target: &str, form: &str, body: Vec<u8>) -> Result<Answer> {
        self.transport.send(&Sent {
            method: method.into(),
            target: target.into(),
            headers: vec![
                (
                    "authorization".into(),
                    format!("Bearer {}", self.key.secret),
                ),
                ("content-type".into(), form.into()),
            ],
            body,
        })
    }

    /// The JSON of a response, which must be a success.
    fn done(what: &str, answer: &Answer) -> Result<Value> {
        let text = String::from_utf8_lossy(&answer.body);
        if !answer.is_success() {
            let (status, text) = (answer.status, shown(&text));
            bail!("cannot {what}: the server answered {status}: {text}");
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Makes the organisations and keys that a case needs.
    pub(super) fn tenants_for(&self, case: &Case) -> Result<Tenants> {
        let mut tenants = Tenants::default();
        let made = self.fill(case, &mut tenants);
        if made.is_err() {
            // The first error is the one that counts.
            drop(self.remove(&tenants));
        }
        made.map(|()| tenants)
    }

    fn fill(&self, case: &Case, tenants: &mut Tenants) -> Result<()> {
        let needed = organisations_needed(case);
        for (code, is_enabled) in ORGANISATIONS {
            if needed.contains(code) {
                let made = self.organisation(code, is_enabled)?;
                tenants.names.add(code, &made);
                tenants.organisations.push(made);
            }
        }
        let named = keys_of(case);
        for key in KEYS.iter().filter(|key| named.contains(key.id)) {
            let codes = key.organisations.iter();
            let codes: Vec<_> = codes
                .map(|code| tenants.names.text_onto_server(code))
                .collect();
            let wanted =
                json!({ "organisations": codes, "scopes": key.scopes, "expires_in": "1d" });
            let made = self.call("POST", "/v1/keys", Some(&wanted))?;
            let made = Self::done("make an API key", &made)?;
            let part = |name: &str| made[name].as_str().map(str::to_owned);
            let (Some(id), Some(secret)) = (part("id"), part("secret")) else {
                bail!("the server made an API key without an id and a secret");
            };
            tenants.keys.push((key.id, Credentials { id, secret }));
        }
        Ok(())
    }

    /// Makes an organisation in the role of one of the cases. Returns its code.
    fn organisation(&self, in_case: &str, is_enabled: bool) -> Result<String> {
        let mut wanted = json!({ "customer_orders_enabled": is_enabled });
        if in_case == ENFORCED {
            wanted["catalogue"] = "enforced".into();
        }
        for _ in 0..TRIES {
            let code = other_code(in_case);
            wanted["code"] = code.as_str().into();
            let made = self.call("POST", "/v1/organisations", Some(&wanted))?;
            if made.status == 409 {
                continue;
            }
            Self::done("make an organisation", &made)?;
            if in_case == ENFORCED {
                self.load(&code, "products", PRODUCTS)?;
                self.load(&code, "customers", CUSTOMERS)?;
            }
            return Ok(code);
        }
        bail!("cannot make an organisation: every code that was tried is taken");
    }

    fn load(&self, code: &str, what: &str, lines: &str) -> Result<()> {
        let target = format!("/v1/organisations/{code}/{what}");
        let loaded = self.send("POST", &target, "application/x-ndjson", lines.into())?;
        Self::done(&format!("load {what}"), &loaded).map(drop)
    }

    /// Revokes the keys and closes the organisations. An organisation cannot be deleted.
    pub(super) fn remove(&self, tenants: &Tenants) -> Result<()> {
        for (_, key) in &tenants.keys {
            let revoked = self.call("DELETE", &format!("/v1/keys/{}", key.id), None)?;
            Self::done("revoke an API key", &revoked)?;
        }
        for code in &tenants.organisations {
            let closed = json!({ "customer_orders_enabled": false });
            let closed = self.call("PATCH", &format!("/v1/organisations/{code}"), Some(&closed))?;
            Self::done("close an organisation", &closed)?;
        }
        Ok(())
    }

    /// Does what a command of a case does: `orders process`, `orders cancel` and `org set --time-zone`.
    pub(super) fn command(&self, arguments: &[String], names: &Names) -> Result<()> {
        let words: Vec<String> = arguments
            .iter()
            .map(|word| names.text_onto_server(word))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [
                "orders",
                change @ ("process" | "cancel"),
                "--org",
                code,
                "--dialect",
                dialect,
                ref keys @ ..,
            ] => {
                for key in keys {
                    let order = self.find(code, dialect, key)?;
                    let done = self.call("POST", &format!("/v1/orders/{order}/{change}"), None)?;
                    Self::done(&format!("{change} the order {key}"), &done)?;
                }
            }
            ["org", "set", code, "--time-zone", zone] => {
                let change = json!({ "time_zone": zone });
                let target = format!("/v1/organisations/{code}");
                let done = self.call("PATCH", &target, Some(&change))?;
                Self::done("change an organisation", &done)?;
            }
            _ => bail!(
                "no request does what `wharfinger {}` does",
                arguments.join(" ")
            ),
        }
        Ok(())
    }

    /// The id of the order with this key.
    fn find(&self, code: &str, dialect: &str, key: &str) -> Result<String> {
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let target = format!("/v1/orders?organisation={code}&dialect={dialect}&key={key}");
        let found = Self::done("find an order", &self.call("GET", &target, None)?)?;
        let id = found["data"][0]["id"].as_str();
        id.map(str::to_owned)
            .with_context(|| format!("there is no order {key} to change"))
    }
}

/// A code of the same length and with the same first letter, so that sizes, encoded letters and order are the same.
fn other_code(in_case: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut random = std::hash::RandomState::new().build_hasher().finish();
    let mut code: String = in_case.chars().take(1).collect();
    while code.len() < in_case.len() {
        let count = LETTERS.len() as u64;
        code.push(char::from(
            LETTERS[usize::try_from(random % count).unwrap_or_default()],
        ));
        random /= count;
    }
    code
}
