//! The event feed, read from the entry outcomes of the journal's blocks.

mod cursor;
mod latest;
pub(crate) mod reading;
pub(crate) mod told;

use std::sync::Arc;

use tokio::sync::watch;
use wharfinger_core::order::ids::OrganisationId;

use self::reading::{ENTRIES_PER_PAGE_MAX, Feeds, How, Page, Seen, read};
use crate::store::Store;
use crate::store::api::{Event, FeedEvent, FeedFilter, FeedPage, Growth, ReadFeed, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::journal::end::stamps_after;
use crate::store::journal::order_ids::OrderIds;
use crate::store::journal::read::Journal;
use crate::store::journal::stamps;

impl Store {
    /// Reads the event feeds of organisations.
    pub async fn feed(&self, request: ReadFeed) -> Result<FeedPage, StoreError> {
        let seen = Arc::clone(&self.seen_stamp);
        let read = move |connection: &Connection| {
            let how = How {
                after: request.after.as_ref(),
                feeds: Feeds::Of(&request.organisations),
                skips_purged: false,
            };
            let mut page = Events {
                request: &request,
                order_ids: OrderIds::default(),
                events: Vec::new(),
            };
            let (next, is_cut) = read(connection, how, &seen, &mut page)?;
            Ok(FeedPage {
                events: page.events,
                next,
                is_cut,
            })
        };
        self.readers.follow(read).await
    }

    /// The events of an organisation after a position (0 for the beginning), in commit order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events(
        &self,
        organisation: OrganisationId,
        position: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let request = ReadFeed {
                after,
                organisations: vec![organisation],
                filter: FeedFilter::default(),
                limit: ENTRIES_PER_PAGE_MAX,
            };
            let page = self.feed(request).await?;
            let events = page.events.into_iter().map(|told| told.event);
            found.extend(events.filter(|event| event.position > position));
            if !page.is_cut || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            after = Some(page.next);
        }
    }

    /// Announces what is written. Commits of this process are announced at once, those of others by [`Self::look_for_growth`].
    pub fn growth(&self) -> watch::Receiver<Growth> {
        self.growth.subscribe()
    }

    /// Looks for commits of other processes, if anybody listens to [`Self::growth`].
    pub async fn look_for_growth(&self) -> Result<(), StoreError> {
        if self.growth.receiver_count() == 0 {
            return Ok(());
        }
        let looked = self.growth.borrow().looked;
        let look = move |connection: &Connection| {
            let found = stamps_after(connection, looked)?;
            let latest = found.iter().map(|(_, stamp)| *stamp).max();
            let latest = latest.map(|latest| latest.min(stamps::horizon(connection)));
            Ok((found, latest.unwrap_or(looked).max(looked)))
        };
        let (found, looked) = self.readers.follow(look).await?;
        self.growth.send_if_modified(|growth| {
            growth.looked = looked;
            growth.add(found)
        });
        Ok(())
    }
}

/// A page of events.
struct Events<'r> {
    request: &'r ReadFeed,
    order_ids: OrderIds,
    events: Vec<FeedEvent>,
}

impl<'c> Page<'c> for Events<'_> {
    fn has_room(&self) -> bool {
        self.events.len() < self.request.limit
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn wants(&self, event: &Seen<'_>) -> bool {
        let filter = &self.request.filter;
        filter.wants(event.told.kind, event.head.at_ms)
    }

    fn take(&mut self, journal: &mut Journal<'c>, event: Seen<'_>) -> Result<(), Fault> {
        let at = (event.head, event.position);
        let told = told::event(journal, &mut self.order_ids, at, &event.told)?;
        self.events.push(FeedEvent {
            organisation: event.block.organisation(),
            event: told,
            next: event.next(),
        });
        Ok(())
    }
}
