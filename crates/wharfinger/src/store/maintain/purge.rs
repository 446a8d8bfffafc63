//! Purging: final orders that have not changed since a time go, with their history.
//!
//! One walk goes along each organisation's journal. At the first entry of an order to be purged, it removes the order from the
//! index and blanks the entry. It then blanks each later entry of the order, because the first one is blank. A slice of the walk
//! is one transaction and leaves the store consistent. An interrupted walk starts again from the front and skips blank entries.
//! Blocks of blank entries remain. Those at the front are deleted once no receipt needs them.

use std::collections::{BTreeMap, BTreeSet};

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use crate::store::Store;
use crate::store::api::{COMMAND_LINE, PurgeReport, PurgedOf, StoreError};
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::journal::end::read_counters;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::journal::rewrite::rewrite;
use crate::store::journal::start::Start;
use crate::store::journal::{self, admissions, holds, rows};
use crate::store::read::locate::block_ranges_of;
use crate::store::read::orders::not_in_index;
use crate::store::receipts::rejections;
use crate::store::write::audit::write_audit;
use crate::store::write::merge;
use crate::store::write::txn::WriteTxn;

/// Blocks that a slice reads, at most.
const SLICE_BLOCKS: u32 = 256;
/// Blocks that a slice rewrites, at most. Each has about a MiB of text.
const SLICE_REWRITTEN: u32 = 16;
/// Entries of the audit log that a slice deletes, at most.
const SLICE_AUDIT: usize = 10_000;
/// Batches that a slice reads, at most.
const SLICE_BATCHES: usize = 256;

impl Store {
    /// Deletes final orders whose last change was before a time (milliseconds since 1970), with their history. An interrupted
    /// purge is resumed.
    pub async fn purge(&self, before_ms: i64) -> Result<PurgeReport, StoreError> {
        merge::all(&self.writer).await?;
        let begin = move |txn: &mut WriteTxn<'_>| begin(txn, before_ms);
        let organisations = self.writer.ask(1, begin).await?;
        let mut report = PurgeReport::default();
        for &(organisation, before_ms) in &organisations {
            let mut of = PurgedOf {
                organisation,
                orders: 0,
                events: 0,
            };
            let mut next = Some(0);
            while let Some(from) = next {
                let walk = move |txn: &mut WriteTxn<'_>| {
                    Walk::new(txn, organisation, before_ms)?.slice(from)
                };
                let slice = self.writer.ask(1, walk).await?;
                of.orders += slice.orders;
                of.events += slice.events;
                next = slice.next;
            }
            report.organisations.push(of);
        }
        // An interrupted purge may have had a later time than this one. Its batches are dropped too.
        let before_ms = organisations.iter().map(|(_, before_ms)| *before_ms).max();
        let mut next = before_ms.map(|_| [0; 16]);
        while let (Some(after), Some(before_ms)) = (next, before_ms) {
            let drop_slice = move |txn: &mut WriteTxn<'_>| drop_batches(txn, before_ms, after);
            let (dropped, last) = self.writer.ask(1, drop_slice).await?;
            report.batches += dropped;
            next = last;
        }
        while let Some(before_ms) = before_ms {
            let drop_slice = move |txn: &mut WriteTxn<'_>| drop_audit(txn.connection, before_ms);
            let dropped = self.writer.ask(1, drop_slice).await?;
            report.audit += dropped;
            if dropped == 0 {
                break;
            }
        }
        for (organisation, _) in organisations {
            let drop_slice = move |txn: &mut WriteTxn<'_>| drop_front(txn, organisation);
            while self.writer.ask(1, drop_slice).await? {}
        }
        Ok(report)
    }
}

/// Records the purge and the audit entry. Returns what to purge: the organisations, each with its time.
fn begin(txn: &mut WriteTxn<'_>, before_ms: i64) -> Result<Vec<(OrganisationId, i64)>, Fault> {
    journal::start::begin(txn.connection, before_ms)?;
    let before = jiff::Timestamp::from_millisecond(before_ms)
        .map_or_else(|_| before_ms.to_string(), |before| before.to_string());
    let subject = format!("before {before}");
    write_audit(txn, COMMAND_LINE, "orders.purge", &subject, None)?;
    journal::start::all(txn.connection)
}

/// The result of a slice.
#[derive(Default)]
struct Slice {
    orders: u64,
    events: u64,
    /// The block number to continue with. `None` at the end.
    next: Option<u32>,
}

/// The walk along an organisation's journal.
struct Walk<'k, 'c> {
    txn: &'k mut WriteTxn<'c>,
    journal: Journal<'c>,
    organisation: OrganisationId,
    before_ms: i64,
    start: Start,
    rewritten: u32,
    done: Slice,
}

impl<'k, 'c> Walk<'k, 'c> {
    fn new(
        txn: &'k mut WriteTxn<'c>,
        organisation: OrganisationId,
        before_ms: i64,
    ) -> Result<Self, Fault> {
        Ok(Self {
            journal: Journal::new(txn.connection),
            start: journal::start::start(txn.connection, organisation)?,
            txn,
            organisation,
            before_ms,
            rewritten: 0,
            done: Slice::default(),
        })
    }

    /// Walks over some blocks, beginning with `from`.
    fn slice(mut self, from: u32) -> Result<Slice, Fault> {
        let first = from.max(self.start.block);
        let end = read_counters(self.txn.connection, self.organisation)?.block;
        let mut number = first;
        while number < end && number - first < SLICE_BLOCKS && self.rewritten < SLICE_REWRITTEN {
            self.block(BlockId::new(self.organisation, number))?;
            number += 1;
        }
        journal::start::set_start(self.txn.connection, self.organisation, self.start)?;
        self.done.next = (number < end).then_some(number);
        Ok(self.done)
    }

    /// Blanks the entries of a block that are to be purged.
    fn block(&mut self, id: BlockId) -> Result<(), Fault> {
        let head = self.journal.head(id)?.clone();
        let is_old = head.at_ms < self.before_ms;
        let key_space = KeySpace::new(self.organisation, head.dialect);
        let mut goes = vec![false; head.entry_outcomes.len()];
        for (ordinal, &entry_outcome) in head.entry_outcomes.iter().enumerate() {
            let addr = id.entry(ordinal);
            goes[ordinal] = match entry_outcome {
                EntryOutcome::Purged => false,
                EntryOutcome::Refused => is_old,
                EntryOutcome::Accepted { .. } => is_old && self.take_out(&key_space, addr)?,
                EntryOutcome::Updated { order, .. }
                | EntryOutcome::Unchanged { order, .. }
                | EntryOutcome::Transition { order, .. }
                | EntryOutcome::Fulfilled { order, .. } => {
                    let goes_now = order.block() == id && goes.get(order.ordinal()) == Some(&true);
                    goes_now || self.journal.entry_outcome(order)? == EntryOutcome::Purged
                }
            };
        }
        if !goes.contains(&true) {
            return Ok(());
        }
        let is_gone = |ordinal: usize| goes.get(ordinal) == Some(&true);
        for (ordinal, outcome) in head.entry_outcomes.iter().enumerate() {
            if is_gone(ordinal) && outcome.has_about() {
                holds::forget(self.txn.connection, id.entry(ordinal))?;
            }
        }
        admissions::forget(self.txn.connection, id, is_gone)?;
        let of_entries = head.entry_outcomes.iter().zip(&goes);
        let events = of_entries.filter(|(entry_outcome, goes)| **goes && entry_outcome.is_event());
        let events = events.count() as u64;
        if events > 0 {
            self.done.events += events;
            self.start.position = self.start.position.max(head.first_position + head.events);
        }
        rewrite(self.txn.connection, id, |ordinal, entry| {
            if goes.get(ordinal) == Some(&true) {
                entry.entry_outcome = EntryOutcome::Purged;
                entry.email = EmailHash::NONE;
                entry.key.clear();
                entry.text.clear();
            }
        })?;
        let mut gone: BTreeMap<[u8; 16], BTreeSet<u32>> = BTreeMap::new();
        for (ordinal, _) in goes.iter().enumerate().filter(|(_, goes)| **goes) {
            if let (Some(batch), Some(index)) =
                (head.batches.of(ordinal), head.indexes.get(ordinal))
            {
                gone.entry(batch.to_bytes()).or_default().insert(*index);
            }
        }
        rejections::purge_attributes(self.txn.connection, self.organisation, &gone)?;
        self.journal.forget(id);
        self.rewritten += 1;
        Ok(())
    }

    /// Removes an order from the index if it is final and has not changed since the time. Returns whether it did.
    fn take_out(&mut self, key_space: &KeySpace, order: EntryAddr) -> Result<bool, Fault> {
        let key = self.journal.key(order)?;
        let found = self.txn.index.at(key_space, &key, order)?;
        let (row, holds) = found.ok_or_else(|| not_in_index(order))?;
        let changed_ms = self.journal.head(row.last_change().block())?.at_ms;
        if row.state.is_open() || changed_ms >= self.before_ms {
            return Ok(false);
        }
        let connection = self.txn.connection;
        self.txn.index.remove(key_space, &key, (order, holds))?;
        let delete = "delete from fulfilments where id = ?1 and organisation = ?1 >> 42";
        connection.prepare_cached(delete)?.execute([order.0])?;
        self.txn.order_states.removed(key_space, row.state);
        self.done.orders += 1;
        Ok(true)
    }
}

/// The id after which the walk over batches continues. `None` at the end.
type Next = Option<[u8; 16]>;

/// Drops the receipts of some batches that were received before a time and have no orders left, with everything that belongs to
/// them. Returns how many.
fn drop_batches(
    txn: &mut WriteTxn<'_>,
    before_ms: i64,
    after: [u8; 16],
) -> Result<(u64, Next), Fault> {
    let connection = txn.connection;
    let select = "select id, received_at_ms from batches where id > ?1 and sound(batches.intact) order by id limit ?2";
    let limit = i64::try_from(SLICE_BATCHES).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_map((after, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<([u8; 16], i64)> = found;
    let mut journal = Journal::new(connection);
    let mut dropped = 0;
    for &(id, received_at_ms) in &found {
        if received_at_ms < before_ms && is_purged(connection, &mut journal, id)? {
            end_feeds(connection, &mut journal, id)?;
            for table in [
                "delete from batches where id = ?1",
                "delete from rejections where batch = ?1",
                "delete from mended_batches where batch = ?1",
                "delete from closed_rejections where batch = ?1",
                "delete from batch_files where batch = ?1",
            ] {
                connection.prepare_cached(table)?.execute([id])?;
            }
            dropped += 1;
        }
    }
    if dropped > 0 {
        let delete = "delete from answers where batch is not null \
                      and not exists (select 1 from batches where batches.id = batch and batches.key_id = answers.key_id)";
        connection.execute(delete, ())?;
    }
    let last = found.last().map(|(id, _)| *id);
    Ok((dropped, last.filter(|_| found.len() == SLICE_BATCHES)))
}

/// Deletes some entries of the audit log about changes of orders before a time. What happened to orders that remain is in their
/// history. Entries about organisations, keys, destinations and the store itself are kept. Returns how many were deleted.
fn drop_audit(connection: &Connection, before_ms: i64) -> Result<u64, Fault> {
    let delete = "delete from audit where id in (select id from audit where at_ms < ?1 \
                  and (action like 'order.%' or action like 'rejection.%') and sound(audit.intact) order by id limit ?2)";
    let limit = i64::try_from(SLICE_AUDIT).unwrap_or(i64::MAX);
    let deleted = connection
        .prepare_cached(delete)?
        .execute((before_ms, limit))?;
    Ok(deleted as u64)
}

/// Moves the start of the feeds past the blocks of a batch. Their events refer to a receipt that no longer exists.
fn end_feeds(
    connection: &Connection,
    journal: &mut Journal<'_>,
    batch: [u8; 16],
) -> Result<(), Fault> {
    for part in block_ranges_of(connection, BatchId::from_bytes(batch))? {
        let Some(last) = part.blocks.checked_sub(1) else {
            continue;
        };
        let head = journal.head(part.first.plus(last))?;
        let organisation = part.first.organisation();
        let mut start = journal::start::start(connection, organisation)?;
        start.position = start.position.max(head.first_position + head.events);
        journal::start::set_start(connection, organisation, start)?;
    }
    Ok(())
}

/// Whether a batch has no orders left.
fn is_purged(
    connection: &Connection,
    journal: &mut Journal<'_>,
    batch: [u8; 16],
) -> Result<bool, Fault> {
    let batch = BatchId::from_bytes(batch);
    for part in block_ranges_of(connection, batch)? {
        for at in 0..part.blocks {
            let head = journal.head(part.first.plus(at))?;
            let of_batch = head.batches.get(batch);
            let entry_outcomes = of_batch.and_then(|of| head.entry_outcomes.get(of.start..of.end));
            if entry_outcomes.is_some_and(|entry_outcomes| {
                entry_outcomes
                    .iter()
                    .any(|entry_outcome| *entry_outcome != EntryOutcome::Purged)
            }) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Deletes some blocks at the front of an organisation's journal that no receipt needs. Returns whether there may be more.
fn drop_front(txn: &mut WriteTxn<'_>, organisation: OrganisationId) -> Result<bool, Fault> {
    let connection = txn.connection;
    let mut journal = Journal::new(connection);
    let mut start = journal::start::start(connection, organisation)?;
    let end = read_counters(connection, organisation)?.block;
    let first = start.block;
    while start.block < end && start.block - first < SLICE_BLOCKS {
        let id = BlockId::new(organisation, start.block);
        let head = journal.head(id)?;
        let mut is_needed = head
            .entry_outcomes
            .iter()
            .any(|entry_outcome| *entry_outcome != EntryOutcome::Purged);
        for of in head.batches.iter() {
            is_needed = is_needed || has_receipt(connection, of.id)?;
        }
        if is_needed {
            break;
        }
        let position = head.first_position + head.events;
        rows::delete(connection, id)?;
        start.block += 1;
        start.position = start.position.max(position);
        start.gone_stamp = head.stamp;
    }
    journal::start::set_start(connection, organisation, start)?;
    Ok(start.block - first == SLICE_BLOCKS)
}

fn has_receipt(connection: &Connection, batch: BatchId) -> Result<bool, Fault> {
    let select = "select 1 from batches where id = ?1";
    let mut select = connection.prepare_cached(select)?;
    let found: Option<i64> = select
        .query_row([batch.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}
