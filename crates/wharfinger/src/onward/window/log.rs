//! The events that were read and that the stored cursor does not cover yet, in the order in which they were read.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::store::{Delivery, FeedCursor, FeedPlace, Progress};

/// The read events. Each has a number, which grows.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// Everything up to this cursor is done.
    cursor: Option<FeedCursor>,
    /// What an earlier holder had done behind the cursor and was not read again yet.
    done_before: BTreeSet<FeedPlace>,
    /// How many entries are done.
    done: usize,
    /// Bytes of the orders of entries that are not done.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    place: FeedPlace,
    /// The cursor after it, which also covers what was left out behind it.
    next: FeedCursor,
    /// `None` once it was delivered or is parked.
    delivery: Option<Arc<Delivery>>,
    read_at_ms: i64,
}

impl Log {
    pub(super) fn new(progress: &Progress) -> Self {
        Self {
            cursor: progress.cursor.clone(),
            done_before: progress.done.iter().copied().collect(),
            ..Self::default()
        }
    }

    /// Adds an event. Returns its number, or `None` if an earlier holder has done it.
    pub(super) fn add(&mut self, delivery: Delivery, now_ms: i64) -> Option<u64> {
        let place = FeedPlace {
            organisation: delivery.organisation,
            position: delivery.event.position,
        };
        let is_done = self.done_before.contains(&place);
        // What comes before it in this organisation and was not read is not read any more, because it was purged.
        let passed = FeedPlace {
            position: 0,
            ..place
        };
        while let Some(first) = self.done_before.range(passed..=place).next().copied() {
            self.done_before.remove(&first);
        }
        let number = self.first + self.entries.len() as u64;
        let bytes = size(&delivery);
        self.entries.push_back(Entry {
            place,
            next: delivery.next.clone(),
            delivery: (!is_done).then(|| Arc::new(delivery)),
            read_at_ms: now_ms,
        });
        if is_done {
            self.done += 1;
            self.advance();
            return None;
        }
        self.bytes += bytes;
        Some(number)
    }

    /// Ends a page of events, whose cursor also covers what was left out at its end.
    pub(super) fn end_page(&mut self, next: FeedCursor) {
        match self.entries.back_mut() {
            Some(last) => last.next = next,
            None => self.cursor = Some(next),
        }
    }

    /// Notes that an event was delivered or is parked.
    pub(super) fn set_done(&mut self, number: u64) {
        let entry = self.index(number).and_then(|at| self.entries.get_mut(at));
        if let Some(delivery) = entry.and_then(|entry| entry.delivery.take()) {
            self.bytes -= size(&delivery);
            self.done += 1;
            self.advance();
        }
    }

    /// An event that is not done.
    pub(super) fn get(&self, number: u64) -> Option<&Arc<Delivery>> {
        let entry = self.entries.get(self.index(number)?)?;
        entry.delivery.as_ref()
    }

    /// When an event was read, in milliseconds since 1970.
    pub(super) fn read_at_ms(&self, number: u64) -> Option<i64> {
        let entry = self.entries.get(self.index(number)?)?;
        Some(entry.read_at_ms)
    }

    /// The first event, which is never done, and when it was read.
    pub(super) fn first(&self) -> Option<(&Arc<Delivery>, i64)> {
        let entry = self.entries.front()?;
        Some((entry.delivery.as_ref()?, entry.read_at_ms))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many events were done before an earlier one.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Bytes of the orders of events that are not done.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The cursor of what is done without a gap, and what is done behind it.
    pub(super) fn progress(&self) -> (Option<FeedCursor>, Vec<FeedPlace>) {
        let entries = self.entries.iter();
        let done = entries.filter(|entry| entry.delivery.is_none());
        let mut done = Vec::from_iter(done.map(|entry| entry.place));
        done.extend(self.done_before.iter().copied());
        done.sort_unstable();
        (self.cursor.clone(), done)
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    fn advance(&mut self) {
        while self
            .entries
            .front()
            .is_some_and(|first| first.delivery.is_none())
        {
            if let Some(entry) = self.entries.pop_front() {
                self.cursor = Some(entry.next);
                self.first += 1;
                self.done -= 1;
            }
        }
    }
}

fn size(delivery: &Delivery) -> usize {
    delivery.order.as_ref().map_or(0, String::len)
}
