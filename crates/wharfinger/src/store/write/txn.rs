//! A write transaction: the counters, caches and pending rows that its jobs share.

use std::collections::HashMap;

use wharfinger_core::dialect::Number;
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};

use super::audit::OrderChanges;
use super::finished::Finished;
use super::job::Job;
use super::merge;
use super::open_block::OpenBlock;
use crate::clock;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::{BlockId, EntryAddr, ORGANISATIONS_MAX};
use crate::store::format::id_map::IdMap;
use crate::store::index::key_space::KeySpace;
use crate::store::index::order_index::OrderIndex;
use crate::store::index::order_states::OrderStates;
use crate::store::journal::block::Builder;
use crate::store::journal::dialects::find_dialect;
use crate::store::journal::end::{Counters, read_counters, write_counters};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::epochs;
use crate::store::journal::order_ids::OrderIds;
use crate::store::journal::rows::{self, Written};
use crate::store::journal::stamps::{self, Drawn};
use crate::store::journal::write::{NewBlock, NewBlocks, Origin};
use crate::store::prepare::Group;
use crate::store::receipts;
use crate::store::receipts::write::NewReceipt;
use crate::store::replies::write::NewAnswers;
use crate::store::stats::{self, Deltas};
use crate::store::stock::overlay::{CatalogueOverlay, Kept};

/// Orders of a batch and an organisation whose keys are prefetched together with others, at most.
pub(crate) const FEW_ORDERS: usize = 64;

/// What the writer knows before a transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The time of the last commit, in milliseconds.
    pub last_ms: i64,
    /// The epoch of this process, if it has begun.
    pub epoch: Option<i64>,
    /// The greatest stamp, on SQLite.
    pub latest: Option<stamps::Latest>,
    /// How many recent changes transactions should have merged into the tables, and have left to later ones.
    pub owed: usize,
}

/// A write transaction.
pub(crate) struct WriteTxn<'c> {
    /// The connection that is in the transaction.
    pub connection: &'c Connection,
    /// The order index, with its page cache.
    pub index: OrderIndex<'c>,
    /// Changes of orders' states.
    pub order_states: OrderStates,
    /// The stock and customers of enforced catalogues, with this transaction's changes.
    pub overlay: CatalogueOverlay,
    dialects: HashMap<&'static str, DialectId>,
    /// The clock when it began, in milliseconds.
    began_ms: i64,
    /// The time of its changes. It is not before the last commit, unless the clock went back by more than a minute.
    now_ms: i64,
    /// The time that the clock went back from, if it did.
    back_from_ms: Option<i64>,
    /// The epoch of this process. `None` if it has not written to the journal yet.
    epoch: Option<i64>,
    /// The greatest stamp before this transaction, as far as the process knows it.
    latest: Option<stamps::Latest>,
    /// The stamp of its blocks, once it has drawn one.
    drawn: Option<Drawn>,
    /// How many recent changes earlier transactions have left to be merged.
    owed: usize,
    counters: IdMap<OrganisationId, Counters>,
    /// Counters that were read when their rows were locked, and that no job has asked for yet.
    locked: IdMap<OrganisationId, Counters>,
    order_ids: OrderIds,
    /// Blocks that small batches share and that are not written yet. Each is the last block of its organisation.
    open_blocks: IdMap<OrganisationId, Box<OpenBlock>>,
    /// Packs open blocks.
    builder: Builder,
    /// Blocks that are not written yet.
    blocks: NewBlocks,
    /// Saved responses, and those to be saved.
    pub answers: NewAnswers,
    /// Receipts that are not written yet.
    receipts: Vec<NewReceipt>,
    /// What the transaction adds to the statistics.
    pub stats: Deltas,
    /// See [`stats::begin_ms`].
    stats_begin_ms: Option<i64>,
    /// A batch whose receipt this transaction writes.
    batch: Option<BatchId>,
    /// Changes of orders that are not in the audit log yet.
    changes: OrderChanges,
}

impl<'c> WriteTxn<'c> {
    /// Starts with a connection that is in a write transaction.
    pub(crate) fn new(
        connection: &'c Connection,
        known: Known,
        mut kept: Kept,
    ) -> Result<Self, Fault> {
        let began_ms = clock::now_ms();
        let last_ms = known.last_ms;
        Ok(Self {
            connection,
            index: OrderIndex::new(connection, std::mem::take(&mut kept.index))?,
            order_states: OrderStates::default(),
            dialects: std::mem::take(&mut kept.dialects),
            stats_begin_ms: kept.stats_begin_ms,
            overlay: CatalogueOverlay::new(kept),
            began_ms,
            now_ms: clock::following(last_ms, began_ms),
            back_from_ms: clock::has_gone_back(last_ms, began_ms).then_some(last_ms),
            epoch: known.epoch,
            latest: known.latest,
            drawn: None,
            owed: known.owed,
            counters: IdMap::default(),
            locked: IdMap::default(),
            order_ids: OrderIds::default(),
            open_blocks: IdMap::default(),
            builder: Builder::default(),
            blocks: NewBlocks::default(),
            receipts: Vec::new(),
            stats: Deltas::default(),
            answers: NewAnswers::default(),
            batch: None,
            changes: OrderChanges::default(),
        })
    }

    /// The time of the changes of this transaction, in milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The counters of an organisation. They are read at the first call.
    pub(crate) fn counters(
        &mut self,
        organisation: OrganisationId,
    ) -> Result<&mut Counters, Fault> {
        if !self.counters.contains_key(&organisation) {
            let counters = match self.locked.remove(&organisation) {
                Some(locked) => locked,
                None => read_counters(self.connection, organisation)?,
            };
            self.learn(organisation, counters)?;
        }
        let lost = || Fault::Damaged("the counters of an organisation are missing".into());
        self.counters.get_mut(&organisation).ok_or_else(lost)
    }

    fn learn(&mut self, organisation: OrganisationId, counters: Counters) -> Result<(), Fault> {
        if organisation.0 >= ORGANISATIONS_MAX {
            return Err(Fault::Damaged(
                "an organisation's id is out of range".into(),
            ));
        }
        // Time does not go back in any feed, even if the clock of another process is slightly ahead.
        let last_ms = counters.last_ms;
        let following_ms = clock::following(last_ms, self.began_ms);
        self.now_ms = self.now_ms.max(following_ms);
        if clock::has_gone_back(last_ms, self.began_ms) {
            self.back_from_ms = Some(last_ms);
        }
        self.counters.insert(organisation, counters);
        Ok(())
    }

    /// The number of a dialect. It is assigned at first use, for which the transaction must have locked the store.
    pub(crate) fn dialect(&mut self, name: &'static str) -> Result<DialectId, Fault> {
        if let Some(known) = self.known_dialect(name)? {
            return Ok(known);
        }
        let insert = "insert into dialects (name) values (?1) returning id";
        let id = self
            .connection
            .query_row(insert, [name], |row| row.get(0))?;
        self.dialects.insert(name, id);
        Ok(id)
    }

    /// The number of a dialect. `None` if it has not been used yet.
    pub(crate) fn known_dialect(&mut self, name: &'static str) -> Result<Option<DialectId>, Fault> {
        if let Some(&known) = self.dialects.get(name) {
            return Ok(Some(known));
        }
        let found = find_dialect(self.connection, name)?;
        if let Some(id) = found {
            self.dialects.insert(name, id);
        }
        Ok(found)
    }

    /// Reads together what the jobs will need: saved responses, and the index pages of their orders' keys. `counters` are those of
    /// their organisations, whose rows are locked; everything else is read afterwards.
    ///
    /// Does nothing on an engine where single reads cost no round trip. A batch of many orders of few organisations prefetches its
    /// own keys.
    pub(crate) fn prefetch(
        &mut self,
        jobs: &[&dyn Job],
        counters: IdMap<OrganisationId, Counters>,
    ) -> Result<(), Fault> {
        if !self.index.can_prefetch() {
            return Ok(());
        }
        self.index.check(&counters);
        self.locked = counters;
        let batches = jobs.iter().filter_map(|job| job.batch());
        let names = jobs.iter().filter_map(|job| job.name());
        self.answers
            .prefetch(self.connection, names, clock::now_ms())?;
        let mut groups = Vec::new();
        for submission in batches {
            let dialect = self.dialect(submission.dialect)?;
            let few = |group: &&Group| group.rows.len() <= FEW_ORDERS;
            let of_batch = submission.groups.iter().filter(few);
            groups.extend(of_batch.map(|group| (submission, dialect, group)));
        }
        let wanted = groups.into_iter().map(|(submission, dialect, group)| {
            let named = group.rows.iter().filter(|row| row.number != Number::Next);
            let keys = named.map(|row| submission.text(row.key));
            (KeySpace::new(group.organisation, dialect), keys)
        });
        self.index.prefetch(wanted)
    }

    /// How many recent changes earlier transactions have left to be merged.
    pub(super) fn owed(&self) -> usize {
        self.owed
    }

    /// The id of the order at an entry address.
    pub(crate) fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        let block = order.block();
        let open_block = self.open_blocks.get(&block.organisation());
        if let Some(open_block) = open_block.filter(|open_block| open_block.id == block) {
            let lost = || Fault::Damaged(format!("there is no order in entry {}", order.0));
            return open_block.order_id(order.ordinal()).ok_or_else(lost);
        }
        if self.blocks.has(block) {
            self.blocks.write(self.connection)?;
        }
        self.order_ids.get(self.connection, order)
    }

    /// The id of the organisation's next block. Closes the open block.
    pub(crate) fn next_block(&mut self, organisation: OrganisationId) -> Result<BlockId, Fault> {
        self.close_block(organisation)?;
        Ok(BlockId::new(
            organisation,
            self.counters(organisation)?.block,
        ))
    }

    /// The address of the first of `orders` entries that may share a block.
    pub(crate) fn addr_in_open_block(
        &mut self,
        organisation: OrganisationId,
        dialect: DialectId,
        orders: usize,
    ) -> Result<EntryAddr, Fault> {
        match self.open_blocks.get(&organisation) {
            Some(open_block) if open_block.has_room(dialect, orders) => Ok(open_block.next()),
            Some(_) | None => Ok(self.next_block(organisation)?.entry(0)),
        }
    }

    /// Puts the orders of a batch into a block that other batches may share.
    pub(crate) fn share(
        &mut self,
        group: &Group,
        (batch, dialect): (BatchId, DialectId),
        entry_outcomes: &[EntryOutcome],
    ) -> Result<(), Fault> {
        let organisation = group.organisation;
        let end = self.counters(organisation)?.end();
        let begins = || {
            let id = BlockId::new(organisation, end.block);
            Box::new(OpenBlock::new(id, end.position, dialect))
        };
        let open_block = self.open_blocks.entry(organisation).or_insert_with(begins);
        open_block.push(batch, &group.rows, (group.blocks.first(), entry_outcomes));
        let (next, position) = (open_block.id.number() + 1, open_block.end_position);
        let counters = self.counters(organisation)?;
        (counters.block, counters.position) = (next, position);
        Ok(())
    }

    /// Writes the organisation's open block: before somebody reads it, and before another block follows.
    fn close_block(&mut self, organisation: OrganisationId) -> Result<(), Fault> {
        let Some(open_block) = self.open_blocks.remove(&organisation) else {
            return Ok(());
        };
        let packed = open_block.pack(&mut self.builder)?;
        self.write_block(
            open_block.id,
            open_block.first_position,
            &NewBlock {
                origin: Origin::Batches(&open_block.batches),
                dialect: open_block.dialect,
                entry_outcomes: &open_block.entry_outcomes,
                indexes: &packed.indexes,
                packed: Some(&packed),
            },
        )
    }

    /// Writes the organisation's next block. Returns its id.
    pub(crate) fn append(
        &mut self,
        organisation: OrganisationId,
        block: &NewBlock<'_>,
    ) -> Result<BlockId, Fault> {
        let id = self.next_block(organisation)?;
        let position = self.counters(organisation)?.position;
        self.write_block(id, position, block)?;
        let counters = self.counters(organisation)?;
        counters.block += 1;
        counters.position += block.events();
        Ok(id)
    }

    fn write_block(
        &mut self,
        id: BlockId,
        first_position: u64,
        block: &NewBlock<'_>,
    ) -> Result<(), Fault> {
        let own = self.epoch()?;
        let stamp = self.stamp()?;
        let now_ms = self.now_ms;
        let counters = self.counters(id.organisation())?;
        counters.stamp = stamp;
        counters.last_ms = now_ms;
        counters.latest_ms = counters.latest_ms.max(now_ms);
        if now_ms < counters.latest_ms {
            counters.back_block = id.number();
        }
        counters.epoch = counters.epoch.max(own);
        let written = Written {
            epoch: counters.epoch,
            stamp,
            at_ms: now_ms,
            latest_ms: counters.latest_ms,
        };
        let (connection, blocks) = (self.connection, &mut self.blocks);
        block.with_columns((id, first_position), written, |new| {
            if !rows::put_recent(connection, new)? {
                blocks.push(new.to_row());
            }
            Ok::<_, Fault>(())
        })?;
        if self.blocks.is_full() {
            self.blocks.write(self.connection)?;
        }
        Ok(())
    }

    /// The epoch of this process. It begins with the first block that the process writes.
    fn epoch(&mut self) -> Result<i64, Fault> {
        if let Some(known) = self.epoch {
            return Ok(known);
        }
        let begun = epochs::begin(self.connection, self.now_ms)?;
        self.epoch = Some(begun);
        Ok(begun)
    }

    /// The stamp of this transaction. Drawn at the first call, when all locks of organisations are held.
    fn stamp(&mut self) -> Result<i64, Fault> {
        let drawn = match self.drawn {
            Some(drawn) => drawn,
            None => stamps::draw(self.connection, self.latest)?,
        };
        self.drawn = Some(drawn);
        Ok(drawn.stamp)
    }

    /// Queues the receipt of a batch, to be written together with others.
    pub(crate) fn note_receipt(&mut self, receipt: NewReceipt) {
        self.batch = Some(receipt.batch);
        self.receipts.push(receipt);
    }

    /// Notes for the audit log that a key has changed an order, whose id the caller may know. `action` is the name of the event.
    pub(crate) fn note_change(
        &mut self,
        (action, who): (&'static str, &str),
        order: EntryAddr,
        id: Option<OrderId>,
    ) -> Result<(), Fault> {
        let organisation = order.block().organisation();
        let by = (action, who);
        if !self.changes.count(by, organisation) {
            return Ok(());
        }
        let id = match id {
            Some(known) => known,
            None => self.order_id(order)?,
        };
        self.changes.name(by, organisation, id);
        Ok(())
    }

    /// Whether a batch is counted in the statistics from its receipt later, and not by this transaction.
    pub(crate) fn is_counted_later(&mut self, batch: BatchId) -> Result<bool, Fault> {
        let begin_ms = match self.stats_begin_ms {
            Some(known) => known,
            None => stats::begin_ms(self.connection)?,
        };
        self.stats_begin_ms = Some(begin_ms);
        stats::is_left(self.connection, begin_ms, batch)
    }

    /// Writes the pending rows: open blocks, receipts and saved responses. Call it before reading them from the store.
    pub(crate) fn write_together(&mut self) -> Result<(), Fault> {
        let mut organisations = Vec::from_iter(self.open_blocks.keys().copied());
        organisations.sort_unstable();
        for organisation in organisations {
            self.close_block(organisation)?;
        }
        self.blocks.write(self.connection)?;
        receipts::write::write(self.connection, &self.receipts)?;
        self.receipts.clear();
        self.stats.write(self.connection)?;
        self.answers.write(self.connection)
    }

    /// Writes the pending changes of catalogues. Call it before reading them from the store.
    pub(crate) fn write_overlay(&mut self) -> Result<(), Fault> {
        self.overlay.write(self.connection, self.now_ms)
    }

    /// As [`Self::write_overlay`], and brings the stock table up to date. Call it before reading or changing that table.
    pub(crate) fn settle_stock(&mut self) -> Result<(), Fault> {
        self.write_overlay()?;
        self.overlay.apply_ledger(self.connection)
    }

    /// Writes everything that is pending, the counters last. Nothing is written between this and the commit.
    pub(crate) fn finish(mut self) -> Result<Finished, Fault> {
        self.write_together()?;
        self.write_overlay()?;
        self.changes.write(self.connection, self.now_ms)?;
        let owed = merge::some(&mut self)?;
        self.index.write()?;
        self.order_states.write_closed(self.connection)?;
        for ((organisation, dialect), change) in self.order_states.take_changes() {
            let counters = self.counters(organisation)?;
            counters.states.change(dialect, &change)?;
        }
        write_counters(self.connection, &self.counters)?;
        let stamp = self.drawn.map(|drawn| drawn.stamp);
        let grown = self.counters.iter();
        let grown = grown.filter(|(_, counters)| Some(counters.stamp) == stamp);
        let grown = grown.map(|(&organisation, counters)| (organisation, counters.end()));
        let grown = grown.collect();
        let (counters, locked) = (&self.counters, &self.locked);
        let now = |id| counters.get(&id).or_else(|| locked.get(&id));
        let mut kept = self.overlay.into_kept();
        kept.dialects = self.dialects;
        kept.stats_begin_ms = self.stats_begin_ms;
        kept.index = self.index.into_kept(now);
        Ok(Finished {
            now_ms: self.now_ms,
            back_from_ms: self.back_from_ms,
            epoch: self.epoch,
            drawn: self.drawn,
            owed,
            batch: self.batch,
            grown,
            kept,
        })
    }
}
