//! What is found by looking at a store: versions, settings of its database, counts, and how its destinations do.

use serde::Serialize;

use super::destinations::{Attempt, DeliveryLag, DestinationStatus};

/// What was found in a store. Nothing in it names a person, an order or an organisation, except the destinations.
#[derive(Debug)]
pub struct Inspection {
    /// The version of its tables, and the version that this program creates.
    pub schema: SchemaVersions,
    /// The database itself.
    pub engine: EngineFacts,
    /// When the latest backup was made, in milliseconds since 1970. `None` if there was none, or if its tables have another version.
    pub last_backup_ms: Option<i64>,
    /// The content, or the sentence why it cannot be read. `None` if its tables have another version.
    pub content: Option<Result<Content, String>>,
}

/// Versions of tables.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SchemaVersions {
    /// That of the store.
    pub found: usize,
    /// The one that this program creates.
    pub known: usize,
}

/// The database of a store.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "engine", rename_all = "snake_case")]
pub enum EngineFacts {
    /// SQLite, in a data directory.
    Sqlite(SqliteFacts),
    /// PostgreSQL.
    Postgres(Box<PostgresFacts>),
}

/// A SQLite file.
#[derive(Clone, Debug, Serialize)]
pub struct SqliteFacts {
    /// The version of the library.
    pub version: &'static str,
    /// `wal`, or another one that servers do not use.
    pub journal_mode: &'static str,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages of the file, and how many of them are free.
    pub pages: u64,
    /// Pages that are free.
    pub free_pages: u64,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// The damage of the log, with the way out.
    pub damage: Option<String>,
    /// Whether a server or a copy works on the directory.
    pub is_held: bool,
}

/// A PostgreSQL database.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PostgresFacts {
    /// `server_version_num`.
    pub version: i64,
    /// Settings by their names, as the server writes them.
    pub settings: Vec<(String, String)>,
    /// The bytes of the database.
    pub bytes: i64,
    /// Whether it is a standby.
    pub is_standby: bool,
    /// How far the standby is behind, in milliseconds. `None` if it has replayed nothing yet.
    pub replay_lag_ms: Option<i64>,
    /// Standbys that are connected to it.
    pub standbys: i64,
    /// How many of them are synchronous.
    pub synchronous_standbys: i64,
    /// How far the slowest of them is behind, in milliseconds.
    pub standby_lag_ms: i64,
    /// Connections of clients to the server, without this one.
    pub connections: i64,
    /// How many of them are of Wharfinger.
    pub own_connections: i64,
    /// The median time of a statement, there and back, in microseconds.
    pub round_trip_us: u64,
    /// How far the server's clock is ahead of this machine's, in milliseconds.
    pub clock_ahead_ms: i64,
    /// The tables, the largest first: name, bytes, and estimated rows.
    pub tables: Vec<(String, i64, i64)>,
}

impl PostgresFacts {
    /// The value of a setting. Empty if the server does not have it.
    #[must_use]
    pub fn setting(&self, name: &str) -> &str {
        let mut settings = self.settings.iter();
        let found = settings.find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The content of a store.
#[derive(Debug)]
pub struct Content {
    /// The counts.
    pub counts: ContentCounts,
    /// The time of its latest change, in milliseconds since 1970; 0 if there is none.
    pub latest_ms: i64,
    /// The codes and names of organisations. Not for reports.
    pub organisations: Vec<(String, String)>,
    /// The destinations, with how far behind they are and their latest failed attempts.
    pub destinations: Vec<(DestinationStatus, DeliveryLag, Option<Attempt>)>,
}

/// Counts of the content of a store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ContentCounts {
    /// Organisations.
    pub organisations: usize,
    /// API keys, and how many of them are revoked or expired.
    pub keys: i64,
    /// Keys that are revoked or expired.
    pub void_keys: i64,
    /// Events of all organisations, those that were purged too.
    pub events: u64,
    /// Orders in each state of each dialect.
    pub orders: Vec<OrderCount>,
}

/// The orders of a dialect in a state.
#[derive(Clone, Debug, Serialize)]
pub struct OrderCount {
    /// The dialect.
    pub dialect: String,
    /// The state.
    pub state: &'static str,
    /// How many.
    pub orders: i64,
}
