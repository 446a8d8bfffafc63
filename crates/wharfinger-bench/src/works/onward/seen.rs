//! A receiver that takes every event, and counts each once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use hyper::StatusCode;
use serde::Deserialize;

use crate::receiver::{Received, Receiver, Reply};

/// Bits in a word.
const WORD: u64 = 64;

/// The events that have arrived, of one organisation.
#[derive(Default)]
pub(super) struct Seen {
    /// A bit for each position of the feed.
    positions: Mutex<Vec<u64>>,
    events: AtomicU64,
}

/// The part of an event that is looked at.
#[derive(Deserialize)]
struct Position {
    position: u64,
}

/// A receiver and what it has seen.
pub(super) struct Counter {
    pub(super) receiver: Receiver,
    seen: Arc<Seen>,
}

impl Counter {
    pub(super) fn start() -> Result<Self> {
        let seen = Arc::new(Seen::default());
        let counted = seen.clone();
        let handler = move |received: &Received<'_>| counted.take(received.body);
        let receiver = Receiver::start(Arc::new(handler))?;
        Ok(Self { receiver, seen })
    }

    /// The number of different events that have arrived.
    pub(super) fn events(&self) -> u64 {
        self.seen.events.load(Ordering::Relaxed)
    }
}

impl Seen {
    /// Takes an event, or an array of events. A body that is neither is refused.
    fn take(&self, body: &[u8]) -> Reply {
        let read = if body.starts_with(b"[") {
            serde_json::from_slice(body)
        } else {
            serde_json::from_slice(body).map(|event| vec![event])
        };
        match read {
            Ok(events) => {
                self.count(&events);
                Reply::Status(StatusCode::NO_CONTENT)
            }
            Err(_) => Reply::Status(StatusCode::BAD_REQUEST),
        }
    }

    fn count(&self, events: &[Position]) {
        let mut positions = self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let word = usize::try_from(event.position / WORD).unwrap_or(usize::MAX - 1);
            if positions.len() <= word {
                positions.resize(word + 1, 0);
            }
            let bit = 1 << (event.position % WORD);
            if positions[word] & bit == 0 {
                positions[word] |= bit;
                self.events.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_once() {
        let seen = Seen::default();
        let taken = Reply::Status(StatusCode::NO_CONTENT);
        assert_eq!(seen.take(br#"{"position":1,"previous":null}"#), taken);
        assert_eq!(seen.take(br#"[{"position":200},{"position":1}]"#), taken);
        assert_eq!(seen.take(b"{}"), Reply::Status(StatusCode::BAD_REQUEST));
        assert_eq!(seen.events.load(Ordering::Relaxed), 2);
    }
}
