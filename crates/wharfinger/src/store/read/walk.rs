//! Walking the journal: orders in the order of their creation.

use wharfinger_core::dialect::OrderQuery;
use wharfinger_core::order::outcome::State;

use super::orders::{PageInMaking, is_created_in};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::index::key_space::KeySpace;
use crate::store::index::open_orders::{next_open, read_open};
use crate::store::index::order_states::read_state_counts;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::journal::rows::next_of_dialect;
use crate::store::journal::state_counts::StateCounts;

/// A range of an organisation's block numbers.
pub(crate) type Blocks = std::ops::Range<u32>;

/// Entries that are read before the connection is released for a while. That takes some tens of milliseconds.
const ENTRIES_PER_SLICE: usize = 16_384;

/// The cost of a block, in entries.
const BLOCK_ENTRIES: usize = 8;

/// The cost of an index row, in entries.
const ROW_ENTRIES: usize = 2;

/// The highest total that is counted by a walk.
const COUNTED_MAX: u64 = 100_000;

/// A walk over the orders that begin in some blocks. It can pause between blocks.
pub(crate) struct Walk {
    /// The blocks whose orders are not counted yet, and the total so far.
    counting: Option<(Blocks, u64)>,
    /// The blocks that may still fill the page.
    filling: Blocks,
}

impl Walk {
    /// Begins a walk. If the stored counts give the total, sets it at once.
    pub(crate) fn begin(
        connection: &Connection,
        blocks: Blocks,
        page: &mut PageInMaking<'_>,
    ) -> Result<Self, Fault> {
        let query = page.query;
        let mut walk = Self {
            counting: None,
            filling: blocks,
        };
        if let (None, Some(count_max)) = (&query.keep, query.count_max) {
            if query.created_from_ms.is_some() || query.created_to_ms.is_some() {
                walk.counting = Some((walk.filling.clone(), 0));
            } else {
                let state_counts = read_state_counts(connection, page.key_space)?;
                let total = state_counts.sum(&query.states).cast_unsigned();
                page.page.total = total.min(count_max);
            }
        }
        if let (Some(after), false) = (page.after, page.counts_by_walking()) {
            let (blocks, number) = (&mut walk.filling, after.block().number());
            if query.newest_first {
                blocks.end = blocks.end.min(number.saturating_add(1));
            } else {
                blocks.start = blocks.start.max(number);
            }
        }
        Ok(walk)
    }

    /// Continues for a slice. Returns whether the page is complete.
    pub(crate) fn go_on(
        &mut self,
        connection: &Connection,
        page: &mut PageInMaking<'_>,
    ) -> Result<bool, Fault> {
        let wanted = Wanted::of(page.query, &read_state_counts(connection, page.key_space)?);
        let mut entries_left = ENTRIES_PER_SLICE;
        if !self.count(connection, page, wanted, &mut entries_left)? {
            return Ok(false);
        }
        let (key_space, newest_first) = (page.key_space, page.query.newest_first);
        let blocks = &mut self.filling;
        let mut candidates = Candidates {
            connection,
            key_space,
            query: page.query,
            newest_first,
            wanted,
            blocks,
        };
        while let Some((block, ordinals)) = candidates.next(&mut page.journal, &mut entries_left)? {
            let passed = if wanted.are_matches {
                page.pass_over(ordinals.len())
            } else {
                0
            };
            for ordinal in ordinals.into_iter().skip(passed) {
                entries_left = entries_left.saturating_sub(ROW_ENTRIES);
                if let Some(found) = page.find(block.entry(ordinal))?
                    && !page.take(found)?
                {
                    return Ok(true);
                }
            }
        }
        Ok(self.filling.is_empty())
    }

    /// Counts the total if that is needed. Returns whether it is complete.
    fn count(
        &mut self,
        connection: &Connection,
        page: &mut PageInMaking<'_>,
        wanted: Wanted,
        entries_left: &mut usize,
    ) -> Result<bool, Fault> {
        let Some((blocks, total)) = &mut self.counting else {
            return Ok(true);
        };
        let count_max = page.query.count_max.unwrap_or_default().min(COUNTED_MAX);
        let mut candidates = Candidates {
            connection,
            key_space: page.key_space,
            query: page.query,
            newest_first: page.query.newest_first,
            wanted,
            blocks: &mut *blocks,
        };
        while *total < count_max
            && let Some((block, ordinals)) = candidates.next(&mut page.journal, entries_left)?
        {
            if wanted.are_matches {
                *total += ordinals.len() as u64;
                continue;
            }
            for ordinal in ordinals {
                *entries_left = entries_left.saturating_sub(ROW_ENTRIES);
                *total += u64::from(page.find(block.entry(ordinal))?.is_some());
            }
        }
        if *total < count_max && blocks.start < blocks.end {
            return Ok(false);
        }
        page.page.total = (*total).min(count_max);
        self.counting = None;
        Ok(true)
    }
}

/// The orders that a walk must consider, as far as is known without their index rows.
#[derive(Clone, Copy)]
struct Wanted {
    open: bool,
    is_final: bool,
    /// Whether each of them has one of the requested states.
    are_matches: bool,
}

impl Wanted {
    /// A state without orders counts as requested. That changes no result, and fewer index rows are read.
    fn of(query: &OrderQuery, state_counts: &StateCounts) -> Self {
        let (mut any, mut all) = ([false; 2], [true; 2]);
        for state in State::ALL {
            let kind = usize::from(state.is_open());
            let is_asked_for = query.states.contains(&state);
            any[kind] |= is_asked_for;
            all[kind] &= is_asked_for || state_counts.sum(&[state]) == 0;
        }
        let is_whole = |kind: usize| !any[kind] || all[kind];
        Self {
            is_final: any[0],
            open: any[1],
            are_matches: is_whole(0) && is_whole(1),
        }
    }
}

/// Walks over blocks and yields the orders that may be wanted.
struct Candidates<'c, 'q> {
    connection: &'c Connection,
    key_space: &'q KeySpace,
    query: &'q OrderQuery,
    newest_first: bool,
    wanted: Wanted,
    /// The blocks that are left.
    blocks: &'q mut Blocks,
}

impl Candidates<'_, '_> {
    /// The next block with candidates, and their ordinals in the requested order. `None` at the end of the blocks or the slice.
    fn next(
        &mut self,
        journal: &mut Journal<'_>,
        entries_left: &mut usize,
    ) -> Result<Option<(BlockId, Vec<usize>)>, Fault> {
        while *entries_left > 0 {
            let Some(block) = self.next_block()? else {
                break;
            };
            *entries_left = entries_left.saturating_sub(BLOCK_ENTRIES);
            let mut ordinals = self.ordinals(journal, block)?;
            if self.newest_first {
                ordinals.reverse();
            }
            if !ordinals.is_empty() {
                return Ok(Some((block, ordinals)));
            }
        }
        Ok(None)
    }

    /// The next block of the dialect. If only open orders are wanted, the next block that has some.
    fn next_block(&mut self) -> Result<Option<BlockId>, Fault> {
        let number = |number| BlockId::new(self.key_space.organisation, number);
        let blocks = number(self.blocks.start)..number(self.blocks.end);
        let dialect = self.key_space.dialect;
        let next = if self.wanted.is_final {
            next_of_dialect(self.connection, blocks, dialect, self.newest_first)?
        } else {
            next_open(self.connection, blocks, Some(dialect), self.newest_first)?
        };
        let Some(block) = next else {
            self.blocks.end = self.blocks.start;
            return Ok(None);
        };
        if self.newest_first {
            self.blocks.end = block.number();
        } else {
            self.blocks.start = block.number() + 1;
        }
        Ok(Some(block))
    }

    fn ordinals(&self, journal: &mut Journal<'_>, block: BlockId) -> Result<Vec<usize>, Fault> {
        let head = journal.head(block)?;
        if !is_created_in(self.query, head.at_ms) {
            return Ok(Vec::new());
        }
        let entry_outcomes = &head.entry_outcomes;
        let is_new =
            |ordinal: &usize| matches!(entry_outcomes[*ordinal], EntryOutcome::Accepted { .. });
        let begun = (0..entry_outcomes.len()).filter(is_new);
        if self.wanted.open && self.wanted.is_final {
            return Ok(begun.collect());
        }
        let open = read_open(self.connection, block)?;
        Ok(begun
            .filter(|&ordinal| open.contains(ordinal) == self.wanted.open)
            .collect())
    }
}
