//! The open block: small batches of one transaction share a block, so that single orders do not cost a block each.

use std::sync::Arc;

use wharfinger_core::order::ids::{BatchId, OrderId};

use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, ENTRIES_MAX, EntryAddr};
use crate::store::format::varint::Damage;
use crate::store::journal::batches::Batches;
use crate::store::journal::block::{BLOCK_BYTES_MAX, Block, Builder};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::prepare::{Group, Row, Submission};

/// Orders of a batch that may share a block, at most. A larger batch was packed before the writer's turn and stays as it is.
const ORDERS_MAX: usize = 16;
/// Bytes of text of a batch that may share a block, at most. The writer packs these texts again.
const BYTES_MAX: usize = 16 << 10;

/// Whether the orders of a group may share a block with other batches.
///
/// They may not if sub-orders could follow them in blocks of their own, or if decisions by a catalogue are stored beside them.
pub(crate) fn may_share(submission: &Submission, group: &Group) -> bool {
    let is_small =
        |block: &Arc<Block>| block.entries <= ORDERS_MAX && block.plain_bytes <= BYTES_MAX;
    let is_plain = |row: &Row| !row.intent.is_addition() && submission.demand(row).is_none();
    group.blocks.len() <= 1 && group.blocks.iter().all(is_small) && group.rows.iter().all(is_plain)
}

/// A block that may still grow and is not written yet.
pub(crate) struct OpenBlock {
    /// Its id.
    pub id: BlockId,
    /// The feed position of its first event.
    pub first_position: u64,
    /// The feed position after its last event.
    pub end_position: u64,
    /// The number of its dialect.
    pub dialect: DialectId,
    /// The batches that share it.
    pub batches: Batches,
    /// The outcomes of its entries.
    pub entry_outcomes: Vec<EntryOutcome>,
    order_ids: Vec<OrderId>,
    /// The blocks of the batches, as they were packed before the writer's turn.
    parts: Vec<Arc<Block>>,
    /// The length of their texts in bytes.
    plain_bytes: usize,
}

impl OpenBlock {
    /// An empty block.
    pub(crate) fn new(id: BlockId, first_position: u64, dialect: DialectId) -> Self {
        Self {
            id,
            first_position,
            end_position: first_position,
            dialect,
            batches: Batches::default(),
            entry_outcomes: Vec::new(),
            order_ids: Vec::new(),
            parts: Vec::new(),
            plain_bytes: 0,
        }
    }

    /// Whether this many more entries of a dialect fit into it.
    pub(crate) fn has_room(&self, dialect: DialectId, entries: usize) -> bool {
        self.dialect == dialect
            && self.plain_bytes < BLOCK_BYTES_MAX
            && self.entry_outcomes.len() + entries.max(1) <= ENTRIES_MAX
    }

    /// The address of the next entry.
    pub(crate) fn next(&self) -> EntryAddr {
        self.id.entry(self.entry_outcomes.len())
    }

    /// Adds a batch and its orders, if it has any.
    pub(crate) fn push(
        &mut self,
        batch: BatchId,
        rows: &[Row],
        (block, entry_outcomes): (Option<&Arc<Block>>, &[EntryOutcome]),
    ) {
        self.batches.push(batch, entry_outcomes.len(), true);
        self.entry_outcomes.extend_from_slice(entry_outcomes);
        let events = entry_outcomes
            .iter()
            .filter(|entry_outcome| entry_outcome.is_event())
            .count();
        self.end_position += 1 + events as u64;
        let ids = rows.iter().map(|row| batch.order(row.index));
        self.order_ids.extend(ids);
        if let Some(block) = block {
            self.plain_bytes += block.plain_bytes;
            self.parts.push(Arc::clone(block));
        }
    }

    /// The id of the order whose first revision is an entry.
    pub(crate) fn order_id(&self, ordinal: usize) -> Option<OrderId> {
        self.order_ids.get(ordinal).copied()
    }

    /// Packs its entries. Those that are not revisions store no text, key or hash: nobody reads them.
    pub(crate) fn pack(&self, builder: &mut Builder) -> Result<Arc<Block>, Damage> {
        let all_alive = self.entry_outcomes.iter().all(|outcome| outcome.is_alive());
        if let [only] = &self.parts[..]
            && all_alive
        {
            return Ok(Arc::clone(only));
        }
        let mut outcomes = self.entry_outcomes.iter();
        for part in &self.parts {
            part.for_each(|entry| match outcomes.next() {
                Some(outcome) if outcome.is_alive() => {
                    builder.push(entry.index, entry.key, entry.email, entry.text);
                }
                Some(_) | None => builder.push(entry.index, "", EmailHash::NONE, ""),
            })?;
        }
        Ok(Arc::new(builder.finish()))
    }
}
