//! The entries of sub-orders: blocks of their own, after the blocks of the batch.

use wharfinger_core::order::ids::sub_order_index;

use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::block::{Block, Builder};
use crate::store::journal::entry_outcomes::EntryOutcome;

/// Builds the blocks of sub-orders.
pub(crate) struct SubOrderBlocks {
    /// The block of the next entry.
    next: BlockId,
    entries: usize,
    open: Builder,
    pub blocks: Vec<Block>,
    pub entry_outcomes: Vec<EntryOutcome>,
    /// The batch index of the order whose sub-orders came last, and how many entries they have.
    last: (u32, usize),
}

/// An entry of a sub-order.
pub(crate) struct SubOrderText<'t> {
    /// The index of the order in its batch.
    pub index: u32,
    /// The number of the sub-order, as text.
    pub key: &'t str,
    /// The hash of its e-mail address, or [`EmailHash::NONE`].
    pub email: EmailHash,
    /// The text as it was submitted.
    pub text: &'t str,
}

impl SubOrderBlocks {
    /// Starts with this block.
    pub(crate) fn new(next: BlockId) -> Self {
        Self {
            next,
            entries: 0,
            open: Builder::default(),
            blocks: Vec::new(),
            entry_outcomes: Vec::new(),
            last: (0, 0),
        }
    }

    /// The address of the next entry.
    pub(crate) fn next_addr(&mut self) -> EntryAddr {
        if self.open.is_full() {
            self.end_block();
        }
        self.next.entry(self.entries)
    }

    /// The index in the batch of the next sub-order entry of the order at index `of`.
    ///
    /// # Errors
    /// No index is free: the batch or the order is too large.
    pub(crate) fn index(&self, of: u32) -> Result<u32, Fault> {
        let entry = if self.last.0 == of { self.last.1 } else { 0 };
        let no_room = || Fault::Refused("the batch is too large for orders to be split".into());
        sub_order_index(of, entry).ok_or_else(no_room)
    }

    /// Adds the next entry.
    pub(crate) fn push(
        &mut self,
        sub_order: &SubOrderText<'_>,
        entry_outcome: EntryOutcome,
    ) -> Result<(), Fault> {
        let index = self.index(sub_order.index)?;
        self.last = match self.last {
            (of, entries) if of == sub_order.index => (of, entries + 1),
            _ => (sub_order.index, 1),
        };
        self.open
            .push(index, sub_order.key, sub_order.email, sub_order.text);
        self.entry_outcomes.push(entry_outcome);
        self.entries += 1;
        Ok(())
    }

    fn end_block(&mut self) {
        self.blocks.push(self.open.finish());
        self.next = self.next.plus(1);
        self.entries = 0;
    }

    /// The blocks, and the outcomes of all their entries.
    pub(crate) fn finish(mut self) -> (Vec<Block>, Vec<EntryOutcome>) {
        if self.entries > 0 {
            self.end_block();
        }
        (self.blocks, self.entry_outcomes)
    }
}
