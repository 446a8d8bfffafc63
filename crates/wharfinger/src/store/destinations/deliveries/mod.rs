//! The events of a destination, as it gets them.

mod page;
mod past;
mod previous;

use std::sync::Arc;

use wharfinger_core::order::ids::OrganisationId;

use self::page::Deliveries;
use super::reached;
use crate::store::Store;
use crate::store::api::{
    Delivery, DeliveryPage, Destination, Epoch, FeedCursor, ReadFeed, Selection, StoreError,
};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal;
use crate::store::journal::end::read_counters;
use crate::store::journal::read::{Journal, Order, blocks_up_to};
use crate::store::read::feed::reading::{Feeds, How, Page, Seen, read};
use crate::store::read::feed::told::told;

impl Store {
    /// Reads the next events of a destination, in commit order within an organisation. Those that were purged are left out.
    ///
    /// If the store was restored to a moment before the cursor, some events come again, and none is missed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deliveries(
        &self,
        destination: &Arc<Destination>,
        after: Option<FeedCursor>,
        limit: usize,
    ) -> Result<DeliveryPage, StoreError> {
        match self.deliveries_after(destination, after, limit).await {
            Err(StoreError::FeedBegins(begins)) => {
                let id = destination.id;
                tracing::warn!(%id, "The store was restored to a moment before the cursor of a destination; some events are delivered again.");
                let first = Some(begins.first);
                self.deliveries_after(destination, first, limit).await
            }
            read => read,
        }
    }

    async fn deliveries_after(
        &self,
        destination: &Arc<Destination>,
        after: Option<FeedCursor>,
        limit: usize,
    ) -> Result<DeliveryPage, StoreError> {
        let read = PageRequest {
            after,
            organisations: reached(&destination.reach),
            selection: destination.selection(),
            limit,
            skips_purged: true,
        };
        self.delivery_page(read).await
    }

    /// Reads the feed of organisations as a destination with this filter and this form of orders would get it, if it had existed from
    /// the beginning. Events that were purged are not skipped.
    ///
    /// # Errors
    /// The store cannot be read, or not from this cursor.
    pub async fn feed_as_delivered(
        &self,
        request: ReadFeed,
        form: Option<String>,
    ) -> Result<DeliveryPage, StoreError> {
        let selection = Selection {
            filter: request.filter,
            begins: None,
            form,
        };
        let read = PageRequest {
            after: request.after,
            organisations: Some(request.organisations),
            selection,
            limit: request.limit,
            skips_purged: false,
        };
        self.delivery_page(read).await
    }

    async fn delivery_page(&self, request: PageRequest) -> Result<DeliveryPage, StoreError> {
        let seen = Arc::clone(&self.seen_stamp);
        let read = move |connection: &Connection| {
            let organisations = request.organisations.as_deref();
            let how = How {
                after: request.after.as_ref(),
                feeds: organisations.map_or(Feeds::All, Feeds::Of),
                skips_purged: request.skips_purged,
            };
            let mut page = Deliveries::new(connection, &request.selection, request.limit);
            let (next, is_cut) = read(connection, how, &seen, &mut page)?;
            Ok(DeliveryPage {
                deliveries: page.into_deliveries(),
                next,
                is_cut,
            })
        };
        self.readers.follow(read).await
    }

    /// Reads events of a destination again, by their positions in the feed of an organisation, in this order. Those that were purged are
    /// left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deliveries_at(
        &self,
        destination: &Arc<Destination>,
        organisation: OrganisationId,
        positions: Vec<u64>,
    ) -> Result<Vec<Delivery>, StoreError> {
        let selection = destination.selection();
        let read = move |connection: &Connection| {
            let limit = positions.len();
            let mut page = Deliveries::new(connection, &selection, limit);
            read_at(connection, &mut page, (organisation, &positions))?;
            Ok(page.into_deliveries())
        };
        self.readers.read(read).await
    }
}

/// Which page of deliveries to read.
struct PageRequest {
    after: Option<FeedCursor>,
    /// In ascending order. `None` for all.
    organisations: Option<Vec<OrganisationId>>,
    selection: Selection,
    limit: usize,
    /// Whether events that were purged are left out.
    skips_purged: bool,
}

/// Adds the events at these positions to a page.
fn read_at<'c>(
    connection: &'c Connection,
    page: &mut Deliveries<'_, 'c>,
    (organisation, positions): (OrganisationId, &[u64]),
) -> Result<(), Fault> {
    let mut journal = Journal::new(connection);
    let start = journal::start::start(connection, organisation)?.position;
    let end = read_counters(connection, organisation)?.position;
    let beginning = FeedCursor::after(Epoch(0), 0);
    for &position in positions {
        if position < start || position >= end || !page.has_room() {
            continue;
        }
        let bound = i64::try_from(position).unwrap_or(i64::MAX);
        // Neighbours are usually in the same block.
        let number = match page.last_block() {
            Some((block, head))
                if block.organisation() == organisation && head.contains(&position) =>
            {
                block.number()
            }
            Some(_) | None => blocks_up_to(connection, organisation, Order::Position, bound)?,
        };
        let block = BlockId::new(organisation, number);
        let head = journal.head(block)?.clone();
        let at = position.saturating_sub(head.first_position);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(told) = told(block, &head).get(at) {
            let event = Seen {
                block,
                head: &head,
                told: *told,
                position,
                before: &beginning,
            };
            page.take_at(&mut journal, &event, beginning.clone())?;
        }
    }
    Ok(())
}
