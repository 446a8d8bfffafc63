//! The state that all requests of a server share.

use std::sync::Arc;
use std::time::Duration;

use wharfinger_core::limits::Limits;

use crate::access::Access;
use crate::http::Readiness;
use crate::imports::Imports;
use crate::intake::idempotency::Idempotency;
use crate::serve::budget::Budget;
use crate::serve::feed::Feed;
use crate::serve::turns::Turns;
use crate::store::Store;

/// The server's shared state.
pub struct App {
    /// The orders and everything else that is stored.
    pub store: Arc<Store>,
    /// API keys and organisations.
    pub access: Access,
    /// Limits on the content of a body.
    pub limits: Limits,
    /// Limits on connections and on the transfer of requests.
    pub transport: Transport,
    /// Memory budget, in bytes, for bodies in flight and the data derived from them.
    pub body_budget: Budget,
    /// Permits for imports. Each import holds a thread that may block.
    pub import_places: Budget,
    /// Permits for work on large batches and responses: one per core, so that the serving threads get their share of the CPU.
    pub large_work: Turns,
    /// Event feed: limits concurrent reads and wakes waiting readers.
    pub feed: Feed,
    /// Requests in progress that have an `Idempotency-Key`.
    pub idempotency: Idempotency,
    /// Imports that are receiving data.
    pub imports: Imports,
    /// The cached result of the last readiness check.
    pub readiness: Readiness,
    /// Days that the texts of rejected orders are kept.
    pub rejected_days: u32,
}

/// Limits on connections and on the transfer of requests and responses.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Time for the head of a request.
    pub header_timeout: Duration,
    /// Time that a client may keep the server waiting for a body. Bytes received at the minimum rate or faster restore it.
    pub body_idle_timeout: Duration,
    /// Time that a client may leave a response unread. Bytes read at the minimum rate or faster restore it.
    pub write_timeout: Duration,
    /// Slowest rate for sending a body or reading a response, in bytes per second; 0 for none.
    pub bytes_per_second_min: u32,
    /// Time for a whole request.
    pub request_timeout: Duration,
    /// Connections served at once. Further ones wait to be accepted, or replace others.
    pub connections_max: usize,
    /// Connections per address. Further ones are refused.
    pub connections_per_address_max: usize,
    /// Time for requests in flight after the server is told to stop.
    pub shutdown_timeout: Duration,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            bytes_per_second_min: 1_000,
            request_timeout: Duration::from_secs(600),
            connections_max: 10_000,
            connections_per_address_max: 5_000,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}
