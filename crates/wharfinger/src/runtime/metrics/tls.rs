//! Metrics of TLS.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Metrics, register};

/// Metrics of TLS.
pub(super) struct OfTls {
    certificate_expiry: Gauge,
    last_reload_successful: Gauge,
    handshakes_failed: Counter,
}

impl OfTls {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            certificate_expiry: register(
                registry,
                "tls_certificate_expiry_timestamp_seconds",
                "When the server's TLS certificate ends, in seconds since 1970; 0 without one",
                Gauge::default(),
            ),
            last_reload_successful: register(
                registry,
                "tls_certificate_last_reload_successful",
                "1 if the TLS certificate in use is that of its files; 0 if changed files could not be used, or without one",
                Gauge::default(),
            ),
            handshakes_failed: register(
                registry,
                "tls_handshakes_failed",
                "TLS handshakes that failed, were too slow, or made room for others",
                Counter::default(),
            ),
        }
    }
}

impl Metrics {
    /// Sets when the certificate in use ends, in seconds since 1970.
    pub fn note_certificate(&self, ends_at_s: i64) {
        self.tls.certificate_expiry.set(ends_at_s);
    }

    /// Sets whether the certificate in the files and its key could be used when they were last read.
    pub fn note_certificate_read(&self, is_good: bool) {
        self.tls.last_reload_successful.set(i64::from(is_good));
    }

    /// Counts a TLS handshake that did not lead to a connection.
    pub fn count_failed_handshake(&self) {
        self.tls.handshakes_failed.inc();
    }
}
