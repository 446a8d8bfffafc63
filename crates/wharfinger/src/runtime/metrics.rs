//! Metrics for Prometheus.
//!
//! There is one set per process. Metrics on the request path are created at startup, or found by labels that are numbers and
//! static strings. Counting therefore does not allocate.

pub mod destinations;
pub mod lag_history;
mod tls;
mod traces;

use std::fmt::Error;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use wharfinger_core::dialects;
use wharfinger_core::order::outcome::Counts;

use crate::clock;
use destinations::OfDestinations;
use tls::OfTls;
use traces::OfTraces;

/// The metrics of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Histogram buckets in seconds, from half a millisecond to half a minute.
const SECONDS: [f64; 15] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Histogram buckets for orders per batch.
const ORDERS: [f64; 8] = [1.0, 10.0, 100.0, 500.0, 1e3, 5e3, 1e4, 5e4];
/// Histogram buckets for requests per commit.
const SHARERS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// All metrics.
pub struct Metrics {
    registry: Registry,
    intake: OfIntake,
    store: OfStore,
    process: OfProcess,
    destinations: OfDestinations,
    tls: OfTls,
    traces: OfTraces,
}

/// Metrics of requests and their content.
struct OfIntake {
    orders: Vec<OrdersOfDialect>,
    batch_orders: Histogram,
    requests: Family<Route, Histogram, fn() -> Histogram>,
    body_bytes: Gauge,
}

/// Metrics of the store.
struct OfStore {
    commit_duration: Histogram,
    commit_requests: Histogram,
    commits_failed: Counter,
    disk_free_bytes: Gauge,
    disk_reserve_bytes: Gauge,
    queue_depth: Gauge,
    size_bytes: Gauge,
    log_bytes: Gauge,
    log_held_since: Gauge<f64, AtomicU64>,
    events_lag: Histogram,
    last_backup: Gauge<f64, AtomicU64>,
}

/// Metrics of the process.
struct OfProcess {
    log_lines_dropped: Counter,
    clock_went_back: Counter,
}

/// Values that are read only when the metrics are requested.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Requests waiting for the store's writer.
    pub queue_depth: usize,
    /// Bytes of the store on disk. `None` if unknown.
    pub store_bytes: Option<u64>,
    /// Bytes that are free on the disk. `None` if unknown.
    pub disk_free_bytes: Option<u64>,
    /// Bytes of the disk to keep free. `None` if unknown.
    pub disk_reserve_bytes: Option<u64>,
    /// Bytes of memory leased for bodies in flight.
    pub body_bytes: usize,
    /// The moment of the latest backup, in milliseconds since 1970: none was made, or it is unknown.
    pub last_backup_ms: Option<Option<i64>>,
}

/// A dialect's orders by outcome.
struct OrdersOfDialect {
    dialect: &'static str,
    accepted: Counter,
    updated: Counter,
    unchanged: Counter,
    rejected: Counter,
    withheld: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DialectAndOutcome {
    dialect: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    dialect: &'static str,
    route: &'static str,
    status: u16,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("wharfinger");
        Self {
            intake: OfIntake::new(&mut registry),
            store: OfStore::new(&mut registry),
            process: OfProcess::new(&mut registry),
            destinations: OfDestinations::new(&mut registry),
            tls: OfTls::new(&mut registry),
            traces: OfTraces::new(&mut registry),
            registry,
        }
    }

    /// Counts the orders of a stored batch.
    pub fn count_batch(&self, dialect: &str, counts: &Counts) {
        self.intake.batch_orders.observe(counts.received() as f64);
        let mut known = self.intake.orders.iter();
        if let Some(orders) = known.find(|orders| orders.dialect == dialect) {
            orders.count(counts);
        }
    }

    /// Records a request that was answered.
    pub fn note_request(
        &self,
        dialect: &'static str,
        route: &'static str,
        status: u16,
        took: Duration,
    ) {
        let labels = Route {
            dialect,
            route,
            status,
        };
        let duration = self.intake.requests.get_or_create(&labels);
        duration.observe(took.as_secs_f64());
    }

    /// Records a transaction of the store's writer that was committed and synced.
    pub fn note_commit(&self, requests: usize, took: Duration) {
        self.store.commit_requests.observe(requests as f64);
        self.store.commit_duration.observe(took.as_secs_f64());
    }

    /// Sets the length of the write-ahead log.
    pub fn set_log_bytes(&self, bytes: i64) {
        self.store.log_bytes.set(bytes);
    }

    /// Sets since when a reader has kept the write-ahead log from restarting, in milliseconds since 1970; 0 if none does.
    pub fn set_log_held_since_ms(&self, since_ms: i64) {
        self.store.log_held_since.set(since_ms as f64 / 1e3);
    }

    /// Counts that the clock went back by more than a minute.
    pub fn count_clock_back(&self) {
        self.process.clock_went_back.inc();
    }

    /// Counts a transaction of the store's writer that failed to commit.
    pub fn count_failed_commit(&self) {
        self.store.commits_failed.inc();
    }

    /// Records the delay of an event that is delivered to a waiting reader. `committed_at_ms` is in milliseconds since 1970.
    pub fn note_event(&self, committed_at_ms: i64) {
        let lag_ms = clock::now_ms().saturating_sub(committed_at_ms).max(0);
        self.store.events_lag.observe(lag_ms as f64 / 1e3);
    }

    /// Sets the number of dropped log lines. They are counted elsewhere, and the count only grows.
    pub fn set_log_lines_dropped(&self, dropped: u64) {
        let more = dropped.saturating_sub(self.process.log_lines_dropped.get());
        self.process.log_lines_dropped.inc_by(more);
    }

    /// All metrics as text, in the OpenMetrics format.
    ///
    /// # Errors
    /// The formatter's. None is expected: writing to a string does not fail.
    pub fn text(&self, levels: Levels) -> Result<String, Error> {
        let as_gauge = |level: usize| i64::try_from(level).unwrap_or(i64::MAX);
        self.store.queue_depth.set(as_gauge(levels.queue_depth));
        self.intake.body_bytes.set(as_gauge(levels.body_bytes));
        let of_disk = [
            (&self.store.size_bytes, levels.store_bytes),
            (&self.store.disk_free_bytes, levels.disk_free_bytes),
            (&self.store.disk_reserve_bytes, levels.disk_reserve_bytes),
        ];
        for (gauge, bytes) in of_disk {
            if let Some(bytes) = bytes {
                gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        }
        if let Some(moment_ms) = levels.last_backup_ms {
            let seconds = moment_ms.unwrap_or_default() as f64 / 1e3;
            self.store.last_backup.set(seconds);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl OfIntake {
    fn new(registry: &mut Registry) -> Self {
        let orders = register(
            registry,
            "orders",
            "Orders that were judged and recorded, by outcome",
            Family::<DialectAndOutcome, Counter>::default(),
        );
        let orders = dialects::ALL
            .iter()
            .map(|dialect| OrdersOfDialect::new(dialect.id(), &orders));
        Self {
            orders: orders.collect(),
            batch_orders: register(
                registry,
                "batch_orders",
                "Orders in a batch, or in a chunk of an import",
                Histogram::new(ORDERS),
            ),
            requests: register(
                registry,
                "http_request_duration_seconds",
                "From the head of a request to the head of its response",
                Family::new_with_constructor(seconds as fn() -> Histogram),
            ),
            body_bytes: register(
                registry,
                "body_bytes_in_flight",
                "Memory leased for bodies in flight and the data derived from them",
                Gauge::default(),
            ),
        }
    }
}

impl OfStore {
    fn new(registry: &mut Registry) -> Self {
        Self {
            commit_duration: register(
                registry,
                "store_commit_duration_seconds",
                "A transaction of the store's writer, from its start until it is on disk",
                seconds(),
            ),
            commit_requests: register(
                registry,
                "store_commit_requests",
                "Requests that share a transaction",
                Histogram::new(SHARERS),
            ),
            commits_failed: register(
                registry,
                "store_commits_failed",
                "Transactions of the store's writer that could not be committed",
                Counter::default(),
            ),
            disk_free_bytes: register(
                registry,
                "disk_free_bytes",
                "Free space on the disk of the data directory; 0 for a database server",
                Gauge::default(),
            ),
            disk_reserve_bytes: register(
                registry,
                "disk_reserve_bytes",
                "Free space on the disk of the data directory below which no new orders are accepted",
                Gauge::default(),
            ),
            queue_depth: register(
                registry,
                "store_queue_depth",
                "Requests that wait for the store's writer",
                Gauge::default(),
            ),
            size_bytes: register(
                registry,
                "store_size_bytes",
                "Size of the store on disk, including its log",
                Gauge::default(),
            ),
            log_bytes: register(
                registry,
                "store_log_bytes",
                "Size of the content of the data directory's write-ahead log",
                Gauge::default(),
            ),
            log_held_since: register(
                registry,
                "store_log_held_since_seconds",
                "Since when a long reader has kept the log from restarting, in seconds since 1970; 0 if none does",
                Gauge::default(),
            ),
            events_lag: register(
                registry,
                "events_lag_seconds",
                "From the commit of an event to its delivery to a reader that waited for it",
                seconds(),
            ),
            last_backup: register(
                registry,
                "last_backup_timestamp_seconds",
                "The moment of the latest backup of the store, in seconds since 1970; 0 if there is none",
                Gauge::default(),
            ),
        }
    }
}

impl OfProcess {
    fn new(registry: &mut Registry) -> Self {
        let started: Gauge<f64, AtomicU64> = register(
            registry,
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            Gauge::default(),
        );
        started.set(clock::now_ms() as f64 / 1e3);
        Self {
            clock_went_back: register(
                registry,
                "clock_went_back",
                "Transactions before which the clock had gone back by more than a minute",
                Counter::default(),
            ),
            log_lines_dropped: register(
                registry,
                "log_lines_dropped",
                "Log lines dropped because stderr is not read fast enough",
                Counter::default(),
            ),
        }
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// Registers a metric. `name` is without the prefix.
fn register<M: Metric + Clone>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl OrdersOfDialect {
    fn new(dialect: &'static str, orders: &Family<DialectAndOutcome, Counter>) -> Self {
        let counter = |outcome| orders.get_or_create_owned(&DialectAndOutcome { dialect, outcome });
        Self {
            dialect,
            accepted: counter("accepted"),
            updated: counter("updated"),
            unchanged: counter("unchanged"),
            rejected: counter("rejected"),
            withheld: counter("withheld"),
        }
    }

    fn count(&self, counts: &Counts) {
        for (counter, count) in [
            (&self.accepted, counts.accepted),
            (&self.updated, counts.updated),
            (&self.unchanged, counts.unchanged),
            (&self.rejected, counts.rejected),
            (&self.withheld, counts.withheld),
        ] {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }
}
