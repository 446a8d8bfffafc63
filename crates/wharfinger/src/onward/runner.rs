//! Delivers to one destination, as long as its lease is held.
//!
//! One task does everything for a destination: it reads events, keeps the requests under way, and reports what came of them. What
//! may be sent when is decided by the [`Window`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Onward;
use super::attempts::{note_disabled, store_report};
use super::webhook::Webhook;
use super::window::{Outcome, Send, What, Window};
use crate::clock;
use crate::runtime::metrics::destinations::OfDestination;
use crate::serve::feed::News;
use crate::store::{
    Delivery, DeliveryLag, DeliveryPage, Lease, Progress, Report, Store, StoreError,
};

/// Events that are read at once.
const PAGE_EVENTS: usize = 512;
/// The shortest time between two reads at the end of the feed. Events that arrive in between are read together.
pub(super) const READ_PAUSE: Duration = Duration::from_millis(20);
/// How often it is calculated how far the destination is behind.
pub(super) const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// The longest sleep. The clock may be changed, so it is looked at again; tests change it often.
pub(super) const SLEEP_MAX: Duration = if cfg!(debug_assertions) {
    Duration::from_millis(100)
} else {
    Duration::from_secs(1)
};
/// The shortest sleep.
const SLEEP_MIN: Duration = Duration::from_millis(5);
/// How long requests under way may take after the server was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What a runner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Deliver.
    Run,
    /// Begin nothing new, and end when the requests under way are answered.
    Finish,
    /// The same, but do not wait for long.
    Hurry,
}

/// What came of a request.
enum Sent {
    Finished(u64, Outcome),
    /// Parked events were read again.
    Loaded(Send, Result<Vec<Delivery>, StoreError>),
}

type Reporting = BoxFuture<'static, Result<bool, StoreError>>;
type Reading = BoxFuture<'static, Result<DeliveryPage, StoreError>>;
type Measuring = BoxFuture<'static, Result<DeliveryLag, StoreError>>;

/// The work on a destination.
pub(super) struct Runner {
    onward: Arc<Onward>,
    store: Arc<Store>,
    lease: Lease,
    webhook: Arc<Webhook>,
    window: Window,
    news: News,
    orders: watch::Receiver<Order>,
    metrics: OfDestination,
    sending: FuturesUnordered<BoxFuture<'static, Sent>>,
    reporting: Option<Reporting>,
    reading: Option<Reading>,
    measuring: Option<Measuring>,
    /// Whether everything that the feed had at the last read was read.
    is_at_end: bool,
    may_read_at: Instant,
    measure_at: Instant,
    /// What is known to be stored.
    stored: Progress,
    /// Until when requests under way are waited for, if it is to end.
    ends_at: Option<Instant>,
    /// Whether the last log line said that the destination takes nothing.
    was_failing: bool,
}

impl Runner {
    pub(super) fn new(
        onward: Arc<Onward>,
        store: Arc<Store>,
        lease: Lease,
        webhook: Webhook,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let (progress, parked) = (lease.progress.clone(), lease.parked.clone());
        let seed = lease.destination.id.as_u64_pair().1 ^ clock::now_ms().cast_unsigned();
        Self {
            window: Window::new(&lease.destination, progress, parked, seed),
            news: News::new(&store),
            metrics: OfDestination::new(lease.destination.id),
            stored: lease.progress.clone(),
            onward,
            store,
            lease,
            webhook: Arc::new(webhook),
            orders,
            sending: FuturesUnordered::new(),
            reporting: None,
            reading: None,
            measuring: None,
            is_at_end: false,
            may_read_at: Instant::now(),
            measure_at: Instant::now(),
            ends_at: None,
            was_failing: false,
        }
    }

    /// Delivers until it is told to stop, or the lease is lost.
    ///
    /// # Errors
    /// The store cannot be read or written. The destination can be leased anew.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        loop {
            self.begin();
            if self.is_done() {
                return Ok(());
            }
            let wake = self.wake_at();
            let waits = self.waits_for_news();
            tokio::select! {
                Some(sent) = self.sending.next() => self.sent(sent)?,
                Some(stored) = OptionFuture::from(self.reporting.as_mut()) => self.reported(stored?),
                Some(page) = OptionFuture::from(self.reading.as_mut()) => self.read(page?),
                Some(lag) = OptionFuture::from(self.measuring.as_mut()) => self.measured(lag?),
                () = self.news.grow(), if waits => {}
                () = tokio::time::sleep_until(wake) => {}
                told = self.orders.changed(), if self.ends_at.is_none() => {
                    let order = if told.is_ok() { *self.orders.borrow() } else { Order::Hurry };
                    self.obey(order);
                }
            }
        }
    }

    /// Begins whatever can be begun now.
    fn begin(&mut self) {
        let now_ms = clock::now_ms();
        if self.ends_at.is_none() {
            while let Some(send) = self.window.next(now_ms) {
                self.send(send);
            }
            self.begin_read();
        }
        if self.ends_at.is_some_and(|at| at <= Instant::now()) {
            self.sending.clear();
        }
        if self.reporting.is_none()
            && let Some(report) = self.window.report(now_ms)
        {
            self.stored = report.progress.clone();
            self.note(&report);
            let store = Arc::clone(&self.store);
            let lease = (self.lease.destination.id, self.lease.number);
            let reporting = async move { store_report(&store, lease, report).await };
            self.reporting = Some(reporting.boxed());
        }
        if self.measuring.is_none() && Instant::now() >= self.measure_at {
            self.measure();
        }
    }

    /// Whether nothing is left to do, because it is to end.
    fn is_done(&self) -> bool {
        self.ends_at.is_some() && self.sending.is_empty() && self.reporting.is_none()
    }

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        self.ends_at = match order {
            Order::Run => None,
            Order::Finish => {
                let timeout_s = self.lease.destination.timeout_s;
                Some(now + Duration::from_secs(timeout_s.into()) + STOP_WITHIN)
            }
            Order::Hurry => Some(now + STOP_WITHIN),
        };
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        if let Some(ends_at) = self.ends_at {
            return ends_at.max(now + SLEEP_MIN);
        }
        let sleep = self.window.wake_at_ms().map_or(SLEEP_MAX, |at_ms| {
            let wait_ms = at_ms.saturating_sub(clock::now_ms());
            Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default())
        });
        let wake = now + sleep.clamp(SLEEP_MIN, SLEEP_MAX);
        if self.may_read_at > now && self.reading.is_none() && self.window.wants_events() {
            wake.min(self.may_read_at)
        } else {
            wake
        }
    }

    /// Whether the next events are awaited.
    fn waits_for_news(&self) -> bool {
        self.is_at_end && self.reading.is_none() && Instant::now() >= self.may_read_at
    }

    fn begin_read(&mut self) {
        let may_read = self.reading.is_none() && self.window.wants_events();
        if !may_read || Instant::now() < self.may_read_at {
            return;
        }
        let destination = &self.lease.destination;
        if self.is_at_end {
            let read_to = self.window.read_to().map_or(0, |cursor| cursor.to);
            let reach = &destination.reach;
            if !self.news.is_after(read_to, |of| reach.has(of)) {
                return;
            }
        }
        let (store, onward) = (Arc::clone(&self.store), Arc::clone(&self.onward));
        let (destination, after) = (Arc::clone(destination), self.window.read_to().cloned());
        let reading = async move {
            // The semaphore is never closed.
            let _turn = onward.reads.acquire().await;
            store.deliveries(&destination, after, PAGE_EVENTS).await
        };
        self.reading = Some(reading.boxed());
    }

    fn read(&mut self, page: DeliveryPage) {
        self.reading = None;
        self.is_at_end = page.deliveries.is_empty() && !page.is_cut;
        if !page.is_cut {
            self.may_read_at = Instant::now() + READ_PAUSE;
        }
        self.window.read(page, clock::now_ms());
    }

    fn send(&mut self, send: Send) {
        match send.what {
            What::Events(deliveries) => self.deliver(send.id, send.attempt, deliveries),
            What::Parked(organisation, ref positions) => {
                let (store, positions) = (Arc::clone(&self.store), positions.clone());
                let destination = Arc::clone(&self.lease.destination);
                let onward = Arc::clone(&self.onward);
                let loading = async move {
                    let _turn = onward.reads.acquire().await;
                    let read = store.deliveries_at(&destination, organisation, positions);
                    Sent::Loaded(send, read.await)
                };
                self.sending.push(loading.boxed());
            }
        }
    }

    fn deliver(&mut self, id: u64, attempt: u32, deliveries: Vec<Arc<Delivery>>) {
        let (webhook, onward) = (Arc::clone(&self.webhook), Arc::clone(&self.onward));
        let sending = async move {
            let outcome = webhook.deliver(&deliveries, &onward.codes, attempt).await;
            Sent::Finished(id, outcome)
        };
        self.sending.push(sending.boxed());
    }

    fn sent(&mut self, sent: Sent) -> Result<(), StoreError> {
        match sent {
            Sent::Finished(id, outcome) => {
                match &outcome {
                    Outcome::Taken { attempt, .. } | Outcome::Failed { attempt, .. } => {
                        self.metrics.count_attempt(&attempt.result);
                    }
                    Outcome::Postponed => self.metrics.count_attempt("postponed"),
                }
                self.window.finished(id, outcome, clock::now_ms());
            }
            Sent::Loaded(send, deliveries) => {
                let deliveries = deliveries?;
                let found = deliveries.iter().map(|delivery| delivery.event.position);
                if self.window.loaded(send.id, &Vec::from_iter(found)) {
                    let deliveries = deliveries.into_iter().map(Arc::new).collect();
                    self.deliver(send.id, send.attempt, deliveries);
                }
            }
        }
        Ok(())
    }

    fn reported(&mut self, goes_on: bool) {
        self.reporting = None;
        self.window.reported();
        if !goes_on && self.ends_at.is_none() {
            // The lease is lost, or the destination was paused or changed.
            self.obey(Order::Finish);
        }
    }

    /// Tells in the log and in the metrics what has changed.
    fn note(&mut self, report: &Report) {
        let id = self.lease.destination.id;
        let (is_failing, parked) = (self.window.is_failing(), self.window.parked());
        self.metrics.set_failing(is_failing);
        self.metrics.set_parked(parked);
        if is_failing && !self.was_failing {
            tracing::warn!(%id, parked, "A destination takes nothing. One delivery at a time finds out when it does again.");
        }
        if !is_failing && self.was_failing {
            tracing::info!(%id, parked, "A destination takes deliveries again.");
        }
        self.was_failing = is_failing;
        note_disabled(&self.metrics, id, report);
    }

    /// Begins to calculate how far the destination is behind.
    fn measure(&mut self) {
        self.measure_at = Instant::now() + MEASURE_EVERY;
        let is_idle = self.is_at_end && self.window.is_idle();
        if is_idle {
            self.metrics.set_lag(0, None);
            return;
        }
        let (store, stored) = (Arc::clone(&self.store), self.stored.clone());
        let destination = Arc::clone(&self.lease.destination);
        let measuring = async move { store.delivery_lag(&destination, &stored).await };
        self.measuring = Some(measuring.boxed());
    }

    fn measured(&mut self, lag: DeliveryLag) {
        self.measuring = None;
        self.metrics.set_lag(lag.events, lag.oldest_at_ms);
    }
}
