//! Order keys: whose events wait for a request, whose are parked, and which key may go next.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use wharfinger_core::order::ids::OrganisationId;

use crate::store::Parked;

/// An order key, or all of them together if all events follow each other.
pub(super) type KeyId = (OrganisationId, u64);

/// The keys that have waiting events, or whose events are under way.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<KeyId, Key>,
    /// The first waiting events of keys that are free and not parked, by number.
    ready: BTreeSet<(u64, KeyId)>,
    /// Parked keys that are free, by the time of their next attempt.
    due: BTreeSet<(i64, KeyId)>,
    /// Keys whose stored row is not as they are.
    changed: HashSet<KeyId>,
    /// How many keys are parked.
    parked: usize,
    /// How many events are parked.
    parked_events: usize,
}

#[derive(Debug, Default)]
struct Key {
    /// The numbers of its waiting events.
    queue: VecDeque<u64>,
    /// Whether a request with its events is under way, or is not reported yet.
    is_busy: bool,
    parked: Option<Parked>,
}

impl Keys {
    /// Takes over what an earlier holder has parked.
    pub(super) fn new(parked: Vec<Parked>) -> Self {
        let mut keys = Self::default();
        for row in parked {
            let id = (row.organisation, row.lane_key);
            keys.parked += 1;
            keys.parked_events += row.positions.len();
            keys.known.entry(id).or_default().parked = Some(row);
            keys.settle(id);
        }
        keys
    }

    /// The number of parked keys.
    pub(super) fn parked(&self) -> usize {
        self.parked
    }

    /// The number of parked events.
    pub(super) fn parked_events(&self) -> usize {
        self.parked_events
    }

    /// The number of keys whose next event may be sent.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The first event that may be sent.
    pub(super) fn first_ready(&self) -> Option<(u64, KeyId)> {
        self.ready.first().copied()
    }

    /// Whether this many events may be sent, counting at most that many.
    pub(super) fn has_ready(&self, count: usize) -> bool {
        let queues = self.ready.iter();
        let mut lengths = queues.map(|(_, id)| self.known.get(id).map_or(0, |key| key.queue.len()));
        let enough = lengths.try_fold(0, |sum, length| {
            let sum: usize = sum + length;
            if sum < count { Ok(sum) } else { Err(()) }
        });
        enough.is_err()
    }

    /// The parked key whose attempt is due first, and when.
    pub(super) fn first_due(&self) -> Option<(i64, KeyId)> {
        self.due.first().copied()
    }

    /// A parked key.
    pub(super) fn waiting(&self, id: KeyId) -> Option<&Parked> {
        self.known.get(&id)?.parked.as_ref()
    }

    /// Adds an event behind the others of its key. Returns whether it is parked by that.
    pub(super) fn add(&mut self, id: KeyId, number: u64, position: u64) -> bool {
        let key = self.known.entry(id).or_default();
        if let Some(row) = &mut key.parked {
            row.positions.push(position);
            self.parked_events += 1;
            self.changed.insert(id);
            return true;
        }
        key.queue.push_back(number);
        self.settle(id);
        false
    }

    /// Takes the first event that may be sent. Its key stays free until [`hold`](Self::hold).
    pub(super) fn take_ready(&mut self) -> Option<(u64, KeyId)> {
        let (number, id) = self.ready.pop_first()?;
        let key = self.known.get_mut(&id)?;
        key.queue.pop_front();
        if let Some(next) = key.queue.front() {
            self.ready.insert((*next, id));
        }
        Some((number, id))
    }

    /// Keeps a key's further events back until [`free`](Self::free).
    pub(super) fn hold(&mut self, id: KeyId) {
        if let Some(key) = self.known.get_mut(&id) {
            key.is_busy = true;
        }
        self.settle(id);
    }

    /// Lets a key's next event go.
    pub(super) fn free(&mut self, id: KeyId) {
        if let Some(key) = self.known.get_mut(&id) {
            key.is_busy = false;
        }
        self.settle(id);
    }

    /// Puts events back that were taken and not delivered. They are in ascending order.
    pub(super) fn put_back(&mut self, events: impl DoubleEndedIterator<Item = (u64, KeyId)>) {
        for (number, id) in events.rev() {
            self.known.entry(id).or_default().queue.push_front(number);
        }
    }

    /// Parks a key with these events and those that wait behind them. Returns the numbers of the latter.
    pub(super) fn park(&mut self, id: KeyId, row: Parked) -> Vec<u64> {
        self.unsettle(id);
        let key = self.known.entry(id).or_default();
        let waiting = Vec::from(std::mem::take(&mut key.queue));
        self.parked += 1;
        self.parked_events += row.positions.len();
        key.parked = Some(row);
        self.changed.insert(id);
        self.settle(id);
        waiting
    }

    /// Adds an event to a parked key.
    pub(super) fn append(&mut self, id: KeyId, position: u64) {
        let key = self.known.get_mut(&id);
        if let Some(row) = key.and_then(|key| key.parked.as_mut()) {
            row.positions.push(position);
            self.parked_events += 1;
        }
    }

    /// Changes the state of a parked key.
    pub(super) fn change(&mut self, id: KeyId, change: impl FnOnce(&mut Parked)) {
        self.unsettle(id);
        let key = self.known.get_mut(&id);
        if let Some(row) = key.and_then(|key| key.parked.as_mut()) {
            change(row);
            self.changed.insert(id);
        }
        self.settle(id);
    }

    /// Removes an event of a parked key. A key without events is not parked any more.
    pub(super) fn unpark(&mut self, id: KeyId, position: u64) {
        self.unsettle(id);
        if let Some(key) = self.known.get_mut(&id)
            && let Some(row) = &mut key.parked
            && let Some(at) = row.positions.iter().position(|known| *known == position)
        {
            row.positions.remove(at);
            self.parked_events -= 1;
            self.changed.insert(id);
            if row.positions.is_empty() {
                key.parked = None;
                self.parked -= 1;
            }
        }
        self.settle(id);
    }

    /// Makes all parked keys due.
    pub(super) fn make_due(&mut self, now_ms: i64) {
        let keys = self.known.iter();
        let later = keys.filter(|(_, key)| {
            let parked = key.parked.as_ref();
            parked.is_some_and(|row| row.next_at_ms.is_none_or(|next_at_ms| next_at_ms > now_ms))
        });
        for id in Vec::from_iter(later.map(|(id, _)| *id)) {
            self.change(id, |row| row.next_at_ms = Some(now_ms));
        }
    }

    /// Whether a stored row is not as its key is.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The rows to store, and the keys whose rows are to be removed, since the last call.
    pub(super) fn take_changes(&mut self) -> (Vec<Parked>, Vec<KeyId>) {
        let (mut parked, mut released) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut self.changed) {
            match self.waiting(id) {
                Some(row) => parked.push(row.clone()),
                None => released.push(id),
            }
        }
        (parked, released)
    }

    /// Removes a key from the sets of those that may go next.
    fn unsettle(&mut self, id: KeyId) {
        let Some(key) = self.known.get(&id) else {
            return;
        };
        if let Some(first) = key.queue.front() {
            self.ready.remove(&(*first, id));
        }
        if let Some(next_at_ms) = key.parked.as_ref().and_then(|row| row.next_at_ms) {
            self.due.remove(&(next_at_ms, id));
        }
    }

    /// Puts a key into the set that it belongs to, or forgets it.
    fn settle(&mut self, id: KeyId) {
        self.unsettle(id);
        let Some(key) = self.known.get(&id) else {
            return;
        };
        if key.is_busy {
            return;
        }
        match &key.parked {
            Some(row) => {
                if let Some(next_at_ms) = row.next_at_ms {
                    self.due.insert((next_at_ms, id));
                }
            }
            None => match key.queue.front() {
                Some(first) => {
                    self.ready.insert((*first, id));
                }
                None => {
                    self.known.remove(&id);
                }
            },
        }
    }
}
