//! Destinations of a server under measurement, through its API.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http_client::Connection;
use crate::target::Target;

/// A server as its administrator sees it.
pub(crate) struct Destinations {
    address: SocketAddr,
    organisation: String,
    secret: String,
}

impl Destinations {
    /// The destinations of a server. The key must have the scope `admin`.
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            address: target.address,
            organisation: target.organisation.clone(),
            secret: target.secret.clone(),
        }
    }

    /// Creates a destination of the target's organisation. Returns its id.
    pub(crate) fn create(&self, mut definition: Value) -> Result<String> {
        definition["organisations"] = [self.organisation.as_str()].into();
        let made = self.call("POST", "", Some(&definition))?;
        let id = made["id"].as_str().map(str::to_owned);
        id.context("a new destination has no id")
    }

    /// Deletes a destination.
    pub(crate) fn delete(&self, id: &str) -> Result<()> {
        self.call("DELETE", &format!("/{id}"), None)?;
        Ok(())
    }

    /// The number of events that were delivered to a destination.
    pub(crate) fn delivered(&self, id: &str) -> Result<u64> {
        let shown = self.call("GET", &format!("/{id}"), None)?;
        let delivered = shown["delivered"].as_u64();
        delivered.with_context(|| format!("the destination does not say how far it is: {shown}"))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} /v1/destinations{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.secret,
            body.len(),
        );
        let mut connection = Connection::open(self.address)?;
        let answer = connection.exchange(request.as_bytes())?;
        ensure!(
            (200..300).contains(&answer.status),
            "{method} /v1/destinations{path} got status {}: {}",
            answer.status,
            answer.body
        );
        match answer.body {
            "" => Ok(Value::Null),
            body => Ok(serde_json::from_str(body)?),
        }
    }
}
