//! A write transaction: the counters, caches and pending rows that its jobs share.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use wharfinger_core::dialect::Number;
use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};

use super::job::Job;
use super::open_block::OpenBlock;
use crate::clock;
use crate::store::engine::driver::{Connection, params};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr, ORGANISATIONS_MAX};
use crate::store::index::key_space::KeySpace;
use crate::store::index::order_states::OrderStates;
use crate::store::index::orders::{OrderIndex, PREFETCHED_MAX};
use crate::store::journal::dialects::find_dialect;
use crate::store::journal::end::{Counters, JournalEnd, read_counters};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::epochs;
use crate::store::journal::order_ids::OrderIds;
use crate::store::journal::write::{NewBlock, Origin, Written};
use crate::store::prepare::Group;
use crate::store::receipts;
use crate::store::receipts::write::NewReceipt;
use crate::store::replies::write::NewAnswers;
use crate::store::stock::overlay::{CatalogueOverlay, Kept};

/// Orders up to which the keys of a batch are looked up with those of others.
const FEW_ORDERS: usize = 64;

/// A write transaction.
pub(crate) struct WriteTxn<'c> {
    /// The connection that is in it.
    pub connection: &'c Connection,
    /// The table of orders.
    pub index: OrderIndex<'c>,
    /// Where orders stand.
    pub order_states: OrderStates,
    /// What enforced catalogues have.
    pub overlay: CatalogueOverlay,
    dialects: HashMap<&'static str, i64>,
    /// When it began, as the clock said.
    began_ms: i64,
    /// When it is: not before what was committed last, unless the clock has gone back.
    now_ms: i64,
    /// The time that the clock has gone back from, where it has.
    back_from_ms: Option<i64>,
    /// The epoch of this process; none where it has not written to the journal yet.
    epoch: Option<i64>,
    counters: HashMap<OrganisationId, Counters>,
    order_ids: OrderIds,
    /// Blocks that small batches share, and that are not written yet: each is its organisation's latest.
    open_blocks: BTreeMap<OrganisationId, OpenBlock>,
    /// Answers that are kept.
    pub answers: NewAnswers,
    /// Receipts that are not written yet.
    receipts: Vec<NewReceipt>,
    /// A batch whose receipt is written with the others.
    batch: Option<BatchId>,
}

impl<'c> WriteTxn<'c> {
    /// Begins, in a transaction that holds the write lock.
    pub(crate) fn new(
        connection: &'c Connection,
        (last_ms, epoch): (i64, Option<i64>),
        mut kept: Kept,
    ) -> Result<Self, Fault> {
        let began_ms = clock::now_ms();
        Ok(Self {
            connection,
            index: OrderIndex::new(connection),
            order_states: OrderStates::default(),
            dialects: std::mem::take(&mut kept.dialects),
            overlay: CatalogueOverlay::new(kept),
            began_ms,
            now_ms: clock::following(last_ms, began_ms),
            back_from_ms: clock::has_gone_back(last_ms, began_ms).then_some(last_ms),
            epoch,
            counters: HashMap::new(),
            order_ids: OrderIds::default(),
            open_blocks: BTreeMap::new(),
            receipts: Vec::new(),
            answers: NewAnswers::default(),
            batch: None,
        })
    }

    /// When the transaction is.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The counters of an organisation, read when they are first asked for.
    pub(crate) fn counters(
        &mut self,
        organisation: OrganisationId,
    ) -> Result<&mut Counters, Fault> {
        match self.counters.entry(organisation) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                if organisation.0 >= ORGANISATIONS_MAX {
                    return Err(Fault::Damaged(
                        "an organisation's id is out of range".into(),
                    ));
                }
                let counters = read_counters(self.connection, organisation)?;
                // Time runs forward in every feed, also if another process has a clock that is a little ahead.
                let last_ms = counters.last_ms;
                let following_ms = clock::following(last_ms, self.began_ms);
                self.now_ms = self.now_ms.max(following_ms);
                if clock::has_gone_back(last_ms, self.began_ms) {
                    self.back_from_ms = Some(last_ms);
                }
                Ok(unknown.insert(counters))
            }
        }
    }

    /// The number that stands for a dialect.
    pub(crate) fn dialect(&mut self, name: &'static str) -> Result<i64, Fault> {
        if let Some(&known) = self.dialects.get(name) {
            return Ok(known);
        }
        let id = match find_dialect(self.connection, name)? {
            Some(id) => id,
            None => {
                let insert = "insert into dialects (name) values (?1) returning id";
                self.connection
                    .query_row(insert, [name], |row| row.get(0))?
            }
        };
        self.dialects.insert(name, id);
        Ok(id)
    }

    /// Looks up together what jobs will ask for: whether they were answered before, and what holds the keys of their orders;
    /// where that is few ways there and back instead of many. A batch of many orders looks their keys up by itself.
    pub(crate) fn prefetch(&mut self, jobs: &[Box<dyn Job>]) -> Result<(), Fault> {
        if !self.index.can_prefetch() {
            return Ok(());
        }
        let names = jobs.iter().filter_map(|job| job.name());
        self.answers
            .prefetch(self.connection, names, clock::now_ms())?;
        let batches = jobs.iter().filter_map(|job| job.batch());
        let mut key_spaces = BTreeMap::<_, Vec<&str>>::new();
        for submission in batches.filter(|batch| batch.good <= FEW_ORDERS) {
            let dialect = self.dialect(submission.dialect)?;
            for group in &submission.groups {
                let named = group.rows.iter().filter(|row| row.number != Number::Next);
                let keys = named.map(|row| submission.text(row.key));
                let of = (group.organisation, dialect);
                key_spaces.entry(of).or_default().extend(keys);
            }
        }
        for ((organisation, dialect), keys) in key_spaces {
            let key_space = KeySpace::new(organisation, dialect);
            for keys in keys.chunks(PREFETCHED_MAX) {
                self.index.prefetch(&key_space, keys.iter().copied())?;
            }
        }
        Ok(())
    }

    /// The id of the order at a place.
    pub(crate) fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        let block = order.block();
        let open_blocks = self.open_blocks.get(&block.organisation());
        if let Some(open_blocks) = open_blocks.filter(|open_blocks| open_blocks.id == block) {
            let lost = || Fault::Damaged(format!("there is no order in entry {}", order.0));
            return open_blocks.order_id(order.ordinal()).ok_or_else(lost);
        }
        self.order_ids.get(self.connection, order)
    }

    /// The id that the organisation's next block will have; nothing is added to the one before any more.
    pub(crate) fn next_block(&mut self, organisation: OrganisationId) -> Result<BlockId, Fault> {
        self.close_block(organisation)?;
        Ok(BlockId::new(
            organisation,
            self.counters(organisation)?.block,
        ))
    }

    /// Where so many orders of a dialect will lie that may share a block.
    pub(crate) fn addr_in_open_block(
        &mut self,
        organisation: OrganisationId,
        dialect: i64,
        orders: usize,
    ) -> Result<EntryAddr, Fault> {
        match self.open_blocks.get(&organisation) {
            Some(open_blocks) if open_blocks.has_room(dialect, orders) => Ok(open_blocks.next()),
            Some(_) | None => Ok(self.next_block(organisation)?.entry(0)),
        }
    }

    /// Puts the orders of a batch into a block that others may share.
    pub(crate) fn share(
        &mut self,
        group: &Group,
        (batch, dialect): (BatchId, i64),
        marks: &[EntryOutcome],
    ) -> Result<(), Fault> {
        let organisation = group.organisation;
        let counters = *self.counters(organisation)?;
        let begins = || {
            let id = BlockId::new(organisation, counters.block);
            OpenBlock::new(id, counters.position, dialect)
        };
        let open_blocks = self.open_blocks.entry(organisation).or_insert_with(begins);
        open_blocks.push(batch, &group.rows, (group.blocks.first(), marks))?;
        let (next, position) = (open_blocks.id.number() + 1, open_blocks.end_position);
        let counters = self.counters(organisation)?;
        (counters.block, counters.position) = (next, position);
        Ok(())
    }

    /// Writes the block that is shared in an organisation: for whoever is to read it, and before another one follows.
    fn close_block(&mut self, organisation: OrganisationId) -> Result<(), Fault> {
        let Some(mut open_blocks) = self.open_blocks.remove(&organisation) else {
            return Ok(());
        };
        let packed = open_blocks.pack();
        self.write_block(
            open_blocks.id,
            open_blocks.first_position,
            &NewBlock {
                origin: Origin::Batches(&open_blocks.batches),
                dialect: open_blocks.dialect,
                marks: &open_blocks.marks,
                indexes: &packed.indexes,
                packed: Some(&packed),
            },
        )
    }

    /// Writes the organisation's next block.
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
        let now_ms = self.now_ms;
        let counters = self.counters(id.organisation())?;
        counters.last_ms = now_ms;
        counters.latest_ms = counters.latest_ms.max(now_ms);
        if now_ms < counters.latest_ms {
            counters.back_block = id.number();
        }
        counters.epoch = counters.epoch.max(own);
        let written = Written {
            epoch: counters.epoch,
            at_ms: now_ms,
            latest_ms: counters.latest_ms,
        };
        block.write(self.connection, (id, first_position), written)
    }

    /// The epoch of this process, which begins with the first block that it writes.
    fn epoch(&mut self) -> Result<i64, Fault> {
        if let Some(known) = self.epoch {
            return Ok(known);
        }
        let begun = epochs::begin(self.connection, self.now_ms)?;
        self.epoch = Some(begun);
        Ok(begun)
    }

    /// Notes the receipt of a batch, to be written with those of others.
    pub(crate) fn note_receipt(&mut self, receipt: NewReceipt) {
        self.batch = Some(receipt.batch);
        self.receipts.push(receipt);
    }

    /// Writes what jobs have left to be written together: for whoever is to read it from the store.
    pub(crate) fn write_together(&mut self) -> Result<(), Fault> {
        while let Some((&organisation, _)) = self.open_blocks.first_key_value() {
            self.close_block(organisation)?;
        }
        receipts::write::write(self.connection, &self.receipts)?;
        self.receipts.clear();
        self.answers.write(self.connection)
    }

    /// Writes what was noted of catalogues: for whoever is to read it from the store.
    pub(crate) fn write_overlay(&mut self) -> Result<(), Fault> {
        self.overlay.write(self.connection, self.now_ms)
    }

    /// As [`Self::write_overlay`], and brings the table of stock up to date: for whoever is to read that, or to change it.
    pub(crate) fn settle_stock(&mut self) -> Result<(), Fault> {
        self.write_overlay()?;
        self.overlay.apply_ledger(self.connection)
    }

    /// Writes what was noted, the counters last: the last thing before the commit.
    pub(crate) fn finish(mut self) -> Result<Finished, Fault> {
        self.write_together()?;
        self.write_overlay()?;
        self.index.write()?;
        self.order_states.write(self.connection)?;
        let replace = "insert into counters (organisation, next_block, next_position, next_number, last_ms, latest_ms, back_block, epoch) \
                       values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (organisation) do update \
                       set next_block = excluded.next_block, next_position = excluded.next_position, \
                       next_number = excluded.next_number, last_ms = excluded.last_ms, \
                       latest_ms = excluded.latest_ms, back_block = excluded.back_block, epoch = excluded.epoch";
        for (organisation, counters) in &self.counters {
            self.connection.prepare_cached(replace)?.execute(params![
                organisation.0,
                counters.block,
                counters.position.cast_signed(),
                counters.number.cast_signed(),
                counters.last_ms,
                counters.latest_ms,
                counters.back_block,
                counters.epoch,
            ])?;
        }
        let grown = self.counters.iter();
        let grown = grown.map(|(&organisation, counters)| (organisation, counters.end()));
        let mut kept = self.overlay.into_kept();
        kept.dialects = self.dialects;
        Ok(Finished {
            now_ms: self.now_ms,
            back_from_ms: self.back_from_ms,
            epoch: self.epoch,
            batch: self.batch,
            grown: grown.collect(),
            kept,
        })
    }
}

/// What the writer has to know of a transaction once it is on disk.
pub(crate) struct Finished {
    /// When it was.
    pub now_ms: i64,
    /// The time that the clock has gone back from since what was committed before, where it has.
    pub back_from_ms: Option<i64>,
    /// The epoch of this process, if it has begun.
    pub epoch: Option<i64>,
    /// A batch whose receipt it wrote, if it wrote one.
    pub batch: Option<BatchId>,
    /// What is known of catalogues.
    pub kept: Kept,
    /// How far the journals reach that it has written to.
    pub grown: Vec<(OrganisationId, JournalEnd)>,
}
