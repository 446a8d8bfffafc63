//! Traces: what requests and deliveries did, and when, as spans for a collector.
//!
//! There is one recorder per process, and none unless a collector is configured: then everything here is one look at an empty cell.
//! Nothing here waits. Finished spans go into a bounded queue; if it is full, they are dropped and counted. The room `otlp` empties it.

mod context;
mod span;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderMap;
use tokio::sync::mpsc;
use wharfinger_core::order::ids::BatchId;

pub use self::context::{Context, TRACEPARENT};
pub use self::span::{Child, Finished, Kind, OpenSpan, StoreCall, Value};
use super::metrics::METRICS;

/// Spans that wait for the collector, without their children.
const QUEUE_MAX: usize = 4_096;
/// Batches whose trace is remembered for deliveries of their events.
const BATCHES_MAX: usize = 10_000;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

tokio::task_local! {
    /// The span of the request that this task serves.
    static CURRENT: Arc<OpenSpan>;
}

/// What spans are recorded with.
struct Recorder {
    queue: mpsc::Sender<Finished>,
    /// Percent of the traces without a parent that are recorded.
    percent: u8,
    batches: Mutex<Batches>,
}

/// The traces in which batches were received, the oldest first.
#[derive(Default)]
struct Batches {
    traces: HashMap<BatchId, Context>,
    order: VecDeque<BatchId>,
}

/// Records spans from now on. Returns the queue of finished ones. `None` if they are already recorded.
pub fn record(percent: u8) -> Option<mpsc::Receiver<Finished>> {
    let (queue, finished) = mpsc::channel(QUEUE_MAX);
    let recorder = Recorder {
        queue,
        percent,
        batches: Mutex::default(),
    };
    RECORDER.set(recorder).ok().map(|()| finished)
}

/// Begins the span of a request, in the trace that its header names. `None` if nothing is recorded.
pub fn begin_request(headers: &HeaderMap) -> Option<Arc<OpenSpan>> {
    let recorder = RECORDER.get()?;
    let span = match Context::of(headers) {
        Some(parent) => OpenSpan::below(parent),
        None => OpenSpan::root(recorder.percent),
    };
    Some(Arc::new(span))
}

/// Begins the span of a delivery, in the trace of the request that its event comes from, if this process still knows it. `None` if
/// nothing is recorded.
pub fn begin_delivery(batch: Option<BatchId>) -> Option<OpenSpan> {
    let recorder = RECORDER.get()?;
    let cause = batch.and_then(|batch| recorder.batches().traces.get(&batch).copied());
    Some(match cause {
        Some(parent) => OpenSpan::below(parent),
        None => OpenSpan::root(recorder.percent),
    })
}

/// Runs `work` as a part of a span.
pub async fn within<F: Future>(span: Option<&Arc<OpenSpan>>, work: F) -> F::Output {
    match span {
        Some(span) => CURRENT.scope(Arc::clone(span), work).await,
        None => work.await,
    }
}

/// Notes that the current request stores this batch, before its events can be delivered.
pub fn note_batch(batch: BatchId) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    let Ok(context) = CURRENT.try_with(|span| span.context()) else {
        return;
    };
    let mut batches = recorder.batches();
    if batches.traces.insert(batch, context).is_none() {
        batches.order.push_back(batch);
        if batches.order.len() > BATCHES_MAX
            && let Some(oldest) = batches.order.pop_front()
        {
            batches.traces.remove(&oldest);
        }
    }
}

/// Begins a call of the store in the current request. It ends when the result is dropped.
pub fn store_call(name: &'static str) -> Option<StoreCall> {
    RECORDER.get()?;
    let span = CURRENT.try_with(Arc::clone).ok()?;
    StoreCall::begin(span, name)
}

impl Recorder {
    fn batches(&self) -> MutexGuard<'_, Batches> {
        // A panic cannot leave them half changed in a way that matters.
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues a finished span, or drops it.
fn queue(finished: Finished) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    let count = finished.count();
    if recorder.queue.try_send(finished).is_err() {
        METRICS.count_dropped_spans(count);
    }
}
