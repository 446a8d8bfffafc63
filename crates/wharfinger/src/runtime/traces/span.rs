//! A span from its beginning to its end, with the calls of the store in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::context::Context;
use crate::clock;

/// Calls of the store that become child spans. Further ones are only counted.
const CHILDREN_MAX: usize = 16;

/// A span that has not ended.
#[derive(Debug)]
pub struct OpenSpan {
    context: Context,
    parent: Option<u64>,
    began: Instant,
    began_ms: i64,
    store: Mutex<StoreTime>,
}

/// What the store did in a span.
#[derive(Debug, Default)]
struct StoreTime {
    calls: u32,
    total: Duration,
    children: Vec<Child>,
}

/// A span that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its place.
    pub context: Context,
    /// The span that caused it.
    pub parent: Option<u64>,
    /// Which side of a request it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub began_ns: u64,
    /// How long it took.
    pub took: Duration,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether this server, or the receiver of a delivery, is at fault.
    pub is_error: bool,
    /// The calls of the store in it.
    pub children: Vec<Child>,
}

/// A call of the store.
#[derive(Debug)]
pub struct Child {
    /// Its id.
    pub span: u64,
    /// Its name.
    pub name: &'static str,
    /// How long after the span it began.
    pub after: Duration,
    /// How long it took.
    pub took: Duration,
}

/// Which side of a request a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers the request.
    Server,
    /// It makes the request.
    Client,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Double(f64),
}

impl OpenSpan {
    /// A span that another one causes, whose trace is recorded or not as that one says.
    pub(super) fn below(parent: Context) -> Self {
        let context = Context {
            span: random(),
            ..parent
        };
        Self::new(context, Some(parent.span))
    }

    /// The first span of a trace. This percentage of such traces is recorded.
    pub(super) fn root(percent: u8) -> Self {
        let (high, low) = (random(), random());
        let context = Context {
            trace: (u128::from(high) << 64) | u128::from(low),
            span: random(),
            is_sampled: low % 100 < u64::from(percent),
        };
        Self::new(context, None)
    }

    fn new(context: Context, parent: Option<u64>) -> Self {
        Self {
            context,
            parent,
            began: Instant::now(),
            began_ms: clock::now_ms(),
            store: Mutex::default(),
        }
    }

    /// Its place.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context
    }

    /// Whether it will be sent to the collector.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.context.is_sampled
    }

    /// Ends the span.
    pub fn end(
        &self,
        kind: Kind,
        name: String,
        mut attributes: Vec<(&'static str, Value)>,
        is_error: bool,
    ) {
        if !self.is_recorded() {
            return;
        }
        let took = self.began.elapsed();
        let store = std::mem::take(&mut *self.store());
        if kind == Kind::Server {
            let total_ms = store.total.as_secs_f64() * 1e3;
            attributes.push(("wharfinger.store.calls", Value::Integer(store.calls.into())));
            attributes.push(("wharfinger.store.duration_ms", Value::Double(total_ms)));
        }
        super::queue(Finished {
            context: self.context,
            parent: self.parent,
            kind,
            name,
            began_ns: u64::try_from(self.began_ms)
                .unwrap_or_default()
                .saturating_mul(1_000_000),
            took,
            attributes,
            is_error,
            children: store.children,
        });
    }

    fn store(&self) -> MutexGuard<'_, StoreTime> {
        // A panic cannot leave it half changed in a way that matters.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Finished {
    /// The number of spans, with the children.
    #[must_use]
    pub fn count(&self) -> u64 {
        1 + u64::try_from(self.children.len()).unwrap_or(u64::MAX)
    }
}

/// A call of the store that has not ended. It ends when this is dropped.
#[derive(Debug)]
pub struct StoreCall {
    span: Arc<OpenSpan>,
    name: &'static str,
    began: Instant,
}

impl StoreCall {
    pub(super) fn begin(span: Arc<OpenSpan>, name: &'static str) -> Option<Self> {
        span.is_recorded().then(|| Self {
            span,
            name,
            began: Instant::now(),
        })
    }
}

impl Drop for StoreCall {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let mut store = self.span.store();
        store.calls += 1;
        store.total += took;
        if store.children.len() < CHILDREN_MAX {
            store.children.push(Child {
                span: random(),
                name: self.name,
                after: self.began.saturating_duration_since(self.span.began),
                took,
            });
        }
    }
}

/// A random number that is not 0.
fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u64::from_le_bytes(bytes).max(1)
}
