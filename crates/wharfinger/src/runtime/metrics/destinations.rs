//! Metrics of destinations. Their label is the id of the destination: there are as many series as destinations.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::lag_history::{LagHistory, LagMinute};
use super::{METRICS, register};
use crate::clock;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    destination: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempts {
    destination: String,
    result: String,
}

/// Metrics of all destinations.
pub(super) struct OfDestinations {
    attempts: Family<Attempts, Counter>,
    lag_events: Family<Label, Gauge>,
    lag_since: Family<Label, Gauge<f64, AtomicU64>>,
    failing: Family<Label, Gauge>,
    parked: Family<Label, Gauge>,
    disabled: Counter,
    history: LagHistory,
}

impl OfDestinations {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            attempts: register(
                registry,
                "destination_attempts",
                "Attempts to deliver, by result",
                Family::default(),
            ),
            lag_events: register(
                registry,
                "destination_lag_events",
                "Events that a destination has not got yet",
                Family::default(),
            ),
            lag_since: register(
                registry,
                "destination_lag_seconds",
                "Age of the oldest event that a destination has not got yet; 0 if it has all",
                Family::default(),
            ),
            failing: register(
                registry,
                "destination_breaker_open",
                "1 if a destination takes nothing, so that only single deliveries are tried",
                Family::default(),
            ),
            parked: register(
                registry,
                "destination_parked_orders",
                "Order keys whose events wait because one of them was not taken",
                Family::default(),
            ),
            disabled: register(
                registry,
                "destinations_disabled",
                "Destinations that were disabled because they failed for days or are gone",
                Counter::default(),
            ),
            history: LagHistory::default(),
        }
    }
}

/// How far a destination was behind lately, by minute, the oldest first. Only minutes in which this process has measured it.
#[must_use]
pub fn lag_of(id: Uuid, now_ms: i64) -> Vec<LagMinute> {
    METRICS.destinations.history.of(&id.to_string(), now_ms)
}

/// Metrics of one destination. Its gauges are gone when this is dropped.
pub struct OfDestination(Label);

impl OfDestination {
    /// Metrics of a destination.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        Self(Label {
            destination: id.to_string(),
        })
    }

    /// Counts an attempt.
    pub fn count_attempt(&self, result: &str) {
        let labels = Attempts {
            destination: self.0.destination.clone(),
            result: result.to_owned(),
        };
        METRICS.destinations.attempts.get_or_create(&labels).inc();
    }

    /// Sets how far the destination is behind: events, and when the oldest one was committed, in milliseconds since 1970.
    pub fn set_lag(&self, events: u64, oldest_at_ms: Option<i64>) {
        let metrics = &METRICS.destinations;
        let now_ms = clock::now_ms();
        let age_ms = oldest_at_ms.map_or(0, |at_ms| now_ms.saturating_sub(at_ms).max(0));
        let seconds = age_ms.unsigned_abs() / 1_000;
        let id = &self.0.destination;
        metrics.history.note(id, now_ms, (events, seconds));
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        metrics.lag_events.get_or_create(&self.0).set(events);
        let age_s = age_ms as f64 / 1e3;
        metrics.lag_since.get_or_create(&self.0).set(age_s);
    }

    /// Sets whether the destination takes nothing at present.
    pub fn set_failing(&self, is_failing: bool) {
        let failing = &METRICS.destinations.failing;
        failing.get_or_create(&self.0).set(is_failing.into());
    }

    /// Sets the number of parked order keys.
    pub fn set_parked(&self, keys: usize) {
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        METRICS.destinations.parked.get_or_create(&self.0).set(keys);
    }

    /// Counts that the destination was disabled.
    pub fn count_disabled(&self) {
        METRICS.destinations.disabled.inc();
    }
}

impl Drop for OfDestination {
    fn drop(&mut self) {
        let metrics = &METRICS.destinations;
        metrics.lag_events.remove(&self.0);
        metrics.lag_since.remove(&self.0);
        metrics.failing.remove(&self.0);
        metrics.parked.remove(&self.0);
    }
}
