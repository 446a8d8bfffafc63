//! The event feed, read from the entry outcomes of the journal's blocks.

mod cursor;
mod reading;

use std::sync::Arc;

use tokio::sync::watch;
use wharfinger_core::order::ids::{BatchId, OrganisationId};

use self::reading::{ENTRIES_PER_PAGE_MAX, feed};
use crate::store::Store;
use crate::store::api::{Event, EventKind, FeedPage, Growth, ReadFeed, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::batches::OfBatch;
use crate::store::journal::end::stamps_after;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Head;
use crate::store::journal::stamps;

impl Store {
    /// Reads the event feeds of organisations.
    pub async fn feed(&self, request: ReadFeed) -> Result<FeedPage, StoreError> {
        let seen = Arc::clone(&self.seen_stamp);
        let read = move |connection: &Connection| feed(connection, &request, &seen);
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
                kind: None,
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

/// An event: its batch, its kind, and its order.
type Told = (Option<BatchId>, EventKind, Option<EntryAddr>);

/// The events of a block, in feed order: for each batch its receipt, then the events of its entries.
fn told(id: BlockId, head: &Head) -> Vec<Told> {
    let mut told = Vec::new();
    let mut batches = head.batches.iter().peekable();
    for (ordinal, &entry_outcome) in head.entry_outcomes.iter().enumerate() {
        while let Some(of) = batches.next_if(|of| of.start <= ordinal) {
            told.extend(received(of));
        }
        if let Some((kind, order)) = told_of(entry_outcome, id.entry(ordinal)) {
            told.push((head.batches.of(ordinal), kind, order));
        }
    }
    told.extend(batches.filter_map(received));
    told
}

fn received(of: &OfBatch) -> Option<Told> {
    of.is_first
        .then_some((Some(of.id), EventKind::BatchReceived, None))
}

/// The event of an entry: its kind and its order. `None` if the entry is no event.
fn told_of(entry_outcome: EntryOutcome, addr: EntryAddr) -> Option<(EventKind, Option<EntryAddr>)> {
    let kind = match entry_outcome {
        EntryOutcome::Accepted { .. } => EventKind::OrderAccepted,
        EntryOutcome::Updated { .. } => EventKind::OrderUpdated,
        EntryOutcome::Transition { to, .. } => to.event_kind(),
        EntryOutcome::Fulfilled { .. } => EventKind::OrderFulfilment,
        EntryOutcome::Unchanged { .. } | EntryOutcome::Refused | EntryOutcome::Purged => {
            return None;
        }
    };
    Some((kind, entry_outcome.order(addr)))
}
