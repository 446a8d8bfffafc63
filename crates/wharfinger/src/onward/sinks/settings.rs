//! Settings of sinks, as requests and the store have them: a JSON object with the member `kind`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::onward::guard::{Guard, Refused};
use crate::store::Target;

/// Longest text of a setting, in bytes. A certificate is longer.
const TEXT_BYTES_MAX: usize = 2_048;
/// Longest text with certificates, in bytes.
const CA_BYTES_MAX: usize = 65_536;
/// Longest identifier of PostgreSQL, in bytes.
const SCHEMA_BYTES_MAX: usize = 63;
/// Bounds of a file's size, in bytes.
const FILE_BYTES: std::ops::RangeInclusive<u64> = 1_024..=16 << 30;
/// Bounds of the time that a file is open, in seconds.
const INTERVAL_S: std::ops::RangeInclusive<u32> = 1..=86_400;

/// The kind of a sink, and its settings.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SinkSettings {
    /// Tables in a PostgreSQL database.
    Postgres(PostgresSettings),
    /// A JetStream stream of NATS.
    Nats(NatsSettings),
    /// Files in a directory.
    Files(FilesSettings),
}

/// Settings of tables in a PostgreSQL database.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSettings {
    /// `postgres://user@host:port/name`. With `sslmode=require`, TLS is used.
    pub url: String,
    /// The user's password, if the URL does not contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// PEM text of the CAs that may have signed the server's certificate. Enables TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The schema of the tables.
    #[serde(default = "schema")]
    pub schema: String,
}

/// Settings of a JetStream stream of NATS.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NatsSettings {
    /// `nats://host:port`, or `tls://host:port` for TLS.
    pub url: String,
    /// What all subjects begin with.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// The name of the stream.
    #[serde(default = "stream")]
    pub stream: String,
    /// Whether the stream is created if it is missing.
    #[serde(default = "yes")]
    pub create: bool,
    /// The user to log in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A token to log in with, instead of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// PEM text of the CAs that may have signed the server's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// Settings of files in a directory.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FilesSettings {
    /// The directory, relative to the one that the operator allows.
    pub directory: String,
    /// How the files are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// How long a file is open at most, in seconds.
    #[serde(default = "interval_s")]
    pub interval_s: u32,
    /// From which size on a file is finished, in bytes.
    #[serde(default = "bytes_max")]
    pub bytes_max: u64,
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// As `.gz`.
    Gzip,
    /// As `.zst`.
    #[default]
    Zstd,
}

fn schema() -> String {
    "wharfinger".into()
}

fn prefix() -> String {
    "wharfinger".into()
}

fn stream() -> String {
    "WHARFINGER".into()
}

fn yes() -> bool {
    true
}

fn interval_s() -> u32 {
    60
}

fn bytes_max() -> u64 {
    64 << 20
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSettings {
    /// The setting. Empty if the fault is not in one.
    pub attribute: &'static str,
    /// What is wrong, as the end of a sentence that begins with the setting.
    pub why: String,
}

impl std::fmt::Display for BadSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.attribute {
            "" => out.write_str(&self.why),
            attribute => write!(out, "{attribute} {}", self.why),
        }
    }
}

/// Shows no secret.
impl std::fmt::Debug for SinkSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SinkSettings({})", self.shown())
    }
}

impl SinkSettings {
    /// The kinds that are sinks.
    pub const KINDS: [&str; 3] = ["postgres", "nats", "files"];

    /// Reads and checks settings. The value is an object with `kind`, one of [`Self::KINDS`].
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn parse(settings: Value) -> Result<Self, BadSettings> {
        let read = serde_json::from_value::<Self>(settings);
        let settings = read.map_err(|error| BadSettings {
            attribute: "",
            why: error.to_string(),
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// The settings as they are stored, with secrets.
    #[must_use]
    pub fn stored(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The settings as they are shown: without secrets.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut shown = self.clone();
        match &mut shown {
            Self::Postgres(postgres) => {
                postgres.password = None;
                postgres.url = crate::store::without_password(&postgres.url);
            }
            Self::Nats(nats) => {
                nats.password = None;
                nats.token = None;
            }
            Self::Files(_) => {}
        }
        shown.stored()
    }

    /// Checks the hosts. A name that cannot be looked up now is taken, because it is checked again before each connection.
    ///
    /// # Errors
    /// This server does not connect to a host.
    pub async fn check_address(&self, guard: &Guard) -> Result<(), Refused> {
        let places = match self {
            Self::Postgres(postgres) => match postgres.target() {
                Ok(target) => target.places(),
                Err(why) => return Err(Refused::Url(why)),
            },
            Self::Nats(nats) => match nats.place() {
                Ok((host, port, _)) => vec![(host, port)],
                Err(bad) => return Err(Refused::Url(bad.why)),
            },
            Self::Files(_) => Vec::new(),
        };
        for (host, port) in places {
            match guard.resolve(&host, port).await {
                Ok(_) | Err(Refused::Unresolved { .. }) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), BadSettings> {
        match self {
            Self::Postgres(postgres) => postgres.check(),
            Self::Nats(nats) => nats.check(),
            Self::Files(files) => files.check(),
        }
    }
}

fn bad(attribute: &'static str, why: impl Into<String>) -> Result<(), BadSettings> {
    Err(BadSettings {
        attribute,
        why: why.into(),
    })
}

fn short(attribute: &'static str, text: &str, bytes_max: usize) -> Result<(), BadSettings> {
    if text.is_empty() || text.len() > bytes_max {
        return bad(attribute, format!("must have from 1 to {bytes_max} bytes"));
    }
    Ok(())
}

impl PostgresSettings {
    fn check(&self) -> Result<(), BadSettings> {
        short("url", &self.url, TEXT_BYTES_MAX)?;
        if let Some(ca) = &self.ca {
            short("ca", ca, CA_BYTES_MAX)?;
        }
        let mut letters = self.schema.bytes();
        let is_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let begins = letters.next().is_some_and(|byte| !byte.is_ascii_digit());
        if !begins || !self.schema.bytes().all(is_name) || self.schema.len() > SCHEMA_BYTES_MAX {
            return bad(
                "schema",
                format!(
                    "must have from 1 to {SCHEMA_BYTES_MAX} characters of a-z, 0-9 and _, and not begin with a digit"
                ),
            );
        }
        if self.schema.starts_with("pg_") || self.schema == "information_schema" {
            return bad("schema", "must not be one of PostgreSQL's own");
        }
        match self.target() {
            Ok(_) => Ok(()),
            Err(why) => bad("url", format!("cannot be used: {why}")),
        }
    }

    /// The database.
    pub(super) fn target(&self) -> Result<Target, String> {
        Target::of_destination(&self.url, self.password.as_deref(), self.ca.as_deref())
    }
}

impl NatsSettings {
    fn check(&self) -> Result<(), BadSettings> {
        short("url", &self.url, TEXT_BYTES_MAX)?;
        self.place()?;
        let is_token = |token: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !token.is_empty() && token.bytes().all(is_plain)
        };
        if !self.prefix.split('.').all(is_token) || self.prefix.len() > 100 {
            return bad(
                "prefix",
                "must be tokens of letters, digits, - and _, separated by dots, with at most 100 characters",
            );
        }
        if !is_token(&self.stream) || self.stream.len() > 100 {
            return bad("stream", "must have from 1 to 100 letters, digits, - and _");
        }
        if self.user.is_some() != self.password.is_some() {
            return bad("user", "and password must be given together");
        }
        if self.token.is_some() && self.user.is_some() {
            return bad("token", "cannot be combined with a user");
        }
        match &self.ca {
            Some(ca) => short("ca", ca, CA_BYTES_MAX),
            None => Ok(()),
        }
    }

    /// The server's host and port, and whether TLS is required.
    pub(super) fn place(&self) -> Result<(String, u16, bool), BadSettings> {
        const WANTED: &str = "must be nats://HOST:PORT, or tls://HOST:PORT for TLS";
        let refused = |why: &str| BadSettings {
            attribute: "url",
            why: why.into(),
        };
        let url = Url::parse(&self.url).map_err(|_| refused(WANTED))?;
        if !matches!(url.scheme(), "nats" | "tls") || !matches!(url.path(), "" | "/") {
            return Err(refused(WANTED));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "must not have a user; give user and password, or token, as settings of their own",
            ));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refused(WANTED))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port().unwrap_or(4_222);
        let is_encrypted = url.scheme() == "tls" || self.ca.is_some();
        Ok((host.to_owned(), port, is_encrypted))
    }
}

impl FilesSettings {
    fn check(&self) -> Result<(), BadSettings> {
        short("directory", &self.directory, 255)?;
        let is_name = |name: &str| {
            !name.is_empty() && name != "." && name != ".." && !name.contains(['\0', '\\'])
        };
        if !self.directory.split('/').all(is_name) {
            return bad(
                "directory",
                "must be a path below the directory of --destinations-files, without a / at its beginning or end and without . or ..",
            );
        }
        if !INTERVAL_S.contains(&self.interval_s) {
            return bad("interval_s", "must be from 1 to 86400");
        }
        if !FILE_BYTES.contains(&self.bytes_max) {
            return bad("bytes_max", "must be from 1024 to 17179869184");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_have_defaults_and_come_back() {
        for (given, all) in [
            (
                json!({"kind": "files", "directory": "a/b"}),
                json!({"kind": "files", "directory": "a/b", "compression": "zstd", "interval_s": 60, "bytes_max": 67_108_864}),
            ),
            (
                json!({"kind": "nats", "url": "nats://localhost"}),
                json!({"kind": "nats", "url": "nats://localhost", "prefix": "wharfinger", "stream": "WHARFINGER", "create": true}),
            ),
            (
                json!({"kind": "postgres", "url": "postgres://ann@db/orders"}),
                json!({"kind": "postgres", "url": "postgres://ann@db/orders", "schema": "wharfinger"}),
            ),
        ] {
            let settings = SinkSettings::parse(given).unwrap();
            assert_eq!(settings.stored(), all);
            assert_eq!(SinkSettings::parse(settings.stored()), Ok(settings));
        }
    }

    #[test]
    fn secrets_are_stored_and_not_shown() {
        for given in [
            json!({"kind": "postgres", "url": "postgres://ann:seCret@db/orders", "password": "seCret"}),
            json!({"kind": "nats", "url": "nats://db", "user": "ann", "password": "seCret"}),
            json!({"kind": "nats", "url": "nats://db", "token": "seCret"}),
        ] {
            let settings = SinkSettings::parse(given).unwrap();
            assert!(settings.stored().to_string().contains("seCret"));
            assert!(!settings.shown().to_string().contains("seCret"));
            assert!(!format!("{settings:?}").contains("seCret"));
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_named() {
        for (given, attribute) in [
            (json!({"kind": "files", "directory": "../b"}), "directory"),
            (json!({"kind": "files", "directory": "/b"}), "directory"),
            (json!({"kind": "files", "directory": "a//b"}), "directory"),
            (
                json!({"kind": "files", "directory": "a", "interval_s": 0}),
                "interval_s",
            ),
            (
                json!({"kind": "files", "directory": "a", "bytes_max": 1}),
                "bytes_max",
            ),
            (json!({"kind": "files", "directory": "a", "gzip": true}), ""),
            (json!({"kind": "nats", "url": "http://db"}), "url"),
            (json!({"kind": "nats", "url": "nats://ann:x@db"}), "url"),
            (
                json!({"kind": "nats", "url": "nats://db", "prefix": "a.*"}),
                "prefix",
            ),
            (
                json!({"kind": "nats", "url": "nats://db", "prefix": ".a"}),
                "prefix",
            ),
            (
                json!({"kind": "nats", "url": "nats://db", "stream": "a.b"}),
                "stream",
            ),
            (
                json!({"kind": "nats", "url": "nats://db", "user": "ann"}),
                "user",
            ),
            (
                json!({"kind": "postgres", "url": "postgres://ann@/db"}),
                "url",
            ),
            (
                json!({"kind": "postgres", "url": "postgres://ann@%2Frun/db"}),
                "url",
            ),
            (
                json!({"kind": "postgres", "url": "postgres://ann@db/x", "schema": "A"}),
                "schema",
            ),
            (
                json!({"kind": "postgres", "url": "postgres://ann@db/x", "schema": "pg_a"}),
                "schema",
            ),
            (
                json!({"kind": "postgres", "url": "postgres://ann@db/x?sslmode=require", "ca": "none"}),
                "url",
            ),
        ] {
            let refused = SinkSettings::parse(given.clone()).unwrap_err();
            assert_eq!(refused.attribute, attribute, "{given}: {refused}");
        }
    }
}
