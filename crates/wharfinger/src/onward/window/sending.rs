//! Which request may be made next, and when.

use std::sync::Arc;

use super::keys::KeyId;
use super::{FeedPlace, PARKED_MAX, Request, Send, What, Window, place_of};

impl Window {
    /// The next request that may be made now. It counts as under way until [`finished`](Self::finished).
    pub(crate) fn next(&mut self, now_ms: i64) -> Option<Send> {
        self.relieve(now_ms);
        let is_full = self.requests.len() >= self.lanes_max();
        if self.is_over || is_full || now_ms < self.paused_until_ms {
            return None;
        }
        if let Some(probe_at_ms) = self.breaker.probe_at_ms() {
            let probe = (now_ms >= probe_at_ms).then(|| self.next_new(now_ms, true));
            return probe.flatten().or_else(|| self.next_parked(now_ms));
        }
        // Parked keys get half of the lanes, so that many of them do not hold up what is new.
        let parked = self.requests.values();
        let parked = parked.filter(|request| request.numbers.is_empty()).count();
        if 2 * parked >= self.lanes.now()
            && let Some(send) = self.next_new(now_ms, false)
        {
            return Some(send);
        }
        self.next_parked(now_ms)
            .or_else(|| self.next_new(now_ms, false))
    }

    /// When something will be possible that is not possible now, in milliseconds since 1970. `None` if only an outcome, a page or a
    /// report can change anything.
    #[must_use]
    pub(crate) fn wake_at_ms(&self) -> Option<i64> {
        let has_new = self.has_new();
        let standstill = self.standstill.filter(|_| has_new);
        let standstill = standstill.map(|(_, at_ms)| at_ms);
        let due = self.keys.first_due().map(|(at_ms, _)| at_ms);
        let probe = self.breaker.probe_at_ms().filter(|_| has_new);
        let batch = self.batch_at_ms();
        let times = [standstill, due, probe, batch].into_iter().flatten();
        let next = times.min().map(|at_ms| at_ms.max(self.paused_until_ms));
        let next = next.filter(|_| !self.is_over && self.requests.len() < self.lanes_max());
        let keeps_back = self.keeps_back_until_ms();
        let write = self.succeeded.due_at_ms();
        [next, keeps_back, write].into_iter().flatten().min()
    }

    /// Requests at the same time: one while the destination seems to take nothing.
    fn lanes_max(&self) -> usize {
        if self.breaker.is_open() {
            1
        } else {
            self.lanes.now()
        }
    }

    /// Whether new events may be begun.
    fn has_new(&self) -> bool {
        self.keys.ready() > 0 && self.keys.parked() < PARKED_MAX
    }

    /// When the first new events may be sent, in milliseconds since 1970: a batch waits until it is complete.
    fn batch_at_ms(&self) -> Option<i64> {
        if self.breaker.is_open() || self.standstill.is_some() || !self.has_new() {
            return None;
        }
        let (first, _) = self.keys.first_ready()?;
        let read_at_ms = self.log.read_at_ms(first)?;
        let is_complete = self.hurries || self.keys.has_ready(self.events_max);
        Some(if is_complete {
            read_at_ms
        } else {
            read_at_ms.saturating_add(self.wait_max_ms)
        })
    }

    fn next_new(&mut self, now_ms: i64, is_probe: bool) -> Option<Send> {
        let at_ms = match self.standstill {
            Some((_, at_ms)) => at_ms,
            None if is_probe => now_ms,
            None => self.batch_at_ms()?,
        };
        if now_ms < at_ms || !self.has_new() {
            return None;
        }
        let mut numbers = Vec::new();
        let mut events = Vec::new();
        let mut deliveries = Vec::new();
        while numbers.len() < self.events_max
            && let Some((number, key)) = self.keys.take_ready()
        {
            let Some(delivery) = self.log.get(number) else {
                continue;
            };
            deliveries.push(Arc::clone(delivery));
            events.push((key, place_of(delivery)));
            numbers.push(number);
        }
        self.hurries = false;
        let attempt = self.standstill.map_or(0, |(attempts, _)| attempts) + 1;
        let id = self.begin(events, numbers, attempt, is_probe);
        Some(Send {
            id,
            attempt,
            what: What::Events(deliveries),
        })
    }

    fn next_parked(&mut self, now_ms: i64) -> Option<Send> {
        let (at_ms, key) = self.keys.first_due()?;
        if now_ms < at_ms {
            return None;
        }
        let row = self.keys.waiting(key)?;
        let attempt = row.attempts + 1;
        let positions = row.positions.iter().take(self.events_max).copied();
        let positions = Vec::from_iter(positions);
        let organisation = row.organisation;
        let events = positions.iter().map(|&position| {
            let place = FeedPlace {
                organisation,
                position,
            };
            (key, place)
        });
        let id = self.begin(events.collect(), Vec::new(), attempt, false);
        Some(Send {
            id,
            attempt,
            what: What::Parked(organisation, positions),
        })
    }

    fn begin(
        &mut self,
        events: Vec<(KeyId, FeedPlace)>,
        numbers: Vec<u64>,
        attempt: u32,
        is_probe: bool,
    ) -> u64 {
        let mut keys = Vec::from_iter(events.iter().map(|(key, _)| *key));
        keys.sort_unstable();
        keys.dedup();
        for key in &keys {
            self.keys.hold(*key);
        }
        self.latest += 1;
        let request = Request {
            events,
            numbers,
            keys,
            attempt,
            is_probe,
            is_answered: false,
        };
        self.requests.insert(self.latest, request);
        self.latest
    }
}
