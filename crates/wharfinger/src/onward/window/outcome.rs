//! What became of a request, and what follows from it.

use super::keys::KeyId;
use super::{Attempt, DeliveryOrder, OUTAGE_MS, PAUSE_MS, Request, Window, schedule};
use crate::onward::attempts::given_up;

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The destination has taken the first `count` events, at least one.
    Taken {
        /// How many.
        count: usize,
        /// The attempt, to be shown.
        attempt: Attempt,
    },
    /// The destination has taken nothing.
    Failed {
        /// The attempt, to be shown.
        attempt: Attempt,
        /// What the failure says.
        failure: Failure,
    },
    /// The destination was not reached, and not by its own fault. This is no attempt.
    Postponed,
}

/// What a failure says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What happened, as a sentence.
    pub(crate) why: String,
    /// How long the destination asked to be left alone, in milliseconds.
    pub(crate) retry_after_ms: Option<i64>,
    /// Whether the destination gets too much.
    pub(crate) slows: bool,
    /// Whether the destination says that it is gone for good.
    pub(crate) is_gone: bool,
}

impl Window {
    /// Takes the outcome of a request.
    pub(crate) fn finished(&mut self, id: u64, outcome: Outcome, now_ms: i64) {
        let Some(request) = self.requests.get(&id).cloned() else {
            return;
        };
        match outcome {
            Outcome::Taken { count, attempt } => self.taken(&request, count, attempt, now_ms),
            Outcome::Failed { attempt, failure } => {
                self.failed.push(attempt);
                self.refused(&request, &failure, now_ms);
            }
            Outcome::Postponed => {
                self.put_back(&request, 0);
                self.paused_until_ms = now_ms.saturating_add(PAUSE_MS);
            }
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.is_answered = true;
            self.answered.push(id);
        }
    }

    fn taken(&mut self, request: &Request, count: usize, attempt: Attempt, now_ms: i64) {
        let count = count.min(request.events.len());
        for (at, (key, place)) in request.events.iter().take(count).enumerate() {
            if self.keys.waiting(*key).is_some() {
                // Its later events follow at once.
                self.keys.change(*key, |row| {
                    row.attempts = 0;
                    row.next_at_ms = Some(now_ms);
                });
                self.keys.unpark(*key, place.position);
            } else if let Some(number) = request.numbers.get(at) {
                self.log.set_done(*number);
            }
            self.progress.delivered += 1;
        }
        self.put_back(request, count);
        self.progress.delivered_at_ms = Some(now_ms);
        let failing_since_ms = self.progress.failing_since_ms.take();
        let was_out = failing_since_ms.is_some_and(|since_ms| now_ms - since_ms >= OUTAGE_MS);
        self.standstill = None;
        self.lanes.count_success();
        if self.breaker.succeeded() || was_out {
            self.keys.make_due(now_ms);
        }
        self.succeeded.add(attempt);
    }

    fn refused(&mut self, request: &Request, failure: &Failure, now_ms: i64) {
        let since_ms = *self.progress.failing_since_ms.get_or_insert(now_ms);
        if failure.slows {
            self.lanes.halve();
        }
        let next_at_ms = |window: &mut Self, attempts: u32| {
            let chance = window.chance();
            schedule::next_at_ms(attempts, now_ms, failure.retry_after_ms, chance)
        };
        match self.order {
            DeliveryOrder::All => {
                let at_ms = next_at_ms(self, request.attempt);
                self.standstill = Some((request.attempt, at_ms));
                self.put_back(request, 0);
            }
            DeliveryOrder::Key => {
                for key in &request.keys {
                    let attempts = 1 + self.keys.waiting(*key).map_or(0, |row| row.attempts);
                    let at_ms = next_at_ms(self, attempts);
                    // While the destination takes nothing, it is not the event that fails.
                    let is_last = schedule::is_over(attempts) && !self.breaker.is_open();
                    self.park_refused(request, *key, attempts, at_ms, &failure.why);
                    if is_last {
                        self.keys.change(*key, |row| row.next_at_ms = None);
                    }
                }
                let chance = self.chance();
                if let Some((_, key)) = request.keys.first() {
                    self.breaker.failed(*key, request.is_probe, now_ms, chance);
                }
            }
        }
        if failure.is_gone {
            self.give_up("The destination answered 410: it is gone for good.".into());
        } else if let Some(why) = given_up(since_ms, now_ms, &failure.why) {
            self.give_up(why);
        }
    }

    /// Parks a key of a refused request, or changes its row if it is parked.
    fn park_refused(
        &mut self,
        request: &Request,
        key: KeyId,
        attempts: u32,
        at_ms: i64,
        why: &str,
    ) {
        if self.keys.waiting(key).is_some() {
            self.keys.change(key, |row| {
                row.attempts = attempts;
                row.next_at_ms = Some(at_ms);
                why.clone_into(&mut row.last_error);
            });
            return;
        }
        let mut events = request.events.iter().zip(&request.numbers);
        let first = events.find(|((of, _), _)| *of == key);
        let delivery = first.and_then(|(_, number)| self.log.get(*number));
        let label = delivery.map_or_else(String::new, |delivery| delivery.label.clone());
        self.park(key, &label, attempts, at_ms, why);
    }

    /// Puts the events of a request back that were not taken, from this one on. Parked ones are where they were.
    fn put_back(&mut self, request: &Request, from: usize) {
        let events = request.events.iter().zip(&request.numbers).skip(from);
        let keys = &self.keys;
        let events = events.filter(|((key, _), _)| keys.waiting(*key).is_none());
        let events = Vec::from_iter(events.map(|((key, _), number)| (*number, *key)));
        // They were sent before, so they do not wait for more.
        self.hurries |= !events.is_empty();
        self.keys.put_back(events.into_iter());
    }

    fn give_up(&mut self, why: String) {
        // Requests at the same time may say the same.
        if !self.is_over {
            self.disable = Some(why);
            self.is_over = true;
        }
    }
}
