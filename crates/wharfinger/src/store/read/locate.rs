//! From an order id to its entry address: the receipt of its batch names the blocks.

use std::collections::HashMap;

use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;

use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::receipts::extents;

/// Batches whose block ranges are cached, at most.
const BATCHES_MAX: usize = 256;

/// The location of an order. It never changes.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    /// The entry address of its first revision.
    pub addr: EntryAddr,
    /// The number of its dialect.
    pub dialect: DialectId,
    /// Its key.
    pub key: String,
}

impl Located {
    /// The organisation that the order belongs to.
    pub(crate) fn organisation(&self) -> OrganisationId {
        self.addr.block().organisation()
    }
}

/// Neighbouring blocks of one organisation that a batch wrote, in the order of the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockRange {
    /// The first block.
    pub first: BlockId,
    /// The number of blocks.
    pub blocks: usize,
}

/// Finds orders by their ids. Caches the block ranges of batches, because orders of one batch are often requested together.
pub(crate) struct Locator<'c> {
    connection: &'c Connection,
    reach: &'c OrgAccess,
    batches: HashMap<BatchId, Vec<BlockRange>>,
}

impl<'c> Locator<'c> {
    /// A locator for a caller with this access. Nothing is read of an order that the caller may not access. Its absence and its
    /// existence therefore take the same time.
    pub(crate) fn new(connection: &'c Connection, reach: &'c OrgAccess) -> Self {
        Self {
            connection,
            reach,
            batches: HashMap::new(),
        }
    }

    /// The location of an order. `None` if there is no accessible order with this id.
    pub(crate) fn find(
        &mut self,
        journal: &mut Journal<'_>,
        order: OrderId,
    ) -> Result<Option<Located>, Fault> {
        let Some(index) = order.index() else {
            return Ok(None);
        };
        let batch = order.batch();
        let reach = self.reach;
        let parts = self.parts(batch)?.into_iter();
        for part in parts.filter(|part| reach.has(part.first.organisation())) {
            let Some(block) = block_of(journal, part, (batch, index))? else {
                continue;
            };
            let head = journal.head(block)?;
            let dialect = head.dialect;
            let Some((start, indexes)) = head.of_batch(batch) else {
                continue;
            };
            let Ok(at) = indexes.binary_search(&index) else {
                continue;
            };
            let ordinal = start + at;
            let Some(EntryOutcome::Accepted { .. }) = head.entry_outcomes.get(ordinal) else {
                // This entry of the batch created no order. It has the id of the order that it changed, or none.
                return Ok(None);
            };
            let addr = block.entry(ordinal);
            let key = journal.key(addr)?;
            return Ok(Some(Located { addr, dialect, key }));
        }
        Ok(None)
    }

    fn parts(&mut self, batch: BatchId) -> Result<Vec<BlockRange>, Fault> {
        if let Some(known) = self.batches.get(&batch) {
            return Ok(known.clone());
        }
        if self.batches.len() == BATCHES_MAX {
            self.batches.clear();
        }
        let parts = block_ranges_of(self.connection, batch)?;
        self.batches.insert(batch, parts.clone());
        Ok(parts)
    }
}

/// The blocks that a batch wrote. Empty if there is no such batch.
pub(crate) fn block_ranges_of(
    connection: &Connection,
    batch: BatchId,
) -> Result<Vec<BlockRange>, Fault> {
    let select = "select shares from batches where id = ?1 and sound(batches.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found: Option<String> = select
        .query_row([batch.to_bytes()], |row| row.get(0))
        .optional()?;
    let Some(json) = found else {
        return Ok(Vec::new());
    };
    let mut parts = Vec::new();
    for share in extents::from_json(&json)? {
        if let Some(organisation) = share.organisation {
            parts.push(BlockRange {
                first: BlockId::new(organisation, share.first),
                blocks: usize::try_from(share.blocks).unwrap_or_default(),
            });
        }
    }
    Ok(parts)
}

/// The block of a range that can have index `index` of the batch: the last one whose first index is not higher.
fn block_of(
    journal: &mut Journal<'_>,
    part: BlockRange,
    (batch, index): (BatchId, u32),
) -> Result<Option<BlockId>, Fault> {
    let (mut low, mut high) = (0, part.blocks);
    while low < high {
        let middle = low + (high - low) / 2;
        let head = journal.head(part.first.plus(middle))?;
        let of_batch = head.of_batch(batch);
        let first = of_batch.and_then(|(_, indexes)| indexes.first());
        if first.is_some_and(|&first| first <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1).map(|before| part.first.plus(before)))
}
