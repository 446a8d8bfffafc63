//! A store, a feed and a receiver in memory, for tests of the window.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::{Failure, Outcome, Send, What, Window};
use crate::store::{
    Attempt, Delivery, DeliveryOrder, DeliveryPage, Destination, DestinationState, Epoch, Event,
    EventKind, FeedCursor, FeedPlace, Parked, Progress, Report,
};

/// What a test may vary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) order: DeliveryOrder,
    pub(super) max_events: u32,
    pub(super) max_wait_ms: u32,
    pub(super) parallel: u32,
}

pub(super) fn destination(shape: Shape) -> Destination {
    Destination {
        id: Uuid::nil(),
        created_by: String::new(),
        created_at_ms: 0,
        reach: OrgAccess::All,
        kinds: None,
        form: None,
        order: shape.order,
        max_events: shape.max_events,
        max_wait_ms: shape.max_wait_ms,
        parallel: shape.parallel,
        timeout_s: 15,
        settings: String::new(),
        secrets: Vec::new(),
        state: DestinationState::Active,
        state_since_ms: 0,
        reason: None,
        begins: None,
        begins_ms: None,
        version: 1,
        replays: 0,
    }
}

pub(super) fn attempt(at_ms: i64) -> Attempt {
    Attempt {
        at_ms,
        webhook_id: String::new(),
        organisation: 1,
        position: 1,
        events: 1,
        attempt: 1,
        result: String::new(),
        status: None,
        took_ms: 0,
        answer: String::new(),
    }
}

/// An event of the feed: its place and its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) place: FeedPlace,
    pub(super) key: u64,
}

/// The world around a window.
pub(super) struct World {
    shape: Shape,
    pub(super) feed: Vec<Told>,
    /// Events before this one were purged.
    pub(super) purged: usize,
    stored: (Progress, BTreeMap<(OrganisationId, u64), Parked>),
    pub(super) window: Window,
    pub(super) under_way: Vec<Send>,
    reporting: Option<Report>,
    /// What the receiver has taken, in order.
    pub(super) received: Vec<Told>,
    pub(super) now_ms: i64,
    pub(super) kills: usize,
}

impl World {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            feed: Vec::new(),
            purged: 0,
            stored: Default::default(),
            window: Window::new(&destination(shape), Progress::default(), Vec::new(), 7),
            under_way: Vec::new(),
            reporting: None,
            received: Vec::new(),
            now_ms: 0,
            kills: 0,
        }
    }

    pub(super) fn add(&mut self, organisation: u32, key: u64) {
        let organisation = OrganisationId(organisation);
        let of_it = self.feed.iter();
        let before = of_it.filter(|told| told.place.organisation == organisation);
        let place = FeedPlace {
            organisation,
            position: before.count() as u64 + 1,
        };
        self.feed.push(Told { place, key });
    }

    fn delivery(&self, at: usize) -> Delivery {
        let Told { place, key } = self.feed[at];
        Delivery {
            organisation: place.organisation,
            event: Event {
                position: place.position,
                at_ms: 0,
                kind: EventKind::OrderAccepted,
                batch: None,
                order: None,
                origin: None,
            },
            previous: None,
            previous_of_order: None,
            lane_key: key,
            label: format!("K-{key}"),
            order: None,
            next: cursor(at + 1),
        }
    }

    /// Reads a page, if the window wants one and the feed has more.
    pub(super) fn read(&mut self, limit: usize) -> bool {
        let from = self.window.read_to().map_or(0, |cursor| cursor.to);
        let from = usize::try_from(from).unwrap();
        if !self.window.wants_events() || from == self.feed.len() {
            return false;
        }
        let to = (from + limit).min(self.feed.len());
        let kept = from.max(self.purged)..to.max(self.purged);
        let page = DeliveryPage {
            deliveries: kept.map(|at| self.delivery(at)).collect(),
            next: cursor(to.max(self.purged).min(self.feed.len())),
            is_cut: to < self.feed.len(),
        };
        self.window.read(page, self.now_ms);
        true
    }

    /// Begins a request, if one may be made now.
    pub(super) fn send(&mut self) -> bool {
        let Some(send) = self.window.next(self.now_ms) else {
            return false;
        };
        if let What::Parked(organisation, positions) = &send.what {
            let found = positions.iter().copied().filter(|&position| {
                let place = FeedPlace {
                    organisation: *organisation,
                    position,
                };
                !self.is_purged(place)
            });
            let found = Vec::from_iter(found);
            if !self.window.loaded(send.id, &found) {
                return true;
            }
            let what = What::Parked(*organisation, found);
            self.under_way.push(Send { what, ..send });
        } else {
            self.under_way.push(send);
        }
        true
    }

    pub(super) fn is_purged(&self, place: FeedPlace) -> bool {
        let purged = &self.feed[..self.purged];
        purged.iter().any(|told| told.place == place)
    }

    fn told(&self, place: FeedPlace) -> Told {
        let mut feed = self.feed.iter();
        *feed.find(|told| told.place == place).unwrap()
    }

    /// The events of a request.
    pub(super) fn events_of(&self, send: &Send) -> Vec<Told> {
        let places = match &send.what {
            What::Events(deliveries) => {
                Vec::from_iter(deliveries.iter().map(|delivery| FeedPlace {
                    organisation: delivery.organisation,
                    position: delivery.event.position,
                }))
            }
            What::Parked(organisation, positions) => {
                let places = positions.iter().map(|&position| FeedPlace {
                    organisation: *organisation,
                    position,
                });
                places.collect()
            }
        };
        places.into_iter().map(|place| self.told(place)).collect()
    }

    /// Lets the receiver take the first `count` events of a request that is under way.
    pub(super) fn take(&mut self, at: usize, count: usize) {
        let send = self.under_way.remove(at);
        let events = self.events_of(&send);
        let count = count.clamp(1, events.len());
        self.received.extend(events.into_iter().take(count));
        let outcome = Outcome::Taken {
            count,
            attempt: attempt(self.now_ms),
        };
        self.window.finished(send.id, outcome, self.now_ms);
    }

    /// Lets a request that is under way fail.
    pub(super) fn fail(&mut self, at: usize, failure: Failure) {
        let send = self.under_way.remove(at);
        let outcome = Outcome::Failed {
            attempt: attempt(self.now_ms),
            failure,
        };
        self.window.finished(send.id, outcome, self.now_ms);
    }

    pub(super) fn postpone(&mut self, at: usize) {
        let send = self.under_way.remove(at);
        self.window
            .finished(send.id, Outcome::Postponed, self.now_ms);
    }

    /// Begins a report, if none is under way and there is something to report.
    pub(super) fn report(&mut self) -> bool {
        if self.reporting.is_some() {
            return false;
        }
        self.reporting = self.window.report(self.now_ms);
        self.reporting.is_some()
    }

    fn store(&mut self) -> bool {
        let Some(report) = self.reporting.take() else {
            return false;
        };
        self.stored.0 = report.progress;
        for row in report.parked {
            let id = (row.organisation, row.lane_key);
            assert!(!row.positions.is_empty() && row.positions.is_sorted());
            self.stored.1.insert(id, row);
        }
        for id in report.released {
            self.stored.1.remove(&id);
        }
        true
    }

    /// Commits the report that is under way.
    pub(super) fn commit(&mut self) -> bool {
        let is_stored = self.store();
        if is_stored {
            self.window.reported();
        }
        is_stored
    }

    /// Kills the server and starts another. A report that is under way was committed or not.
    pub(super) fn kill(&mut self, is_committed: bool) {
        if is_committed {
            self.store();
        }
        self.reporting = None;
        self.under_way.clear();
        self.kills += 1;
        let (progress, parked) = &self.stored;
        let parked = parked.values().cloned().collect();
        self.window = Window::new(&destination(self.shape), progress.clone(), parked, 7);
    }

    /// The rows of parked keys that are stored.
    pub(super) fn parked(&self) -> Vec<Parked> {
        self.stored.1.values().cloned().collect()
    }

    /// What is stored.
    pub(super) fn progress(&self) -> &Progress {
        &self.stored.0
    }

    /// Goes on until nothing happens any more. The receiver takes everything that `takes` names, and refuses the rest.
    pub(super) fn settle(&mut self, takes: impl Fn(&Told) -> bool) {
        for _ in 0..1_000_000 {
            let mut is_moved = self.read(64);
            while self.send() {
                is_moved = true;
            }
            while let Some(send) = self.under_way.first() {
                is_moved = true;
                if self.events_of(send).iter().all(&takes) {
                    self.take(0, usize::MAX);
                } else {
                    self.fail(0, Failure::default());
                }
            }
            is_moved |= self.report();
            is_moved |= self.commit();
            if is_moved {
                continue;
            }
            let Some(at_ms) = self.window.wake_at_ms() else {
                return;
            };
            // A wake-up in the past would be a busy loop.
            assert!(at_ms > self.now_ms, "{at_ms} {}", self.now_ms);
            self.now_ms = at_ms;
        }
        panic!("it goes on for ever: {:?}", self.window);
    }

    /// Per key, each event is received only after all earlier ones, and none is lost.
    pub(super) fn check(&self) {
        let mut received = BTreeSet::new();
        for told in &self.received {
            for earlier in self.feed.iter().take_while(|of| of.place != told.place) {
                let is_of_it = earlier.place.organisation == told.place.organisation
                    && earlier.key == told.key;
                assert!(
                    !is_of_it || self.is_purged(earlier.place) || received.contains(&earlier.place),
                    "{:?} came before {:?}",
                    told.place,
                    earlier.place
                );
            }
            received.insert(told.place);
        }
        for told in &self.feed {
            assert!(
                received.contains(&told.place) || self.is_purged(told.place),
                "{:?} was lost",
                told.place
            );
        }
    }

    /// How often an event was received again.
    pub(super) fn repeated(&self) -> usize {
        let received = self.received.iter().map(|told| told.place);
        self.received.len() - BTreeSet::from_iter(received).len()
    }
}

fn cursor(at: usize) -> FeedCursor {
    FeedCursor::after(Epoch(1), i64::try_from(at).unwrap())
}
