//! Walking over orders in the order of their creation, as the journal has them.

use super::driver::Connection;
use wharfinger_core::dialect::OrderQuery;
use wharfinger_core::outcome::State;

use super::fault::Fault;
use super::journal::Journal;
use super::read::{PageInMaking, is_created_in};
use super::rows::Scope;
use super::standing::{read_open, read_tally};
use crate::store::place::BlockId;
use crate::store::slots::Mark;

/// The numbers of an organisation's blocks, from the first to before the last.
pub(super) type Blocks = std::ops::Range<u32>;

/// Fills a page with the orders that begin in some blocks.
pub(super) fn walk(
    connection: &Connection,
    mut blocks: Blocks,
    page: &mut PageInMaking<'_>,
) -> Result<(), Fault> {
    let query = page.query;
    if let (None, Some(count_max)) = (&query.keep, query.count_max) {
        let has_bounds = query.created_from_ms.is_some() || query.created_to_ms.is_some();
        page.page.total = if has_bounds {
            count(connection, blocks.clone(), page, count_max)?
        } else {
            tallied(connection, page)?.min(count_max)
        };
    }
    if let (Some(after), false) = (page.after, page.counts_by_walking()) {
        let number = after.block().number();
        if query.newest_first {
            blocks.end = blocks.end.min(number.saturating_add(1));
        } else {
            blocks.start = blocks.start.max(number);
        }
    }
    let mut candidates = Candidates::new(connection, page.scope, query, blocks);
    while let Some((block, ordinals)) = candidates.next(&mut page.journal)? {
        if candidates.are_matches && page.pass_over(ordinals.len()) {
            continue;
        }
        for ordinal in ordinals {
            if let Some(found) = page.find(block.entry(ordinal))?
                && !page.take(found)?
            {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// How many orders are in the states that are asked for.
fn tallied(connection: &Connection, page: &PageInMaking<'_>) -> Result<u64, Fault> {
    let tally = read_tally(connection, page.scope)?;
    Ok(tally.sum(&page.query.states).cast_unsigned())
}

/// Counts the orders that begin in some blocks, up to a bound.
fn count(
    connection: &Connection,
    blocks: Blocks,
    page: &mut PageInMaking<'_>,
    count_max: u64,
) -> Result<u64, Fault> {
    let mut total = 0;
    let mut candidates = Candidates::new(connection, page.scope, page.query, blocks);
    while let Some((block, ordinals)) = candidates.next(&mut page.journal)? {
        if candidates.are_matches {
            total += ordinals.len() as u64;
        } else {
            for ordinal in ordinals {
                total += u64::from(page.find(block.entry(ordinal))?.is_some());
            }
        }
        if total >= count_max {
            return Ok(count_max);
        }
    }
    Ok(total)
}

/// Walks over blocks, and tells which of the orders that begin there may be in the states that are asked for.
struct Candidates<'c, 'q> {
    connection: &'c Connection,
    scope: &'q Scope,
    query: &'q OrderQuery,
    newest_first: bool,
    wants_open: bool,
    wants_final: bool,
    /// Whether each of them is in one of the states.
    are_matches: bool,
    blocks: Blocks,
}

impl<'c, 'q> Candidates<'c, 'q> {
    fn new(
        connection: &'c Connection,
        scope: &'q Scope,
        query: &'q OrderQuery,
        blocks: Blocks,
    ) -> Self {
        let wanted = |is_open: bool| {
            let of_kind = State::ALL
                .iter()
                .filter(move |state| state.is_open() == is_open);
            let mut wanted = of_kind.map(|state| query.states.contains(state));
            (
                wanted.clone().any(|wanted| wanted),
                wanted.all(|wanted| wanted),
            )
        };
        let (wants_open, wants_all_open) = wanted(true);
        let (wants_final, wants_all_final) = wanted(false);
        Self {
            connection,
            scope,
            query,
            newest_first: query.newest_first,
            wants_open,
            wants_final,
            are_matches: wants_open == wants_all_open && wants_final == wants_all_final,
            blocks,
        }
    }

    /// The next block that has any, and their ordinals, in the order that is asked for.
    fn next(&mut self, journal: &mut Journal<'_>) -> Result<Option<(BlockId, Vec<usize>)>, Fault> {
        while let Some(block) = self.next_block()? {
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

    /// The next block of the dialect; only one with open orders, if no others are wanted.
    fn next_block(&mut self) -> Result<Option<BlockId>, Fault> {
        let (id, table) = if self.wants_final {
            ("id", "blocks")
        } else {
            ("block", "open_orders")
        };
        let direction = if self.newest_first { "desc" } else { "asc" };
        let select = format!(
            "select {id} from {table} where {id} >= ?1 and {id} < ?2 and dialect = ?3 order by {id} {direction} limit 1"
        );
        let number = |number| BlockId::new(self.scope.organisation, number).0;
        let (start, end) = (number(self.blocks.start), number(self.blocks.end));
        let mut select = self.connection.prepare_cached(&select)?;
        let mut rows = select.query((start, end, self.scope.dialect))?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let block = BlockId(row.get(0)?);
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
        let marks = &head.marks;
        let is_new = |ordinal: &usize| matches!(marks[*ordinal], Mark::Accepted { .. });
        let begun = (0..marks.len()).filter(is_new);
        if self.wants_open && self.wants_final {
            return Ok(begun.collect());
        }
        let open = read_open(self.connection, block)?;
        Ok(begun
            .filter(|&ordinal| open.contains(ordinal) == self.wants_open)
            .collect())
    }
}
