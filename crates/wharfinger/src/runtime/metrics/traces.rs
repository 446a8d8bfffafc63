//! Metrics of traces.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::{Metrics, register};

/// Metrics of traces.
pub(super) struct OfTraces {
    exported: Counter,
    dropped: Counter,
}

impl OfTraces {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            exported: register(
                registry,
                "trace_spans_exported",
                "Spans that the collector of traces has accepted",
                Counter::default(),
            ),
            dropped: register(
                registry,
                "trace_spans_dropped",
                "Spans that were dropped because the collector of traces is too slow, down, or refuses them",
                Counter::default(),
            ),
        }
    }
}

impl Metrics {
    /// Counts spans that the collector has accepted.
    pub fn count_exported_spans(&self, count: u64) {
        self.traces.exported.inc_by(count);
    }

    /// Counts spans that the collector will not get.
    pub fn count_dropped_spans(&self, count: u64) {
        self.traces.dropped.inc_by(count);
    }
}
