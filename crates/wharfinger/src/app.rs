//! What the server is made of.

use std::sync::Arc;
use std::time::Duration;

use wharfinger_core::limits::Limits;

use crate::access::Access;
use crate::budget::Budget;
use crate::feed::Feed;
use crate::http::Readiness;
use crate::idempotency::Idempotency;
use crate::imports::Imports;
use crate::store::Store;
use crate::turns::Turns;

/// Everything a request needs, shared by all of them.
pub struct App {
    /// Where orders are kept.
    pub store: Arc<dyn Store>,
    /// Who may call.
    pub access: Access,
    /// Bounds of what is in a body.
    pub limits: Limits,
    /// Bounds of how a request arrives.
    pub transport: Transport,
    /// Memory, in bytes, for bodies that are being read or judged.
    pub body_budget: Budget,
    /// Places for imports; each holds a thread that may wait.
    pub import_places: Budget,
    /// Places for work on large batches and answers: as many as cores, so that the threads that serve get their share.
    pub large_work: Turns,
    /// Those who wait for events.
    pub feed: Feed,
    /// Requests that are done once, however often they are sent.
    pub idempotency: Idempotency,
    /// Imports that are receiving.
    pub imports: Imports,
    /// What was found out last for whoever asks whether it is ready.
    pub readiness: Readiness,
    /// How many days the texts of rejected orders are kept.
    pub rejected_days: u32,
}

/// Bounds of how requests arrive.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// For the head of a request.
    pub header_timeout: Duration,
    /// How long a client may keep the server waiting for a body; bytes at the lowest rate win the time back.
    pub body_idle_timeout: Duration,
    /// How long a client may leave an answer unread; bytes at the lowest rate win the time back.
    pub write_timeout: Duration,
    /// The lowest rate at which a client may send a body or read an answer; 0 for none.
    pub bytes_per_second_min: u32,
    /// For a whole request.
    pub request_timeout: Duration,
    /// Connections served at once; the rest wait to be accepted.
    pub connections_max: usize,
    /// Connections of one address; further ones are turned away.
    pub connections_per_address_max: usize,
    /// For requests in flight when the server is told to stop.
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
