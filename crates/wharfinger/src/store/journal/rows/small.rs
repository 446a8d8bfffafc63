//! Small blocks, in order: those of packs, and recent ones.

use std::ops::Range;

use super::packs::Packed;
use super::{NewRow, missing, recent};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;

/// A walk over small blocks. Citus has none.
pub(super) struct SmallBlocks<'c> {
    connection: &'c Connection,
    packed: Packed<'c>,
    /// The next block of a pack, if it was read.
    next_packed: Option<NewRow>,
    /// The recent blocks that are left, the next one last.
    recent: Vec<BlockId>,
    newest_first: bool,
}

impl<'c> SmallBlocks<'c> {
    /// Those of a range, in order, or in the opposite order if `newest_first`. With `only_open`, packs without open orders are
    /// passed over.
    pub(super) fn new(
        connection: &'c Connection,
        blocks: Range<BlockId>,
        (newest_first, only_open): (bool, bool),
    ) -> Result<Self, Fault> {
        let mut recent = recent::between(connection, &blocks)?;
        if !newest_first {
            recent.reverse();
        }
        let mut packed = Packed::new(connection, blocks, (newest_first, only_open));
        Ok(Self {
            next_packed: packed.next()?,
            connection,
            packed,
            recent,
            newest_first,
        })
    }

    /// The next block. One that is recent and in a pack comes once.
    pub(super) fn next(&mut self) -> Result<Option<NewRow>, Fault> {
        let packed = self.next_packed.as_ref().map(|new| new.row.head.id);
        let is_packed_next = match (packed, self.recent.last()) {
            (Some(packed), Some(&recent)) => {
                packed != recent && (packed < recent) != self.newest_first
            }
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_packed_next {
            let next = self.packed.next()?;
            return Ok(std::mem::replace(&mut self.next_packed, next));
        }
        let Some(id) = self.recent.pop() else {
            return Ok(None);
        };
        if packed == Some(id) {
            self.next_packed = self.packed.next()?;
        }
        let new = recent::block(self.connection, id)?;
        new.ok_or_else(|| missing(id)).map(Some)
    }
}
