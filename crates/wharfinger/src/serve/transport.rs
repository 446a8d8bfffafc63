//! Limits on connections and on the transfer of requests and responses.

use std::time::Duration;

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
