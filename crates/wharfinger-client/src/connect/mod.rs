//! The connection of a command: which server, and with which API key.

mod profiles;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

pub use self::profiles::{Profile, Profiles};
use crate::http::{ApiKey, Client};

/// Which server a command talks to, and with which API key.
#[derive(Args, Clone, Debug, Default)]
pub struct Connection {
    /// The server, as http://HOST:PORT or https://HOST
    #[arg(long, env = "WHARFINGER_URL", value_name = "URL")]
    pub url: Option<String>,
    /// File with the API key, as `wharfinger key create --json` prints it; alternatively, set WHARFINGER_KEY to ID:SECRET
    #[arg(long, env = "WHARFINGER_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Use the server and the key of this profile; `wharfinger profile add` makes one
    #[arg(long, env = "WHARFINGER_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// PEM file with the CA of the server's certificate [default: those that the system trusts]
    #[arg(long, env = "WHARFINGER_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// The variable that holds an API key as `ID:SECRET`.
const KEY_VARIABLE: &str = "WHARFINGER_KEY";

impl Connection {
    /// Whether the user named a server, by flag, variable or profile.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.url.is_some() || self.profile.is_some()
    }

    /// A client of the server, with the API key. Nothing is sent yet.
    ///
    /// # Errors
    /// No server or no key is named, or two are, or what is named cannot be read.
    pub fn client(&self) -> Result<Client> {
        // A variable that is set for one server must not send the key of a profile to it, nor another key to the profile's.
        if self.profile.is_some() && (self.url.is_some() || self.key_file.is_some()) {
            anyhow::bail!(
                "--profile names the server and the key; leave out --url and --key-file (unset WHARFINGER_URL and WHARFINGER_KEY_FILE, or WHARFINGER_PROFILE)"
            );
        }
        let profile = match &self.profile {
            Some(name) => Some(Profiles::load()?.find(name)?.clone()),
            None => None,
        };
        let of_profile = profile.as_ref();
        let url = self
            .url
            .clone()
            .or(of_profile.map(|profile| profile.url.clone()));
        let url = url.context(
            "no server is named; use --url http://HOST:PORT, set WHARFINGER_URL, or use --profile",
        )?;
        let file = self
            .key_file
            .clone()
            .or(of_profile.map(|profile| profile.key_file.clone()));
        let variable = std::env::var(KEY_VARIABLE).ok();
        // An empty variable means: not set.
        let key = match (file, variable.filter(|key| !key.is_empty())) {
            (Some(file), _) => ApiKey::of_file(&file)?,
            (None, Some(text)) => ApiKey::of_variable(KEY_VARIABLE, &text)?,
            (None, None) => anyhow::bail!(
                "no API key is named; use --key-file FILE, set {KEY_VARIABLE} to ID:SECRET, or use --profile"
            ),
        };
        let ca = self.ca.clone().or(profile.and_then(|profile| profile.ca));
        Client::new(&url, key, ca.as_deref())
    }
}
