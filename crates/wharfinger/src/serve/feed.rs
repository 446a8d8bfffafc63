//! Reads the event feed, and waits at its end.
//!
//! Readers that wait are woken when the store reports growth, and read only then. Once a second, one query for all readers
//! finds what other processes have written. Concurrent reads of the feed are limited, so that other reads get through however
//! many readers there are.

use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use wharfinger_core::order::ids::OrganisationId;

use crate::store::{
    DeliveryPage, FeedCursor, FeedFilter, FeedPage, Growth, ReadFeed, Store, StoreError,
};

/// Pages of events that are read concurrently: half of the store's concurrent reads.
const READS_MAX: usize = 2;
/// Shortest time between two reads of a waiting reader. Events that arrive in between are read together.
const READ_PAUSE: Duration = Duration::from_millis(50);
/// How often the store is checked for the writes of other processes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// State that all readers of the feed share.
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
    /// Ends all waits, because the server is about to stop.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Waits for this long, or until the server is about to stop.
    pub async fn pause(&self, time: Duration) {
        let mut stopped = self.stopped.subscribe();
        // The sender is in `self`, so it cannot be dropped during the wait.
        let stop = stopped.wait_for(|is_stopped| *is_stopped);
        let _either = tokio::time::timeout(time, stop).await;
    }

    /// Whether the server is about to stop.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Checks for the writes of other processes, until the task is dropped.
    pub async fn follow(&self, store: &Store) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = store.look_for_growth().await {
                tracing::warn!(%error, "Could not check for events of other processes.");
            }
        }
    }
}

/// A reader of the feed.
pub struct Reader {
    /// How far it has read. `None` before the first read, from the beginning.
    cursor: Option<FeedCursor>,
    filter: FeedFilter,
    limit: usize,
    news: News,
    stopped: watch::Receiver<bool>,
    last_read: Instant,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There are new events.
    News,
    /// The time is up.
    Late,
    /// The server is about to stop.
    Stopped,
}

impl Reader {
    /// Starts after a cursor, or at the beginning.
    #[must_use]
    pub fn new(
        feed: &Feed,
        store: &Store,
        cursor: Option<FeedCursor>,
        filter: FeedFilter,
        limit: usize,
    ) -> Self {
        Self {
            cursor,
            filter,
            limit,
            news: News::new(store),
            stopped: feed.stopped.subscribe(),
            last_read: Instant::now(),
        }
    }

    /// How far the reader has read. `None` before the first read.
    #[must_use]
    pub fn cursor(&self) -> Option<&FeedCursor> {
        self.cursor.as_ref()
    }

    /// Reads the next page of `organisations`, which must be in ascending order.
    ///
    /// # Errors
    /// The store cannot be read, or not from this cursor.
    pub async fn read(
        &mut self,
        feed: &Feed,
        store: &Store,
        organisations: &[OrganisationId],
    ) -> Result<FeedPage, StoreError> {
        let request = self.request(organisations);
        // The semaphore is never closed.
        let _turn = feed.turns.acquire().await;
        let page = store.feed(request).await?;
        self.has_read_to(&page.next);
        Ok(page)
    }

    /// Like [`Self::read`], as a destination with this form of orders would get the events.
    ///
    /// # Errors
    /// The store cannot be read, or not from this cursor.
    pub async fn read_as_delivered(
        &mut self,
        feed: &Feed,
        store: &Store,
        organisations: &[OrganisationId],
        form: Option<&str>,
    ) -> Result<DeliveryPage, StoreError> {
        let (request, form) = (self.request(organisations), form.map(str::to_owned));
        // The semaphore is never closed.
        let _turn = feed.turns.acquire().await;
        let page = store.feed_as_delivered(request, form).await?;
        self.has_read_to(&page.next);
        Ok(page)
    }

    fn request(&self, organisations: &[OrganisationId]) -> ReadFeed {
        ReadFeed {
            after: self.cursor.clone(),
            organisations: organisations.to_vec(),
            filter: self.filter.clone(),
            limit: self.limit,
        }
    }

    fn has_read_to(&mut self, next: &FeedCursor) {
        self.last_read = Instant::now();
        self.cursor = Some(next.clone());
    }

    /// Waits until one of the organisations has events that were not read.
    pub async fn wait(&mut self, organisations: &[OrganisationId], until: Instant) -> Woken {
        let may_read_at = self.last_read + READ_PAUSE;
        loop {
            if *self.stopped.borrow() {
                return Woken::Stopped;
            }
            let read = self.cursor.as_ref().map_or(0, |cursor| cursor.to);
            let has_news = self
                .news
                .is_after(read, |of| organisations.binary_search(&of).is_ok());
            if has_news && Instant::now() >= may_read_at {
                return Woken::News;
            }
            tokio::select! {
                _ = self.stopped.changed() => {}
                () = tokio::time::sleep_until(until) => return Woken::Late,
                () = tokio::time::sleep_until(may_read_at), if has_news => {}
                // The events of any organisation wake every reader. The check is cheap, but too expensive to do for every
                // commit.
                () = self.news.grow(), if !has_news => {}
            }
        }
    }
}

/// What the store has announced and a reader has not read.
pub struct News {
    growth: watch::Receiver<Growth>,
    /// The number of the last change that is not new to the reader.
    passed: u64,
}

impl News {
    /// Everything is new.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self {
            growth: store.growth(),
            passed: 0,
        }
    }

    /// Whether an organisation that is `wanted` has something after a stamp.
    pub fn is_after(&mut self, read: i64, wanted: impl Fn(OrganisationId) -> bool) -> bool {
        let growth = self.growth.borrow_and_update();
        for (number, organisation, stamp) in growth.after(self.passed) {
            // What is new may not be readable yet. Then it stays new.
            if stamp > read && wanted(organisation) {
                return true;
            }
            self.passed = number;
        }
        false
    }

    /// Waits until the store announces more.
    pub async fn grow(&mut self) {
        if self.growth.changed().await.is_err() {
            // The store is closed: no more events will come.
            std::future::pending::<()>().await;
        }
    }
}
