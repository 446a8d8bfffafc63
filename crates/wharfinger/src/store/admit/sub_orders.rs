//! The entries of sub-orders: blocks of their own, after the blocks of the batch.

use wharfinger_core::ids::part_index;

use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::block::{Block, Builder};
use crate::store::journal::entry_outcomes::EntryOutcome;

/// Blocks of parts being made.
pub(crate) struct SubOrderBlocks {
    /// The block that the next entry lies in.
    next: BlockId,
    entries: usize,
    open: Builder,
    pub blocks: Vec<Block>,
    pub marks: Vec<EntryOutcome>,
    /// The order whose parts came last, and how many entries those have.
    last: (u32, usize),
}

/// What a part shares with the order that it is of.
pub(crate) struct SubOrderText<'t> {
    /// The order's place in its batch.
    pub index: u32,
    /// The part's number, as text.
    pub key: &'t str,
    /// The hash of its e-mail address.
    pub email: EmailHash,
    /// What was submitted.
    pub text: &'t str,
}

impl SubOrderBlocks {
    /// Begins with this block.
    pub(crate) fn new(next: BlockId) -> Self {
        Self {
            next,
            entries: 0,
            open: Builder::default(),
            blocks: Vec::new(),
            marks: Vec::new(),
            last: (0, 0),
        }
    }

    /// Where the next entry will lie.
    pub(crate) fn place(&mut self) -> EntryAddr {
        if self.open.is_full() {
            self.end_block();
        }
        self.next.entry(self.entries)
    }

    /// The place in the batch of the next entry of an order's parts.
    ///
    /// # Errors
    /// There is no room: the batch, or the order, is far larger than is allowed.
    pub(crate) fn index(&self, of: u32) -> Result<u32, Fault> {
        let entry = if self.last.0 == of { self.last.1 } else { 0 };
        let no_room = || Fault::Refused("the batch is too large for orders to be split".into());
        part_index(of, entry).ok_or_else(no_room)
    }

    /// Adds the next entry.
    pub(crate) fn push(
        &mut self,
        part: &SubOrderText<'_>,
        mark: EntryOutcome,
    ) -> Result<(), Fault> {
        let index = self.index(part.index)?;
        self.last = match self.last {
            (of, entries) if of == part.index => (of, entries + 1),
            _ => (part.index, 1),
        };
        self.open.push(index, part.key, part.email, part.text);
        self.marks.push(mark);
        self.entries += 1;
        Ok(())
    }

    fn end_block(&mut self) {
        self.blocks.push(self.open.finish());
        self.next = self.next.plus(1);
        self.entries = 0;
    }

    /// The blocks, and the marks of all their entries.
    pub(crate) fn finish(mut self) -> (Vec<Block>, Vec<EntryOutcome>) {
        if self.entries > 0 {
            self.end_block();
        }
        (self.blocks, self.marks)
    }
}
