//! What a destination may be sent next: a state machine without a clock, a network or a store.
//!
//! ```text
//!  read(page) ─▶ log ─▶ keys ─▶ next() ─▶ a request ─▶ finished(outcome) ─▶ report() ─▶ reported()
//!                        │                                   │ refused
//!                        └──────────── parked keys ◀─────────┘
//! ```
//!
//! - Events of one order key are sent one after the other; those of different keys at the same time, each request in a lane.
//! - A key and a lane are free again only after the report of what was taken is committed. A kill therefore repeats at most what
//!   the lanes had under way.
//! - A key whose event is refused parks itself, with its later events. It is tried again by the schedule. When its first event is
//!   taken, the others follow.
//! - The stored cursor covers what was read up to the first event that is neither delivered nor parked. What is done behind it is
//!   stored next to it. An event that keeps the cursor back for long is parked while its request is under way, so that the list of
//!   what is done stays short however long a receiver takes.
//! - If all events follow each other, nothing is parked: the first one is tried again by the schedule, and the rest waits.

mod keys;
mod lanes;
mod log;
mod outcome;
mod sending;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use wharfinger_core::order::ids::OrganisationId;

use super::attempts::Succeeded;
use super::breaker::Breaker;
use super::schedule;
use crate::store::{
    Attempt, Delivery, DeliveryOrder, DeliveryPage, Destination, FeedCursor, FeedPlace, Parked,
    Progress, Report,
};
use keys::{KeyId, Keys};
use lanes::Lanes;
use log::Log;
pub(crate) use outcome::{Failure, Outcome};

/// Most events that are read and not covered by the cursor.
const EVENTS_MAX: usize = 4_096;
/// Bytes of orders from which no more events are read.
const BYTES_MAX: usize = 8 << 20;
/// Parked keys from which no new events are begun.
const PARKED_MAX: usize = 10_000;
/// Parked events from which no new events are read.
const PARKED_EVENTS_MAX: usize = 500_000;
/// How long an event may keep the cursor back when many later ones are done, in milliseconds.
const KEEPS_BACK_MAX_MS: i64 = 1_000;
/// How long deliveries pause when something between this server and the destination fails, in milliseconds.
const PAUSE_MS: i64 = 5_000;
/// A success after nothing but failures for this long makes all parked keys due, even those whose attempts have ended, in
/// milliseconds. It was the destination that failed, not their events.
const OUTAGE_MS: i64 = 2 * 24 * 60 * 60 * 1_000;

/// What a destination was to get, is sent, and has taken.
#[derive(Debug)]
pub(crate) struct Window {
    order: DeliveryOrder,
    events_max: usize,
    wait_max_ms: i64,
    log: Log,
    keys: Keys,
    lanes: Lanes,
    breaker: Breaker,
    /// Where reading continues.
    read_to: Option<FeedCursor>,
    requests: HashMap<u64, Request>,
    /// Requests that were answered since the last report, and those in the report under way.
    answered: Vec<u64>,
    reporting: Vec<u64>,
    /// The number of the latest request.
    latest: u64,
    /// What the next report begins with. Its cursor and what is done are filled in when it is made.
    progress: Progress,
    has_changed: bool,
    failed: Vec<Attempt>,
    succeeded: Succeeded,
    disable: Option<String>,
    is_over: bool,
    /// The failed attempts for the first event if all events follow each other, and when it is tried again.
    standstill: Option<(u32, i64)>,
    /// No request is begun before this time, in milliseconds since 1970.
    paused_until_ms: i64,
    /// An incomplete batch is sent at once, because its events were sent before and were not taken.
    hurries: bool,
    chance: u64,
}

/// A request to make.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    /// Its number, by which its outcome is reported.
    pub(crate) id: u64,
    /// Which attempt it is for its first event, from 1.
    pub(crate) attempt: u32,
    /// What it carries.
    pub(crate) what: What,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// These events.
    Events(Vec<Arc<Delivery>>),
    /// Events that were parked, which must be read again. Then call [`Window::loaded`].
    Parked(OrganisationId, Vec<u64>),
}

#[derive(Clone, Debug)]
struct Request {
    events: Vec<(KeyId, FeedPlace)>,
    /// Their numbers, in the same order. Empty if they were parked.
    numbers: Vec<u64>,
    /// The keys that are held for it.
    keys: Vec<KeyId>,
    attempt: u32,
    is_probe: bool,
    is_answered: bool,
}

impl Window {
    /// Continues where an earlier holder has stopped. `seed` is any number; it spreads the attempts of many destinations.
    #[must_use]
    pub(crate) fn new(
        destination: &Destination,
        progress: Progress,
        parked: Vec<Parked>,
        seed: u64,
    ) -> Self {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (order, lanes) = match destination.order {
            DeliveryOrder::Key => (DeliveryOrder::Key, count(destination.parallel)),
            DeliveryOrder::All => (DeliveryOrder::All, 1),
        };
        // A destination that has failed lately may still fail. One request finds out.
        let is_failing = progress.failing_since_ms.is_some() && parked.len() >= 5;
        Self {
            order,
            events_max: count(destination.max_events).clamp(1, EVENTS_MAX / 2),
            wait_max_ms: i64::from(destination.max_wait_ms),
            log: Log::new(&progress),
            keys: Keys::new(parked),
            lanes: Lanes::new(lanes),
            breaker: if is_failing {
                Breaker::open()
            } else {
                Breaker::default()
            },
            read_to: progress.cursor.clone(),
            requests: HashMap::new(),
            answered: Vec::new(),
            reporting: Vec::new(),
            latest: 0,
            progress,
            has_changed: false,
            failed: Vec::new(),
            succeeded: Succeeded::default(),
            disable: None,
            is_over: false,
            standstill: None,
            paused_until_ms: i64::MIN,
            hurries: false,
            chance: seed,
        }
    }

    /// Where reading continues. `None` for the beginning.
    #[must_use]
    pub(crate) fn read_to(&self) -> Option<&FeedCursor> {
        self.read_to.as_ref()
    }

    /// Whether more events are to be read.
    #[must_use]
    pub(crate) fn wants_events(&self) -> bool {
        let ahead = (2 * self.lanes.now() * self.events_max).clamp(128, EVENTS_MAX / 2);
        !self.is_over
            && self.log.len() < EVENTS_MAX
            && self.log.bytes() < BYTES_MAX
            && !self.keys.has_ready(ahead)
            && self.keys.parked() < PARKED_MAX
            && self.keys.parked_events() < PARKED_EVENTS_MAX
    }

    /// Takes a page of events, read from [`read_to`](Self::read_to).
    pub(crate) fn read(&mut self, page: DeliveryPage, now_ms: i64) {
        let is_new = self.read_to.as_ref() != Some(&page.next);
        self.has_changed |= is_new || !page.deliveries.is_empty();
        for delivery in page.deliveries {
            let id = self.key_of(&delivery);
            let position = delivery.event.position;
            let Some(number) = self.log.add(delivery, now_ms) else {
                continue;
            };
            if self.keys.add(id, number, position) {
                self.log.set_done(number);
            }
        }
        self.log.end_page(page.next.clone());
        self.read_to = Some(page.next);
    }

    /// Keeps only those events of a request that could be read again; the others were purged. Returns whether any is left to send.
    /// If not, the request is finished.
    pub(crate) fn loaded(&mut self, id: u64, found: &[u64]) -> bool {
        let Some(request) = self.requests.get_mut(&id) else {
            return false;
        };
        let is_found = |place: &FeedPlace| found.contains(&place.position);
        let lost = request.events.iter().filter(|(_, place)| !is_found(place));
        let lost = Vec::from_iter(lost.copied());
        request.events.retain(|(_, place)| is_found(place));
        for (key, place) in lost {
            self.keys.unpark(key, place.position);
        }
        if request.events.is_empty() {
            request.is_answered = true;
            self.answered.push(id);
            return false;
        }
        true
    }

    /// What is to be stored now, if anything is. Only one report may be under way; [`reported`](Self::reported) ends it.
    pub(crate) fn report(&mut self, now_ms: i64) -> Option<Report> {
        let succeeded = self.succeeded.take_due(now_ms);
        let is_needed = self.has_changed
            || !self.answered.is_empty()
            || self.keys.has_changed()
            || self.disable.is_some()
            || succeeded.is_some();
        if !is_needed {
            return None;
        }
        self.has_changed = false;
        self.reporting.append(&mut self.answered);
        (self.progress.cursor, self.progress.done) = self.log.progress();
        let (parked, released) = self.keys.take_changes();
        Some(Report {
            progress: self.progress.clone(),
            parked,
            released,
            failed: std::mem::take(&mut self.failed),
            succeeded,
            disable: self.disable.take(),
        })
    }

    /// The report was committed: lanes and keys of what is in it are free again.
    pub(crate) fn reported(&mut self) {
        for id in std::mem::take(&mut self.reporting) {
            if let Some(request) = self.requests.remove(&id) {
                for key in request.keys {
                    self.keys.free(key);
                }
            }
        }
    }

    /// Whether nothing more is sent, because the destination was given up.
    #[cfg(test)]
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the destination seems to take nothing at present.
    #[must_use]
    pub(crate) fn is_failing(&self) -> bool {
        let attempts = self.standstill.map_or(0, |(attempts, _)| attempts);
        self.breaker.is_open() || attempts >= 5
    }

    /// The number of parked keys.
    #[must_use]
    pub(crate) fn parked(&self) -> usize {
        self.keys.parked()
    }

    /// Whether everything that was read is delivered.
    #[must_use]
    pub(crate) fn is_idle(&self) -> bool {
        self.log.len() == 0 && self.requests.is_empty() && self.keys.parked() == 0
    }

    fn key_of(&self, delivery: &Delivery) -> KeyId {
        match self.order {
            DeliveryOrder::Key => (delivery.organisation, delivery.lane_key),
            DeliveryOrder::All => (OrganisationId(0), 0),
        }
    }

    /// When the first event has kept the cursor back for too long, in milliseconds since 1970. `None` if it does not.
    fn keeps_back_until_ms(&self) -> Option<i64> {
        let has_many = self.log.done() >= EVENTS_MAX / 2;
        if self.order == DeliveryOrder::All || self.breaker.is_open() || !has_many {
            return None;
        }
        let (_, read_at_ms) = self.log.first()?;
        Some(read_at_ms + KEEPS_BACK_MAX_MS)
    }

    /// Parks the keys of events that have kept the cursor back for too long. Their requests go on, and they are due at once.
    fn relieve(&mut self, now_ms: i64) {
        while self
            .keeps_back_until_ms()
            .is_some_and(|until_ms| until_ms <= now_ms)
            && let Some((delivery, _)) = self.log.first()
        {
            let delivery = Arc::clone(delivery);
            let key = self.key_of(&delivery);
            let why = "The request was not answered yet.";
            self.park(key, &delivery.label, 0, now_ms, why);
        }
    }

    /// Parks a key: its events that are under way and were not taken, and those that wait behind them.
    fn park(&mut self, key: KeyId, label: &str, attempts: u32, next_at_ms: i64, why: &str) {
        let under_way = self
            .requests
            .values()
            .filter(|request| !request.is_answered);
        let (mut positions, mut numbers) = (Vec::new(), Vec::new());
        for request in under_way {
            let events = request.events.iter().zip(&request.numbers);
            for ((_, place), number) in events.filter(|((of, _), _)| *of == key) {
                positions.push(place.position);
                numbers.push(*number);
            }
        }
        let row = Parked {
            organisation: key.0,
            lane_key: key.1,
            label: label.to_owned(),
            positions,
            attempts,
            next_at_ms: Some(next_at_ms),
            last_error: why.to_owned(),
        };
        for number in self.keys.park(key, row) {
            if let Some(delivery) = self.log.get(number) {
                self.keys.append(key, delivery.event.position);
                numbers.push(number);
            }
        }
        for number in numbers {
            self.log.set_done(number);
        }
    }

    fn chance(&mut self) -> u64 {
        // SplitMix64.
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn place_of(delivery: &Delivery) -> FeedPlace {
    FeedPlace {
        organisation: delivery.organisation,
        position: delivery.event.position,
    }
}
