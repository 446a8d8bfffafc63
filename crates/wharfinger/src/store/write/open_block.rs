//! The open block: small batches of one transaction share a block, so that single orders do not cost a block each.

use wharfinger_core::order::ids::{BatchId, OrderId};

use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, ENTRIES_MAX, EntryAddr};
use crate::store::format::varint::Damage;
use crate::store::journal::batches::Batches;
use crate::store::journal::block::{Block, Builder, Frame, decode_indexes, decode_keys};
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
    let is_small = |block: &Block| block.entries <= ORDERS_MAX && block.plain_bytes <= BYTES_MAX;
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
    /// The block of the only batch so far, as it was packed before the writer's turn. It is taken apart when another batch comes.
    only: Option<Block>,
    packed: Builder,
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
            only: None,
            packed: Builder::default(),
        }
    }

    /// Whether this many more entries of a dialect fit into it.
    pub(crate) fn has_room(&self, dialect: DialectId, entries: usize) -> bool {
        self.dialect == dialect
            && !self.packed.is_full()
            && self.entry_outcomes.len() + entries.max(1) <= ENTRIES_MAX
    }

    /// The address of the next entry.
    pub(crate) fn next(&self) -> EntryAddr {
        self.id.entry(self.entry_outcomes.len())
    }

    /// Adds a batch and its orders, if it has any. Entries that are not revisions store no text, key or hash: nobody reads them.
    pub(crate) fn push(
        &mut self,
        batch: BatchId,
        rows: &[Row],
        (block, entry_outcomes): (Option<&Block>, &[EntryOutcome]),
    ) -> Result<(), Damage> {
        let is_empty = self.entry_outcomes.is_empty();
        self.batches.push(batch, entry_outcomes.len(), true);
        self.entry_outcomes.extend_from_slice(entry_outcomes);
        let events = entry_outcomes
            .iter()
            .filter(|entry_outcome| entry_outcome.is_event())
            .count();
        self.end_position += 1 + events as u64;
        let ids = rows.iter().map(|row| batch.order(row.index));
        self.order_ids.extend(ids);
        let Some(block) = block else { return Ok(()) };
        if is_empty && entry_outcomes.iter().all(|outcome| outcome.is_alive()) {
            self.only = Some(block.clone());
            return Ok(());
        }
        if let Some(only) = self.only.take() {
            self.add(&only, |_| true)?;
        }
        let is_alive = |ordinal: usize| entry_outcomes.get(ordinal).is_some_and(|of| of.is_alive());
        self.add(block, is_alive)
    }

    /// Adds the entries of a block, without the contents of those that are not alive.
    fn add(&mut self, block: &Block, is_alive: impl Fn(usize) -> bool) -> Result<(), Damage> {
        let keys = decode_keys(&block.keys)?;
        let frame = Frame::read(&block.texts, 0)?;
        let hashes = block.emails.as_deref().unwrap_or_default();
        let mut hashes = EmailHash::each(hashes);
        for (ordinal, index) in decode_indexes(&block.indexes)?.into_iter().enumerate() {
            let email = hashes.next().unwrap_or(EmailHash::NONE);
            if !is_alive(ordinal) {
                self.packed.push(index, "", EmailHash::NONE, "");
                continue;
            }
            let lacks = Damage("a small block lacks an entry");
            let text = frame.text(ordinal).ok_or(lacks)?;
            let key = keys.get(ordinal).ok_or(lacks)?;
            self.packed.push(index, key, email, text);
        }
        Ok(())
    }

    /// The id of the order whose first revision is an entry.
    pub(crate) fn order_id(&self, ordinal: usize) -> Option<OrderId> {
        self.order_ids.get(ordinal).copied()
    }

    /// Packs its entries.
    pub(crate) fn pack(&mut self) -> Block {
        let only = self.only.take();
        only.unwrap_or_else(|| self.packed.finish())
    }
}
