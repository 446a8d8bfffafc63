//! Test support: a real server on its own data directory, and plain HTTP requests to it.

pub(crate) use wharfinger_conformance::case;

pub(crate) mod browser;
pub(crate) mod changes;
pub(crate) mod citus;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod fixture;
pub(crate) mod index;
pub(crate) mod nats;
pub(crate) mod receiver;
pub(crate) mod seed;
pub(crate) mod server;
pub(crate) mod sse;
pub(crate) mod stored;
pub(crate) mod v1;
