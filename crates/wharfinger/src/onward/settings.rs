//! The kind of a destination, and the settings of that kind.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::guard::{Guard, Refused, read_url};
pub use super::sinks::BadSettings;
use super::sinks::SinkSettings;
use crate::store::Destination;

/// The kind of a destination, and its settings.
#[derive(Clone, PartialEq, Eq)]
pub enum Settings {
    /// A URL that events are posted to.
    Webhook(WebhookSettings),
    /// A sink, which takes all events in order.
    Sink(SinkSettings),
}

/// Settings of a webhook.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where events are posted to.
    pub url: String,
    /// How deliveries are signed.
    #[serde(default)]
    pub signature: SignatureScheme,
}

/// How deliveries are signed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureScheme {
    /// HMAC-SHA256, by a secret that both sides know.
    #[default]
    V1,
    /// Ed25519, by a private key. Receivers know the public key.
    V1a,
}

impl SignatureScheme {
    /// The names that clients see.
    pub const NAMES: [&str; 2] = ["v1", "v1a"];
}

impl Settings {
    /// Every kind.
    pub const KINDS: [&str; 4] = ["webhook", "postgres", "nats", "files"];

    /// The names of the settings of a kind. `None` if there is no such kind.
    #[must_use]
    pub fn names(kind: &str) -> Option<&'static [&'static str]> {
        match kind {
            "webhook" => Some(&["url", "signature"]),
            "postgres" => Some(&["url", "password", "ca", "schema"]),
            "nats" => Some(&[
                "url", "prefix", "stream", "create", "user", "password", "token", "ca",
            ]),
            "files" => Some(&["directory", "compression", "interval_s", "bytes_max"]),
            _ => None,
        }
    }

    /// The settings of a destination.
    ///
    /// # Errors
    /// They cannot be read. They were checked before they were stored, so an older or newer program has stored them.
    pub fn of(destination: &Destination) -> Result<Self, BadSettings> {
        let read = serde_json::from_str(&destination.settings);
        Self::parse(read.map_err(|error| unreadable(&error))?)
    }

    /// Reads and checks settings: an object with `kind`, one of [`Self::KINDS`].
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn parse(mut settings: Value) -> Result<Self, BadSettings> {
        match settings.get("kind").and_then(Value::as_str) {
            Some(kind) if SinkSettings::KINDS.contains(&kind) => {
                SinkSettings::parse(settings).map(Self::Sink)
            }
            Some("webhook") => {
                if let Some(members) = settings.as_object_mut() {
                    members.remove("kind");
                }
                let webhook: WebhookSettings =
                    serde_json::from_value(settings).map_err(|error| unreadable(&error))?;
                webhook.check()?;
                Ok(Self::Webhook(webhook))
            }
            Some(_) | None => Err(BadSettings {
                attribute: "kind",
                why: format!("must be one of {}", Self::KINDS.join(", ")),
            }),
        }
    }

    /// The name of the kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Sink(SinkSettings::Postgres(_)) => "postgres",
            Self::Sink(SinkSettings::Nats(_)) => "nats",
            Self::Sink(SinkSettings::Files(_)) => "files",
        }
    }

    /// Whether it takes all events in order, many at a time.
    #[must_use]
    pub fn is_sink(&self) -> bool {
        match self {
            Self::Webhook(_) => false,
            Self::Sink(_) => true,
        }
    }

    /// Whether it needs orders with everything that is known of them.
    #[must_use]
    pub fn needs_stored_form(&self) -> bool {
        match self {
            Self::Sink(SinkSettings::Postgres(_)) => true,
            Self::Webhook(_) | Self::Sink(SinkSettings::Nats(_) | SinkSettings::Files(_)) => false,
        }
    }

    /// The settings as they are stored, with passwords and `kind`.
    #[must_use]
    pub fn stored(&self) -> Value {
        match self {
            Self::Webhook(webhook) => {
                let mut stored = serde_json::to_value(webhook).unwrap_or_default();
                stored["kind"] = self.kind().into();
                stored
            }
            Self::Sink(sink) => sink.stored(),
        }
    }

    /// The settings as they are shown: without passwords, and without `kind`.
    #[must_use]
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = members(match self {
            Self::Webhook(_) => self.stored(),
            Self::Sink(sink) => sink.shown(),
        });
        shown.remove("kind");
        shown
    }

    /// Checks the address, as far as it can be seen now. It is checked again before each connection.
    ///
    /// # Errors
    /// This server does not connect to it.
    pub async fn check_address(&self, guard: &Guard) -> Result<(), Refused> {
        match self {
            Self::Webhook(webhook) => guard.check_url(&webhook.url).await,
            Self::Sink(sink) => sink.check_address(guard).await,
        }
    }
}

/// The members of an object. Empty if it is none.
#[must_use]
pub fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn unreadable(error: &serde_json::Error) -> BadSettings {
    BadSettings {
        attribute: "",
        why: error.to_string(),
    }
}

impl WebhookSettings {
    fn check(&self) -> Result<(), BadSettings> {
        match read_url(&self.url) {
            Ok(_) => Ok(()),
            Err(refused) => Err(BadSettings {
                attribute: "url",
                why: format!("cannot be used: {refused}"),
            }),
        }
    }
}
