//! Rejected orders over all batches, newest batch first, and single ones.
//!
//! The list walks the table of rejected orders, so batches without any cost nothing. A caller of few organisations walks only
//! their part. A page reads a bounded number of batches and orders; the cursor goes on where it stopped.

use std::collections::{BTreeSet, HashMap, HashSet};

use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;

use super::closed::{self, ClosedOfBatch};
use super::encoding::Kind;
use super::extents::{BatchExtent, stored_organisation};
use super::read::{find, find_all};
use super::rejections;
use crate::store::Store;
use crate::store::api::{
    ReadRejections, ReceiptHead, Recorded, RecordedOutcome, RejectedOrder, RejectionId,
    RejectionPage, StoreError, Visible,
};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;

/// Batches that are looked at for one page, at most.
const BATCHES_MAX: usize = 2_048;
/// Batches that are looked at together.
const SLICE_BATCHES: usize = 128;
/// Orders that are decoded for one page, at most.
const ORDERS_MAX: usize = 10_000;
/// Bytes of text and of errors in one page, at most. The first order may exceed it.
const TEXT_BYTES_MAX: usize = 8 << 20;
/// A caller of more organisations walks the rejected orders of all.
const FEW_ORGANISATIONS: usize = 8;

impl Store {
    /// Rejected orders over all batches, newest batch first; within a batch in its order.
    pub async fn rejections(&self, request: ReadRejections) -> Result<RejectionPage, StoreError> {
        let read = move |connection: &Connection| Walk::new(connection, &request).page();
        self.readers.read(read).await
    }

    /// A rejected order that the caller may see.
    pub async fn rejection(
        &self,
        id: RejectionId,
        visible: &Visible,
    ) -> Result<Option<RejectedOrder>, StoreError> {
        let visible = visible.clone();
        let read = move |connection: &Connection| one(connection, id, &visible);
        self.readers.read(read).await
    }
}

/// A rejected order that the caller may see, with its warnings.
pub(crate) fn one(
    connection: &Connection,
    id: RejectionId,
    visible: &Visible,
) -> Result<Option<RejectedOrder>, Fault> {
    let Some((head, _)) = find(connection, id.batch)? else {
        return Ok(None);
    };
    let shows = |organisation| visible.shows(organisation, &head.key_id);
    let is_wanted = |organisation, kind| kind == Kind::Rejected && shows(organisation);
    let page = rejections::read_page(connection, id.batch, is_wanted, id.index, 1)?;
    let mut found = Vec::from_iter(page.orders.into_iter().filter(|of| of.index == id.index));
    rejections::attach_warnings(connection, id.batch, shows, &mut found)?;
    let closed = closed::of_batch(connection, id.batch)?;
    let mut found = found.into_iter();
    Ok(found
        .next()
        .map(|order| made(&head, order, &closed, visible)))
}

/// The answer about a rejected order.
fn made(
    head: &ReceiptHead,
    recorded: Recorded,
    closed: &ClosedOfBatch,
    visible: &Visible,
) -> RejectedOrder {
    let closed = closed.get(&(recorded.organisation, recorded.index));
    RejectedOrder {
        batch: head.id,
        dialect: head.dialect.clone(),
        key_id: head.key_id.clone(),
        received_at_ms: head.received_at_ms,
        closed: closed.map(|closed| closed.seen(visible, &head.key_id)),
        recorded,
    }
}

/// A walk over batches with rejected orders, and the page that it fills.
struct Walk<'w> {
    connection: &'w Connection,
    request: &'w ReadRejections,
    page: RejectionPage,
    batches: usize,
    orders: usize,
    text_bytes: usize,
}

impl<'w> Walk<'w> {
    fn new(connection: &'w Connection, request: &'w ReadRejections) -> Self {
        Self {
            connection,
            request,
            page: RejectionPage::default(),
            batches: 0,
            orders: 0,
            text_bytes: 0,
        }
    }

    fn page(mut self) -> Result<RejectionPage, Fault> {
        let request = self.request;
        let (first, mut end) =
            super::read::bounds(request.received_from_ms, request.received_to_ms);
        if let Some(from) = request.from {
            let batch = from.batch.to_bytes();
            if !self.batches(&[from.batch], from.index)? {
                return Ok(self.page);
            }
            end = end.min(batch);
        }
        if let Some(batch) = request.batch {
            if request.from.is_none() {
                self.batches(&[batch], 0)?;
            }
            return Ok(self.page);
        }
        let organisations = self.organisations();
        loop {
            let ids = self.next_batches(organisations.as_deref(), first, end)?;
            let Some(last) = ids.last().copied() else {
                return Ok(self.page);
            };
            if !self.batches(&ids, 0)? {
                return Ok(self.page);
            }
            end = last.to_bytes();
            if self.batches >= BATCHES_MAX {
                self.page.next = Some(RejectionId {
                    batch: last,
                    index: u32::MAX,
                });
                return Ok(self.page);
            }
        }
    }

    /// The organisations to walk, if they are few; `None` is none of the known ones. `None` for all.
    fn organisations(&self) -> Option<Vec<Option<OrganisationId>>> {
        let request = self.request;
        if let Some(organisation) = request.organisation {
            return Some(vec![Some(organisation)]);
        }
        let Visible::To { organisations, .. } = &request.visible else {
            return None;
        };
        match organisations {
            OrgAccess::Only(few) if few.len() <= FEW_ORGANISATIONS => {
                let few = few.iter().copied().map(Some);
                Some(few.chain([None]).collect())
            }
            OrgAccess::Only(_) | OrgAccess::All => None,
        }
    }

    /// The next batches with rejected orders whose ids are at least `first` and below `end`, newest first.
    fn next_batches(
        &self,
        organisations: Option<&[Option<OrganisationId>]>,
        first: [u8; 16],
        end: [u8; 16],
    ) -> Result<Vec<BatchId>, Fault> {
        let limit = i64::try_from(SLICE_BATCHES).unwrap_or(i64::MAX);
        let rejected = Kind::Rejected.number();
        let condition = "batch >= ?1 and batch < ?2 and case when sound(rejections.head_intact) then kind = ?3 end";
        let Some(organisations) = organisations else {
            let select = format!(
                "select distinct batch from rejections where {condition} order by batch desc limit ?4"
            );
            let mut select = self.connection.prepare_cached(&select)?;
            let ids = select.query_map((first, end, rejected, limit), |row| row.get(0))?;
            return Ok(ids.into_iter().map(BatchId::from_bytes).collect());
        };
        let select = format!(
            "select distinct batch from rejections where organisation = ?5 and {condition} order by batch desc limit ?4"
        );
        let mut select = self.connection.prepare_cached(&select)?;
        let (mut ids, mut known_from) = (BTreeSet::<[u8; 16]>::new(), first);
        for organisation in organisations {
            let organisation = stored_organisation(*organisation);
            let found = select.query_map((first, end, rejected, limit, organisation), |row| {
                row.get(0)
            })?;
            if let (true, Some(last)) = (found.len() == SLICE_BATCHES, found.last()) {
                // Older batches of this organisation are not known yet.
                known_from = known_from.max(*last);
            }
            ids.extend(found);
        }
        let known = ids.range(known_from..).rev();
        Ok(known.copied().map(BatchId::from_bytes).collect())
    }

    /// Adds the orders of these batches, the first of them from this position on. Returns whether the page has room for more.
    fn batches(&mut self, ids: &[BatchId], from: u32) -> Result<bool, Fault> {
        self.batches += ids.len();
        let wanted = HashSet::from_iter(ids.iter().copied());
        let found = find_all(self.connection, &wanted)?.into_iter();
        let mut receipts =
            HashMap::<_, _>::from_iter(found.map(|(head, of)| (head.id, (head, of))));
        let mut all_closed = closed::of_batches(self.connection, ids)?;
        for (at, id) in ids.iter().enumerate() {
            let Some((head, extents)) = receipts.remove(id) else {
                continue;
            };
            let closed = all_closed.remove(id).unwrap_or_default();
            let parts = self.wanted_parts(&head, &extents, &closed);
            let from = if at == 0 { from } else { 0 };
            if !parts.is_empty() && !self.batch(&head, &parts, &closed, from)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The parts of a batch that may have wanted orders.
    fn wanted_parts(
        &self,
        head: &ReceiptHead,
        extents: &[BatchExtent],
        closed: &ClosedOfBatch,
    ) -> Vec<Option<OrganisationId>> {
        let request = self.request;
        let at_ms = head.received_at_ms;
        let dialect = request.dialect.as_ref();
        if request.batch.is_some_and(|batch| batch != head.id)
            || dialect.is_some_and(|dialect| *dialect != head.dialect)
            || request.received_from_ms.is_some_and(|from| at_ms < from)
            || request.received_to_ms.is_some_and(|to| to < at_ms)
        {
            return Vec::new();
        }
        let mut rejected = HashMap::<_, u64>::new();
        for share in extents {
            *rejected.entry(share.organisation).or_default() += share.counts.rejected;
        }
        let is_wanted = |(organisation, rejected): &(Option<OrganisationId>, u64)| {
            let is_named = request
                .organisation
                .is_none_or(|named| *organisation == Some(named));
            let is_closed = |(whose, _): &&(Option<OrganisationId>, u32)| whose == organisation;
            *rejected > 0
                && is_named
                && request.visible.shows(*organisation, &head.key_id)
                && !(request.is_open && closed.keys().filter(is_closed).count() as u64 >= *rejected)
        };
        let parts = rejected.into_iter().filter(is_wanted);
        parts.map(|(organisation, _)| organisation).collect()
    }

    /// Adds the orders of a batch from a position on. Returns whether the page has room for more.
    fn batch(
        &mut self,
        head: &ReceiptHead,
        parts: &[Option<OrganisationId>],
        closed: &ClosedOfBatch,
        mut from: u32,
    ) -> Result<bool, Fault> {
        let is_part = |organisation, kind| kind == Kind::Rejected && parts.contains(&organisation);
        let at_most = self.request.limit.max(64);
        loop {
            let read = rejections::read_page(self.connection, head.id, is_part, from, at_most)?;
            let is_last = !read.is_cut && read.orders.len() < at_most;
            self.orders += read.orders.len();
            for order in read.orders {
                let index = order.index;
                if self.is_wanted(&order, closed) {
                    let bytes = text_bytes(&order);
                    let is_full = self.page.orders.len() >= self.request.limit.max(1)
                        || !self.page.orders.is_empty() && self.text_bytes + bytes > TEXT_BYTES_MAX;
                    if is_full {
                        return Ok(self.stop(head.id, index));
                    }
                    self.text_bytes += bytes;
                    let order = made(head, order, closed, &self.request.visible);
                    self.page.orders.push(order);
                }
                from = index.saturating_add(1);
            }
            if self.orders >= ORDERS_MAX && !is_last {
                return Ok(self.stop(head.id, from));
            }
            if is_last {
                if self.orders >= ORDERS_MAX {
                    return Ok(self.stop(head.id, u32::MAX));
                }
                return Ok(true);
            }
        }
    }

    /// Ends the page. The next one begins here.
    fn stop(&mut self, batch: BatchId, index: u32) -> bool {
        self.page.next = Some(RejectionId { batch, index });
        false
    }

    fn is_wanted(&self, order: &Recorded, closed: &ClosedOfBatch) -> bool {
        let request = self.request;
        let RecordedOutcome::Rejected(rejection) = &order.outcome else {
            return false;
        };
        let is_closed = || closed.contains_key(&(order.organisation, order.index));
        let has_key = |key: &String| order.key.as_ref() == Some(key);
        let needs_error = request.code.is_some() || request.pointer.is_some();
        !(request.is_open && is_closed())
            && request.key.as_ref().is_none_or(has_key)
            && (!needs_error || rejection.errors.iter().any(|error| request.wants(error)))
    }
}

fn text_bytes(order: &Recorded) -> usize {
    match &order.outcome {
        RecordedOutcome::Rejected(rejection) => {
            let errors = rejection.errors.iter();
            let errors = errors.map(|error| error.pointer.len() + error.message.len());
            rejection.text.as_ref().map_or(0, String::len) + errors.sum::<usize>()
        }
        RecordedOutcome::Accepted(_)
        | RecordedOutcome::Updated(..)
        | RecordedOutcome::Unchanged(..)
        | RecordedOutcome::Withheld => 0,
    }
}
