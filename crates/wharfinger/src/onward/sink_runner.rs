//! Delivers to one sink, as long as its lease is held.
//!
//! A sink gets all events in order, a page at a time. What it has taken is reported before it gets more; meanwhile the next page is
//! read. After a failure the sink is opened anew by the schedule, and gets again what it has not taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::attempts::{Succeeded, begun, given_up, note_disabled, store_report};
use super::runner::{MEASURE_EVERY, Order, READ_PAUSE, SLEEP_MAX};
use super::sinks::{Failure, Opening, Outgoing, Sink, SinkSettings, Taken};
use super::{Onward, schedule, told};
use crate::clock;
use crate::runtime::metrics::destinations::OfDestination;
use crate::serve::event_view::id_of;
use crate::serve::feed::News;
use crate::store::{
    Attempt, Delivery, DeliveryPage, DestinationState, FeedCursor, Lease, Progress, Report, Store,
    StoreError,
};

/// The work on a destination that is a sink.
pub(super) struct SinkRunner {
    onward: Arc<Onward>,
    store: Arc<Store>,
    lease: Lease,
    settings: SinkSettings,
    orders: watch::Receiver<Order>,
    metrics: OfDestination,
    news: News,
    sink: Option<Sink>,
    /// The cursor after each event that the sink was given and has not taken.
    given: VecDeque<FeedCursor>,
    read_to: Option<FeedCursor>,
    progress: Progress,
    /// Failures since the last success, and when the sink is opened again, in milliseconds since 1970.
    failures: u32,
    next_at_ms: i64,
    succeeded: Succeeded,
    measure_at: Instant,
    is_at_end: bool,
}

impl SinkRunner {
    pub(super) fn new(
        onward: Arc<Onward>,
        store: Arc<Store>,
        lease: Lease,
        settings: SinkSettings,
        orders: watch::Receiver<Order>,
    ) -> Self {
        Self {
            metrics: OfDestination::new(lease.destination.id),
            news: News::new(&store),
            read_to: lease.progress.cursor.clone(),
            progress: lease.progress.clone(),
            onward,
            store,
            lease,
            settings,
            orders,
            sink: None,
            given: VecDeque::new(),
            failures: 0,
            next_at_ms: i64::MIN,
            succeeded: Succeeded::default(),
            measure_at: Instant::now(),
            is_at_end: false,
        }
    }

    /// Delivers until it is told to stop, or the lease is lost.
    ///
    /// # Errors
    /// The store cannot be read or written. The destination can be leased anew.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        let mut page = None;
        while *self.orders.borrow() == Order::Run {
            self.measure().await?;
            if self.sink.is_none() {
                page = None;
                if !self.open().await? {
                    self.rest().await;
                    continue;
                }
            }
            let next = match page.take() {
                Some(page) => page,
                None => self.read().await?,
            };
            let is_due = self.is_due();
            if next.deliveries.is_empty() && !next.is_cut && !is_due {
                if !self.pass(next.next).await? {
                    return self.end().await;
                }
                self.rest().await;
                continue;
            }
            let (goes_on, following) = self.deliver(next).await?;
            page = following;
            if !goes_on {
                return self.end().await;
            }
        }
        self.end().await
    }

    /// Opens the sink, if it is time. Returns whether it is open.
    async fn open(&mut self) -> Result<bool, StoreError> {
        if clock::now_ms() < self.next_at_ms {
            return Ok(false);
        }
        self.given.clear();
        self.read_to.clone_from(&self.progress.cursor);
        self.is_at_end = false;
        let opening = Opening {
            destination: &self.lease.destination,
            progress: &self.progress,
            lease: self.lease.number,
            guard: self.onward.guard(),
            files_root: self.onward.files_root.as_deref(),
        };
        match Sink::open(&self.settings, opening).await {
            Ok(sink) => {
                self.sink = Some(sink);
                Ok(true)
            }
            Err(failure) => {
                self.failed(None, failure).await?;
                Ok(false)
            }
        }
    }

    async fn read(&mut self) -> Result<DeliveryPage, StoreError> {
        let (store, onward) = (Arc::clone(&self.store), Arc::clone(&self.onward));
        let destination = Arc::clone(&self.lease.destination);
        let limit = usize::try_from(destination.max_events).unwrap_or(usize::MAX);
        // The semaphore is never closed.
        let _turn = onward.reads.acquire().await;
        let page = store.deliveries(&destination, self.read_to.clone(), limit);
        let page = page.await?;
        self.read_to = Some(page.next.clone());
        self.is_at_end = page.deliveries.is_empty() && !page.is_cut;
        Ok(page)
    }

    /// Gives a page to the sink and reads the next one meanwhile; then reports. Returns whether to go on, and the next page.
    async fn deliver(
        &mut self,
        page: DeliveryPage,
    ) -> Result<(bool, Option<DeliveryPage>), StoreError> {
        let Some(mut sink) = self.sink.take() else {
            return Ok((true, None));
        };
        let mut cursors = page.deliveries.iter().map(|delivery| delivery.next.clone());
        let last = cursors.next_back().map(|_| page.next.clone());
        self.given.extend(cursors);
        self.given.extend(last);
        let began = Instant::now();
        let mut attempt = attempt_of(page.deliveries.first(), page.deliveries.len());
        let onward = Arc::clone(&self.onward);
        let given = give(&onward, &mut sink, &page.deliveries);
        let (taken, following) = if page.is_cut {
            let (taken, following) = tokio::join!(given, self.read());
            (taken, Some(following?))
        } else {
            (given.await, None)
        };
        attempt.took_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        match taken {
            Ok(taken) => {
                self.sink = Some(sink);
                self.take(taken);
                if !page.deliveries.is_empty() {
                    self.metrics.count_attempt("delivered");
                    self.succeeded.add(attempt);
                }
                // Files take nothing until one is full.
                let goes_on = taken.events == 0 || self.report(Report::default()).await?;
                Ok((goes_on, following))
            }
            Err(failure) => Ok((self.failed(Some(attempt), failure).await?, None)),
        }
    }

    /// Moves the cursor past what the sink has taken.
    fn take(&mut self, taken: Taken) {
        let count = taken.events.min(self.given.len());
        if let Some(cursor) = self.given.drain(..count).next_back() {
            self.progress.cursor = Some(cursor);
            self.progress.delivered += count as u64;
            self.progress.delivered_at_ms = Some(clock::now_ms());
            self.progress.failing_since_ms = None;
            self.progress.done.clear();
            self.failures = 0;
        }
    }

    /// Moves the cursor past what is not for this destination, if the sink has taken all before it.
    async fn pass(&mut self, next: FeedCursor) -> Result<bool, StoreError> {
        if !self.given.is_empty() || self.progress.cursor.as_ref() == Some(&next) {
            return Ok(true);
        }
        self.progress.cursor = Some(next);
        self.report(Report::default()).await
    }

    /// Notes a failure, and when the sink is opened again. Returns whether to go on.
    async fn failed(
        &mut self,
        attempt: Option<Attempt>,
        failure: Failure,
    ) -> Result<bool, StoreError> {
        self.take(failure.taken);
        let now_ms = clock::now_ms();
        self.failures += 1;
        self.sink = None;
        let chance = now_ms.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
        self.next_at_ms = schedule::next_at_ms(self.failures, now_ms, None, chance);
        let since_ms = *self.progress.failing_since_ms.get_or_insert(now_ms);
        self.metrics.count_attempt(failure.result);
        let mut attempt = attempt.unwrap_or_else(|| attempt_of(None, 0));
        attempt.result = failure.result.into();
        attempt.attempt = self.failures;
        attempt.answer = failure.why.chars().take(256).collect();
        let id = self.lease.destination.id;
        tracing::warn!(%id, result = failure.result, failures = self.failures, "A sink takes nothing.");
        let report = Report {
            failed: vec![attempt],
            disable: given_up(since_ms, now_ms, &failure.why),
            ..Report::default()
        };
        note_disabled(&self.metrics, id, &report);
        self.report(report).await
    }

    /// Stores a report, with how far the destination is and the latest successes. Returns whether to go on.
    async fn report(&mut self, report: Report) -> Result<bool, StoreError> {
        self.metrics.set_failing(self.failures >= 5);
        let due = self.succeeded.take_due(clock::now_ms());
        let report = Report {
            progress: self.progress.clone(),
            succeeded: report.succeeded.or(due),
            ..report
        };
        let lease = (self.lease.destination.id, self.lease.number);
        store_report(&self.store, lease, report).await
    }

    /// Whether the sink has something to finish, even without events.
    fn is_due(&self) -> bool {
        let due_at_ms = self.sink.as_ref().and_then(Sink::due_at_ms);
        due_at_ms.is_some_and(|at_ms| at_ms <= clock::now_ms())
    }

    /// Waits for events, for the time of the next attempt, or for an order.
    async fn rest(&mut self) {
        let now_ms = clock::now_ms();
        let is_open = self.sink.is_some();
        let at_ms = match &self.sink {
            Some(sink) => sink.due_at_ms(),
            None => Some(self.next_at_ms),
        };
        let wait_ms = at_ms.map(|at_ms| at_ms.saturating_sub(now_ms));
        let wait_ms = wait_ms.map(|wait_ms| u64::try_from(wait_ms).unwrap_or_default());
        let sleep = wait_ms.map_or(SLEEP_MAX, Duration::from_millis);
        let until = Instant::now() + sleep.clamp(READ_PAUSE, SLEEP_MAX);
        tokio::time::sleep(READ_PAUSE).await;
        let read_to = self.read_to.as_ref().map_or(0, |cursor| cursor.to);
        loop {
            let reach = &self.lease.destination.reach;
            if is_open && self.news.is_after(read_to, |of| reach.has(of)) {
                return;
            }
            tokio::select! {
                () = self.news.grow(), if is_open => {}
                () = tokio::time::sleep_until(until) => return,
                _ = self.orders.changed() => return,
            }
        }
    }

    /// Finishes what the sink has begun, unless another server has taken over.
    async fn end(mut self) -> Result<(), StoreError> {
        let ours = &self.lease.destination;
        let now = self.store.destination(ours.id).await?;
        let Some(now) = now else {
            return Ok(());
        };
        let is_same = now.destination.version == ours.version
            && now.destination.state == DestinationState::Active;
        // It was told to stop, or the destination was paused or changed. If neither, the lease is lost.
        let is_ours = !is_same || *self.orders.borrow() != Order::Run;
        if let Some(sink) = self.sink.take().filter(|_| is_ours) {
            let taken = sink.close().await;
            self.take(taken.unwrap_or_else(|failure| failure.taken));
            let report = Report {
                succeeded: self.succeeded.take_last(),
                ..Report::default()
            };
            self.report(report).await?;
        }
        Ok(())
    }

    /// Calculates now and then how far the destination is behind.
    async fn measure(&mut self) -> Result<(), StoreError> {
        if Instant::now() < self.measure_at {
            return Ok(());
        }
        self.measure_at = Instant::now() + MEASURE_EVERY;
        if self.is_at_end && self.given.is_empty() {
            self.metrics.set_lag(0, None);
            return Ok(());
        }
        let lag = self
            .store
            .delivery_lag(&self.lease.destination, &self.progress);
        let lag = lag.await?;
        self.metrics.set_lag(lag.events, lag.oldest_at_ms);
        Ok(())
    }
}

/// Gives events to a sink.
async fn give(onward: &Onward, sink: &mut Sink, deliveries: &[Delivery]) -> Result<Taken, Failure> {
    let mut owned = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let code = onward.codes.of(delivery.organisation);
        let body = if sink.needs_bodies() {
            told::object(delivery, &code).map_err(|error| Failure::refused(error.to_string()))?
        } else {
            Bytes::new()
        };
        let id = id_of(delivery.organisation, &delivery.event).to_string();
        owned.push((delivery, code, id, body));
    }
    let outgoing = owned.iter().map(|(delivery, code, id, body)| Outgoing {
        delivery,
        code,
        id,
        body: body.clone(),
    });
    sink.deliver(&Vec::from_iter(outgoing)).await
}

/// An attempt that begins now.
fn attempt_of(first: Option<&Delivery>, events: usize) -> Attempt {
    let id = first.map(|first| id_of(first.organisation, &first.event).to_string());
    begun(id.unwrap_or_default(), first, (events, 1))
}
