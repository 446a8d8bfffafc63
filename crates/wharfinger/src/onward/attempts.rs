//! What the runners of webhooks and of sinks report alike: attempts, and that a destination is given up.

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use crate::clock;
use crate::runtime::metrics::destinations::OfDestination;
use crate::store::{Attempt, Delivery, Report, Store, StoreError};

/// Successful attempts that are kept to be shown.
const SUCCEEDED_MAX: usize = 20;
/// How often they are written, in milliseconds.
const WRITE_EVERY_MS: i64 = 1_000;
/// A destination that fails for this long is given up, in milliseconds.
const GIVE_UP_MS: i64 = 5 * 24 * 60 * 60 * 1_000;
/// How long to wait before a report is tried again that the store had no room for.
const REPORT_PAUSE: Duration = Duration::from_millis(100);

/// The latest attempts that have succeeded.
#[derive(Debug, Default)]
pub(super) struct Succeeded {
    latest: VecDeque<Attempt>,
    is_new: bool,
    written_at_ms: i64,
}

impl Succeeded {
    pub(super) fn add(&mut self, attempt: Attempt) {
        self.latest.push_back(attempt);
        if self.latest.len() > SUCCEEDED_MAX {
            self.latest.pop_front();
        }
        self.is_new = true;
    }

    /// When they are to be written, in milliseconds since 1970. `None` if none is new.
    pub(super) fn due_at_ms(&self) -> Option<i64> {
        self.is_new.then_some(self.written_at_ms + WRITE_EVERY_MS)
    }

    /// Those to write now, the newest first.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Option<Vec<Attempt>> {
        self.due_at_ms().filter(|at_ms| *at_ms <= now_ms)?;
        self.written_at_ms = now_ms;
        Some(self.take_new())
    }

    /// Those to write last.
    pub(super) fn take_last(&mut self) -> Option<Vec<Attempt>> {
        self.is_new.then(|| self.take_new())
    }

    fn take_new(&mut self) -> Vec<Attempt> {
        self.is_new = false;
        self.latest.iter().rev().cloned().collect()
    }
}

/// An attempt that begins now. It is taken for a success until it fails.
pub(super) fn begun(
    webhook_id: String,
    first: Option<&Delivery>,
    (events, attempt): (usize, u32),
) -> Attempt {
    Attempt {
        at_ms: clock::now_ms(),
        webhook_id,
        organisation: first.map_or(0, |first| first.organisation.0),
        position: first.map_or(0, |first| first.event.position),
        events: u32::try_from(events).unwrap_or(u32::MAX),
        attempt,
        result: "delivered".into(),
        status: None,
        took_ms: 0,
        answer: String::new(),
    }
}

/// Why a destination is given up that has only failed since a time. `None` if that is not for long. `why` is the latest failure.
pub(super) fn given_up(since_ms: i64, now_ms: i64, why: &str) -> Option<String> {
    let is_long = now_ms.saturating_sub(since_ms) >= GIVE_UP_MS;
    is_long.then(|| format!("All deliveries have failed for five days. The last one: {why}"))
}

/// Stores a report. While the store has no room for it, it is tried again. Returns whether to go on.
///
/// # Errors
/// The store cannot be written.
pub(super) async fn store_report(
    store: &Store,
    (id, lease): (Uuid, i64),
    report: Report,
) -> Result<bool, StoreError> {
    loop {
        match store.report(id, lease, report.clone()).await {
            Err(StoreError::Overloaded) => tokio::time::sleep(REPORT_PAUSE).await,
            other => return other,
        }
    }
}

/// Tells in the log and in the metrics that a report disables the destination, if it does.
pub(super) fn note_disabled(metrics: &OfDestination, id: Uuid, report: &Report) {
    if let Some(reason) = &report.disable {
        metrics.count_disabled();
        tracing::error!(%id, reason, "A destination was disabled.");
    }
}
