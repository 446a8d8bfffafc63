//! The event feed, read from the entry outcomes of the journal's blocks.

use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId, is_sub_order};

use crate::store::api::{Event, EventKind, FeedBegins, FeedPage, Growth, ReadFeed, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::batches::OfBatch;
use crate::store::journal::end::{JournalEnd, each_recent, read_counters};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::epochs::Epochs;
use crate::store::journal::order_ids::OrderIds;
use crate::store::journal::read::{Head, Journal, Order, blocks_up_to};
use crate::store::journal::start::Start;
use crate::store::{Store, journal};
use tokio::sync::watch;

/// Journal entries that are read for a page, at most.
const ENTRIES_PER_PAGE_MAX: usize = 100_000;
/// The cost of an organisation or a block, in entries.
const LOOK_ENTRIES: usize = 8;

/// Whether the page has room for more.
type GoesOn = bool;

impl Store {
    /// Reads the event feeds of organisations.
    pub async fn feed(&self, request: ReadFeed) -> Result<FeedPage, StoreError> {
        let read = move |connection: &Connection| feed(connection, &request);
        self.readers.read(read).await
    }

    /// The events of an organisation after a position (0 for the beginning), in commit order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events(
        &self,
        organisation: OrganisationId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let request = ReadFeed {
            from: vec![(organisation, after)],
            others: Vec::new(),
            epoch: None,
            kind: None,
            limit,
        };
        let page = self.feed(request).await?;
        Ok(page.events.into_iter().map(|(_, event)| event).collect())
    }

    /// Announces how far the feeds have grown. Commits of this process are announced at once, those of others by
    /// [`Self::look_for_growth`].
    pub fn growth(&self) -> watch::Receiver<Growth> {
        self.growth.subscribe()
    }

    /// Looks for commits of other processes, if anybody listens to [`Self::growth`].
    pub async fn look_for_growth(&self) -> Result<(), StoreError> {
        if self.growth.receiver_count() == 0 {
            return Ok(());
        }
        let found = self.readers.read(positions).await?;
        self.growth.send_if_modified(|known| {
            let before = known.clone();
            for (organisation, position) in found {
                let known = known.entry(organisation).or_default();
                *known = position.max(*known);
            }
            *known != before
        });
        Ok(())
    }
}

/// Reads a page of the feeds of some organisations, one after another.
///
/// # Errors
/// [`StoreError::FeedBegins`]: the events after the cursor were purged, or the store was restored since the cursor was returned.
pub(crate) fn feed(connection: &Connection, request: &ReadFeed) -> Result<FeedPage, Fault> {
    let epochs = Epochs::read(connection, request.epoch)?;
    let bounds = bounds(connection, request, &epochs)?;
    let mut reading = Reading {
        connection,
        request,
        bounds,
        journal: Journal::new(connection),
        order_ids: OrderIds::default(),
        entries_left: ENTRIES_PER_PAGE_MAX,
        page: FeedPage {
            events: Vec::new(),
            epoch: epochs.latest,
            positions: request.from.clone(),
            cut: None,
        },
    };
    for at in 0..request.from.len() {
        if !reading.of_organisation(at)? {
            reading.page.cut = Some(at);
            break;
        }
    }
    Ok(reading.page)
}

/// The beginning and the end of an organisation's journal.
type Bounds = (Start, JournalEnd);

/// The bounds of each requested organisation.
///
/// # Errors
/// [`StoreError::FeedBegins`]: as for [`feed`].
fn bounds(
    connection: &Connection,
    request: &ReadFeed,
    epochs: &Epochs,
) -> Result<Vec<Bounds>, Fault> {
    let mut begins = FeedBegins {
        is_restored: false,
        epoch: epochs.latest,
        positions: Vec::new(),
    };
    let mut bounds = Vec::with_capacity(request.from.len());
    for &(organisation, after) in request.from.iter().chain(&request.others) {
        let start = journal::start::start(connection, organisation)?;
        let counters = read_counters(connection, organisation)?;
        let has_read = epochs.has_read(connection, (organisation, after), (&counters, &start))?;
        let is_purged = after > 0 && after < start.position - 1;
        if !has_read || is_purged {
            begins.is_restored |= !is_purged;
            begins.positions.push((organisation, start.position - 1));
        }
        bounds.push((start, counters.end()));
    }
    if begins.positions.is_empty() {
        Ok(bounds)
    } else {
        Err(Fault::Client(StoreError::FeedBegins(Box::new(begins))))
    }
}

/// A page that is being filled.
struct Reading<'c> {
    connection: &'c Connection,
    request: &'c ReadFeed,
    /// The bounds of each organisation, in the order of the request.
    bounds: Vec<Bounds>,
    journal: Journal<'c>,
    order_ids: OrderIds,
    entries_left: usize,
    page: FeedPage,
}

impl Reading<'_> {
    /// Adds the events of the requested organisation at index `at`.
    fn of_organisation(&mut self, at: usize) -> Result<GoesOn, Fault> {
        let (organisation, after) = self.request.from[at];
        if self.entries_left == 0 {
            return Ok(false);
        }
        self.entries_left = self.entries_left.saturating_sub(LOOK_ENTRIES);
        let (start, end) = self.bounds[at];
        if end.position <= after.saturating_add(1) {
            return Ok(true);
        }
        let after = after.max(start.position - 1);
        self.page.positions[at].1 = after;
        let wanted = i64::try_from(after.saturating_add(1)).unwrap_or(i64::MAX);
        // The last block that does not begin after the position contains it.
        let first = blocks_up_to(self.connection, organisation, Order::Position, wanted)?;
        let first = first.max(start.block);
        for number in first..end.block {
            if self.entries_left == 0 || !self.of_block(at, BlockId::new(organisation, number))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn of_block(&mut self, at: usize, id: BlockId) -> Result<GoesOn, Fault> {
        let head = self.journal.head(id)?.clone();
        let entries = head.entry_outcomes.len() + LOOK_ENTRIES;
        self.entries_left = self.entries_left.saturating_sub(entries);
        for (position, (batch, kind, order)) in (head.first_position..).zip(told(id, &head)) {
            if position <= self.page.positions[at].1 {
                continue;
            }
            if self.request.kind.is_none_or(|wanted| wanted == kind) {
                if self.page.events.len() >= self.request.limit {
                    return Ok(false);
                }
                let (order, origin) = match order {
                    Some(order) => self.order(order)?,
                    None => (None, None),
                };
                let event = Event {
                    position,
                    at_ms: head.at_ms,
                    kind,
                    batch,
                    order,
                    origin,
                };
                self.page.events.push((id.organisation(), event));
            }
            self.page.positions[at].1 = position;
        }
        Ok(true)
    }
}

impl Reading<'_> {
    /// The id of an order. If it is a sub-order, also the id of the order that was split.
    fn order(&mut self, order: EntryAddr) -> Result<(Option<OrderId>, Option<OrderId>), Fault> {
        let id = self.order_ids.get(self.connection, order)?;
        if !id.index().is_some_and(is_sub_order) {
            return Ok((Some(id), None));
        }
        let admission = self.journal.admission(order)?;
        let split = admission.and_then(|admission| admission.split);
        Ok((Some(id), split.map(|split| split.origin)))
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

/// The position of the latest event of each organisation.
pub(crate) fn positions(connection: &Connection) -> Result<Growth, Fault> {
    // A damaged row is reported when it is read for its organisation. It must not stop the events of other organisations.
    let select = "select organisation, next_position from counters where counters.intact";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query(())?;
    let mut positions = Growth::new();
    while let Some(row) = rows.next()? {
        let next = row.get::<i64>(1)?.cast_unsigned();
        positions.insert(OrganisationId(row.get(0)?), next.saturating_sub(1));
    }
    each_recent(connection, |organisation, counters| {
        positions.insert(organisation, counters.position.saturating_sub(1));
        Ok(())
    })?;
    Ok(positions)
}
