//! Lists of the newest orders first, across all organisations.
//!
//! There is no index for this. The journal of each organisation is in the order of time, so they are merged: a heap has for each organisation
//! the latest time that an order may have that was not read yet. At first that is the time of its latest block, which its counters
//! have. An organisation is looked at only when no other one can have newer orders. The first page of a key that reaches many
//! organisations therefore reads their counters together, and the blocks of those that wrote last.
//!
//! The time is the latest one up to a block, which never goes back.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use wharfinger_core::order::ids::OrganisationId;

use super::{GoesOn, LOOK_ENTRIES, Listing, of_other_list};
use crate::store::api::ListCursor;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::index::open_orders::{next_open, open_between};
use crate::store::journal::end::Counters;
use crate::store::journal::read::first_later_than;
use crate::store::journal::rows::{begins, dialects_between};
use crate::store::journal::start::start;

/// How many blocks are looked at together: at first, and at most.
const BLOCKS_FIRST: u32 = 4;
const BLOCKS_MAX: u32 = 256;

/// Fills a page. `counters` are those of the organisations that have matching orders. Returns the cursor of the next page.
pub(super) fn fill(
    listing: &mut Listing<'_>,
    counters: &[(OrganisationId, Counters)],
) -> Result<Option<ListCursor>, Fault> {
    let mut heap = begin(listing, counters)?;
    let from_ms = listing.request.created_from_ms;
    while let Some(mut journal) = heap.pop() {
        if from_ms.is_some_and(|from| journal.at_ms < from) {
            // Nothing that is left is later.
            return Ok(None);
        }
        if !listing.spend(LOOK_ENTRIES) {
            return Ok(Some(journal.cursor()));
        }
        match journal.next_block(listing)? {
            Next::End => {}
            Next::Looked => heap.push(journal),
            Next::Block(block) => {
                if !journal.read_block(listing, block)? {
                    return Ok(Some(journal.cursor()));
                }
                heap.push(journal);
            }
        }
    }
    Ok(None)
}

/// The journals of these organisations. Nothing of them is read yet.
fn begin(
    listing: &Listing<'_>,
    counters: &[(OrganisationId, Counters)],
) -> Result<BinaryHeap<Backwards>, Fault> {
    let request = listing.request;
    let after = match request.after {
        None => None,
        Some(ListCursor::Newest {
            at_ms,
            organisation,
            place,
        }) => Some((at_ms, organisation, EntryAddr(place))),
        Some(_) => return Err(of_other_list()),
    };
    let before_ms = request.created_before_ms;
    let journals = counters.iter();
    let journals = journals.map(|(id, counters)| Backwards::new(*id, counters, after, before_ms));
    Ok(journals.collect())
}

/// The journal of an organisation, read backwards.
#[derive(Debug, PartialEq, Eq)]
struct Backwards {
    /// What is not read yet has this time or an earlier one.
    at_ms: i64,
    organisation: OrganisationId,
    /// What is not read yet is before this address.
    end: EntryAddr,
    /// Whether there is nothing later than `at_ms` before the address. If not, an earlier address must be found first.
    is_placed: bool,
    /// The number of the last block that is earlier than one before it.
    back_block: u32,
    /// The first block that the journal has, once it is known.
    first: Option<BlockId>,
    /// Blocks before the address that may have wanted orders, in ascending order.
    blocks: Vec<BlockId>,
    /// From this block on, `blocks` has all.
    looked_from: BlockId,
    /// How many blocks are looked at next.
    look: u32,
}

/// What follows in a journal.
enum Next {
    /// Nothing.
    End,
    /// Something was found out, so that another journal may come first now.
    Looked,
    /// The orders that begin in this block.
    Block(BlockId),
}

impl Backwards {
    fn new(
        organisation: OrganisationId,
        counters: &Counters,
        after: Option<(i64, OrganisationId, EntryAddr)>,
        before_ms: Option<i64>,
    ) -> Self {
        let mut end = BlockId::new(organisation, counters.block).entry(0);
        let mut bound = i64::MAX;
        match after {
            Some((ms, reached, place)) if organisation == reached => {
                end = end.min(place.max(BlockId::new(organisation, 0).entry(0)));
                bound = ms;
            }
            // At the same time, greater numbers come first.
            Some((ms, reached, _)) if organisation > reached => bound = ms.saturating_sub(1),
            Some((ms, _, _)) => bound = ms,
            None => {}
        }
        let is_at_place = after.is_some_and(|(_, reached, _)| organisation == reached);
        let mut is_placed = counters.latest_ms <= bound || is_at_place;
        if let Some(before) = before_ms.filter(|before| counters.latest_ms >= *before) {
            is_placed = false;
            // If the clock went back, blocks behind a later one may be earlier.
            if counters.back_block == 0 {
                bound = bound.min(before.saturating_sub(1));
            }
        }
        Self {
            at_ms: counters.latest_ms.min(bound),
            organisation,
            end,
            is_placed,
            back_block: counters.back_block,
            first: None,
            blocks: Vec::new(),
            looked_from: behind(end),
            look: BLOCKS_FIRST,
        }
    }

    /// The cursor behind everything that was read.
    fn cursor(&self) -> ListCursor {
        ListCursor::Newest {
            at_ms: self.at_ms,
            organisation: self.organisation,
            place: self.end.0,
        }
    }

    fn next_block(&mut self, listing: &mut Listing<'_>) -> Result<Next, Fault> {
        if !self.is_placed {
            self.place(listing)?;
            return Ok(Next::Looked);
        }
        let Some(&block) = self.blocks.last() else {
            return self.look_further(listing);
        };
        let at_ms = listing.journal.head(block)?.latest_ms;
        if at_ms < self.at_ms {
            self.at_ms = at_ms;
            return Ok(Next::Looked);
        }
        self.blocks.pop();
        Ok(Next::Block(block))
    }

    /// The first block that the journal has. Those before it were purged.
    fn first(&mut self, listing: &Listing<'_>) -> Result<BlockId, Fault> {
        if let Some(known) = self.first {
            return Ok(known);
        }
        let number = start(listing.connection, self.organisation)?.block;
        let first = BlockId::new(self.organisation, number);
        self.first = Some(first);
        Ok(first)
    }

    /// Finds the address before which nothing is too late.
    fn place(&mut self, listing: &Listing<'_>) -> Result<(), Fault> {
        let first = self.first(listing)?.number();
        let blocks = first..behind(self.end).number().max(first);
        let (connection, organisation) = (listing.connection, self.organisation);
        let mut end = first_later_than(connection, organisation, (blocks.clone(), self.at_ms))?;
        if let Some(before) = listing.request.created_before_ms {
            let until_ms = before.saturating_sub(1);
            let late = first_later_than(connection, organisation, (blocks, until_ms))?;
            end = end.min(late.max(self.back_block.saturating_add(1)));
        }
        self.end = self.end.min(BlockId::new(organisation, end).entry(0));
        self.looked_from = behind(self.end);
        self.is_placed = true;
        Ok(())
    }

    /// Finds the next blocks that may have wanted orders.
    fn look_further(&mut self, listing: &mut Listing<'_>) -> Result<Next, Fault> {
        let (first, connection) = (self.first(listing)?, listing.connection);
        if self.looked_from <= first {
            return Ok(Next::End);
        }
        let from = BlockId(self.looked_from.0 - i64::from(self.look)).max(first);
        let range = from..self.looked_from;
        self.looked_from = from;
        self.look = (self.look * 2).min(BLOCKS_MAX);
        let wanted = listing.dialect;
        let mut found = Vec::new();
        let note = |block, dialect| {
            if wanted.is_none_or(|wanted| wanted == dialect) {
                found.push(block);
            }
            Ok(true)
        };
        if listing.wants_final() {
            let looked = range.end.0 - range.start.0;
            dialects_between(connection, range, note)?;
            listing.spend(usize::try_from(looked).unwrap_or_default());
        } else {
            open_between(connection, range, note)?;
            if found.is_empty() {
                let next = next_open(connection, first..from, wanted, true)?;
                self.looked_from = next.unwrap_or(first);
                found.extend(next);
            }
        }
        let end = found.last().map_or(self.looked_from, |last| last.plus(1));
        self.end = self.end.min(end.entry(0));
        if found.is_empty()
            && let Some(block) = begins(connection, self.looked_from)?
        {
            self.at_ms = self.at_ms.min(block.latest_ms);
        }
        self.blocks = found;
        Ok(Next::Looked)
    }

    /// Adds the orders that begin in a block, the last one first.
    fn read_block(&mut self, listing: &mut Listing<'_>, block: BlockId) -> Result<GoesOn, Fault> {
        let orders = listing.begun_in(block)?;
        for ordinal in orders.into_iter().rev() {
            let order = block.entry(ordinal);
            if order >= self.end {
                continue;
            }
            if !listing.spend(1) || !listing.take(order, order, None)? {
                return Ok(false);
            }
            self.end = order;
        }
        self.end = block.entry(0);
        Ok(true)
    }
}

/// The first block that is all behind an address.
fn behind(end: EntryAddr) -> BlockId {
    end.block().plus(usize::from(end.ordinal() > 0))
}

/// The journal that may have the newest orders is the greatest.
impl Ord for Backwards {
    fn cmp(&self, other: &Self) -> Ordering {
        let this = (self.at_ms, self.organisation);
        this.cmp(&(other.at_ms, other.organisation))
    }
}

impl PartialOrd for Backwards {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
