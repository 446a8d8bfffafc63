//! What takes events in place of a webhook: tables in a PostgreSQL database, a stream of NATS, files.

mod settings;

pub use self::settings::{
    BadSettings, Compression, FilesSettings, NatsSettings, PostgresSettings, SinkSettings,
};

/// Events that a sink gets at a time, unless the destination says otherwise.
pub const MAX_EVENTS_DEFAULT: u32 = 500;
