//! The kind of a destination and its settings.

use serde::Deserialize;

use crate::store::Destination;

/// The kind of a destination and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Settings {
    /// Webhooks.
    Webhook(WebhookSettings),
}

/// Where webhooks are sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookSettings {
    /// The URL.
    pub url: String,
}

impl Settings {
    /// The settings of a destination.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn of(destination: &Destination) -> Result<Self, String> {
        serde_json::from_str(&destination.settings).map_err(|error| error.to_string())
    }
}
