//! Reading the feed of events, and waiting where it ends.
//!
//! Whoever waits is woken by what the store says of its growth, and reads only then; one look a second, for all of them, finds
//! what other processes have written. Readers of the feed take turns, so that however many there are, other reads get through.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use wharfinger_core::ids::OrganisationId;

use crate::store::{Epoch, Event, EventKind, Growth, ReadFeed, Store, StoreError};

/// Pages of events that are read at the same time: half as many as the store reads of anything.
const READS_MAX: usize = 2;
/// The least time between two reads of one reader that waits. What comes in the meantime is read at once.
const READ_PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked for what other processes have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All who read the feed.
pub struct Feed {
    turns: Semaphore,
    stopped: watch::Sender<bool>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(READS_MAX),
            stopped: watch::Sender::new(false),
        }
    }
}

impl Feed {
    /// Ends all waiting: the server is about to stop.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Waits so long, or until the server is about to stop.
    pub async fn pause(&self, time: Duration) {
        let mut stopped = self.stopped.subscribe();
        // Nobody waits for a sender that is gone: it is this feed's own.
        let stop = stopped.wait_for(|is_stopped| *is_stopped);
        let _either = tokio::time::timeout(time, stop).await;
    }

    /// Whether the server is about to stop.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Looks for what other processes have written, until the task is dropped.
    pub async fn follow(&self, store: &dyn Store) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = store.look_for_growth().await {
                tracing::warn!(%error, "Could not look for events of other processes.");
            }
        }
    }
}

/// How far somebody has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The latest epoch of the store when it was read last; none where nothing was read yet.
    pub epoch: Option<Epoch>,
    /// The organisation that the next page begins with, so that a busy one does not keep the others from being read.
    pub turn: u32,
    /// The position of the last event that was read, by organisation; none where nothing was.
    pub read: BTreeMap<OrganisationId, u64>,
}

impl Position {
    fn of(&self, organisation: OrganisationId) -> u64 {
        self.read.get(&organisation).copied().unwrap_or_default()
    }

    /// Notes how far an organisation was read; 0 for not at all.
    pub fn set(&mut self, organisation: OrganisationId, position: u64) {
        if position > 0 {
            self.read.insert(organisation, position);
        } else {
            self.read.remove(&organisation);
        }
    }
}

/// Somebody who reads.
pub struct Reader {
    position: Position,
    /// Only events of this kind.
    kind: Option<EventKind>,
    limit: usize,
    growth: watch::Receiver<Growth>,
    stopped: watch::Receiver<bool>,
    last_read: Instant,
}

/// What was read at once.
pub struct Page {
    /// The events, each with its organisation.
    pub events: Vec<(OrganisationId, Event)>,
    /// Whether there may be more already.
    pub is_cut: bool,
}

/// Why somebody waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There is something new.
    News,
    /// It is late enough.
    Late,
    /// The server is about to stop.
    Stopped,
}

impl Reader {
    /// Begins behind a position.
    #[must_use]
    pub fn new(
        feed: &Feed,
        store: &dyn Store,
        position: Position,
        kind: Option<EventKind>,
        limit: usize,
    ) -> Self {
        Self {
            position,
            kind,
            limit,
            growth: store.growth(),
            stopped: feed.stopped.subscribe(),
            last_read: Instant::now(),
        }
    }

    /// How far it has read.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Reads the next page of some organisations, which are in ascending order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(
        &mut self,
        feed: &Feed,
        store: &dyn Store,
        organisations: &[OrganisationId],
    ) -> Result<Page, StoreError> {
        let turn = OrganisationId(self.position.turn);
        let (before, from_turn) =
            organisations.split_at(organisations.partition_point(|known| *known < turn));
        let rotated = from_turn.iter().chain(before);
        let is_other = |organisation| organisations.binary_search(organisation).is_err();
        let others = self.position.read.iter().filter(|(of, _)| is_other(of));
        let request = ReadFeed {
            from: rotated.map(|&of| (of, self.position.of(of))).collect(),
            others: others.map(|(&of, &position)| (of, position)).collect(),
            epoch: self.position.epoch,
            kind: self.kind,
            limit: self.limit,
        };
        // Nobody closes it.
        let _turn = feed.turns.acquire().await;
        let page = store.feed(request).await?;
        self.last_read = Instant::now();
        self.position.epoch = Some(page.epoch);
        if let Some(at) = page.cut {
            let next = (at + 1) % page.positions.len();
            self.position.turn = page.positions[next].0.0;
        }
        for (organisation, position) in page.positions {
            self.position.set(organisation, position);
        }
        Ok(Page {
            events: page.events,
            is_cut: page.cut.is_some(),
        })
    }

    /// Waits until one of some organisations has something that was not read.
    pub async fn wait(&mut self, organisations: &[OrganisationId], until: Instant) -> Woken {
        let may_read_at = self.last_read + READ_PAUSE;
        loop {
            if *self.stopped.borrow() {
                return Woken::Stopped;
            }
            let has_news = self.has_news(organisations);
            if has_news && Instant::now() >= may_read_at {
                return Woken::News;
            }
            tokio::select! {
                _ = self.stopped.changed() => {}
                () = tokio::time::sleep_until(until) => return Woken::Late,
                () = tokio::time::sleep_until(may_read_at), if has_news => {}
                // Others' events wake everybody; looking is cheap, but not so cheap that every commit is worth it.
                () = grown(&mut self.growth), if !has_news => {}
            }
        }
    }

    fn has_news(&mut self, organisations: &[OrganisationId]) -> bool {
        let growth = self.growth.borrow_and_update();
        let mut organisations = organisations.iter();
        organisations.any(|organisation| {
            let latest = growth.get(organisation).copied().unwrap_or_default();
            latest > self.position.of(*organisation)
        })
    }
}

/// Waits until feeds have grown.
async fn grown(growth: &mut watch::Receiver<Growth>) {
    if growth.changed().await.is_err() {
        // The store is closed: nothing more will come.
        std::future::pending::<()>().await;
    }
}
