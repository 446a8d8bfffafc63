//! The database: connections to SQLite and PostgreSQL, the schema, the files of a data directory.
//!
//! All code that depends on the engine starts here. Rooms above write their SQL once, for both engines, through `driver`.
//!
//! May import: `api`, `format`.

pub(super) mod checksums;
pub(super) mod columns;
pub(super) mod connection;
pub(super) mod disk_space;
pub(super) mod driver;
pub(super) mod fault;
pub(super) mod files;
pub(super) mod home;
pub(super) mod location;
pub(super) mod memtable;
pub(super) mod open;
pub(super) mod pool;
pub(super) mod schema;
pub(super) mod server;
pub(super) mod wal;
