//! The results of a batch's orders, in pages.

use wharfinger_core::order::ids::{BatchId, is_sub_order};

use super::encoding::Kind;
use super::extents::BatchExtent;
use super::rejections::{self, Page};
use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::api::{OutcomeKind, ReadResults, Recorded, RecordedOutcome, ResultPage};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::receipts;

impl Store {
    /// The visible results of a batch's orders, in pages.
    pub async fn results(&self, request: ReadResults) -> Result<ResultPage, StoreError> {
        let read = move |connection: &Connection| results(connection, &request);
        self.readers.read(read).await
    }
}

/// A page of results. Accepted orders are read from the blocks that the batch wrote, the others from the rejections.
pub(crate) fn results(connection: &Connection, request: &ReadResults) -> Result<ResultPage, Fault> {
    let Some((head, extents)) = receipts::read::find(connection, request.batch)? else {
        return Ok(ResultPage::default());
    };
    let from = match request.after {
        None => 0,
        Some(u32::MAX) => return Ok(ResultPage::default()),
        Some(after) => after + 1,
    };
    let limit = request.limit.max(1);
    let shows = |organisation| request.visible.shows(organisation, &head.key_id);
    let is_wanted = |kind| request.only.is_none_or(|only| only == kind);
    let mut taking = Taking {
        journal: Journal::new(connection),
        is_wanted,
        from,
        // One more result shows whether there is a next page.
        limit: limit + 1,
    };
    let mut taken = Vec::new();
    for share in extents.iter().filter(|share| shows(share.organisation)) {
        taking.find(request.batch, share, &mut taken)?;
    }
    let is_kind_wanted = |kind| match kind {
        Kind::Rejected => is_wanted(OutcomeKind::Rejected),
        Kind::Withheld => is_wanted(OutcomeKind::Withheld),
        Kind::Warned => false,
    };
    let is_part_wanted = |organisation, kind| shows(organisation) && is_kind_wanted(kind);
    let not_taken =
        rejections::read_page(connection, request.batch, is_part_wanted, from, limit + 1)?;
    let mut page = taking.merge(request.batch, taken, not_taken)?;
    if extents.iter().any(|share| share.warned > 0) {
        rejections::attach_warnings(connection, request.batch, shows, &mut page.results)?;
    }
    Ok(page)
}

/// An accepted order: its index in the batch, and its journal entry.
struct Taken {
    index: u32,
    addr: EntryAddr,
    entry_outcome: EntryOutcome,
}

/// A page that is being filled.
struct Taking<'c, F> {
    journal: Journal<'c>,
    is_wanted: F,
    from: u32,
    limit: usize,
}

impl<F: Fn(OutcomeKind) -> bool> Taking<'_, F> {
    /// Finds the first accepted orders of an organisation whose index in the batch is not below `from`.
    fn find(
        &mut self,
        batch: BatchId,
        share: &BatchExtent,
        taken: &mut Vec<Taken>,
    ) -> Result<(), Fault> {
        let Some(organisation) = share.organisation else {
            return Ok(());
        };
        let block = |number| BlockId::new(organisation, number);
        let end = share.first.saturating_add(share.blocks);
        // Blocks are in batch order. Those before `from` need not be read.
        let (mut low, mut high) = (share.first, end);
        while low < high {
            let middle = low + (high - low) / 2;
            let of_batch = self.journal.head(block(middle))?.of_batch(batch);
            let last = of_batch.and_then(|(_, indexes)| indexes.last());
            if last.is_some_and(|&last| last >= self.from) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let mut found = 0;
        for number in low..end {
            let id = block(number);
            let head = self.journal.head(id)?.clone();
            let (start, indexes) = head.of_batch(batch).unwrap_or_default();
            for (ordinal, &index) in (start..).zip(indexes) {
                let addr = id.entry(ordinal);
                let entry_outcome = self.journal.entry_outcome(addr)?;
                // A sub-order is reported with its order.
                if index >= self.from
                    && !is_sub_order(index)
                    && kind(entry_outcome).is_some_and(&self.is_wanted)
                    && !self.journal.is_of_purged(addr, entry_outcome)?
                {
                    taken.push(Taken {
                        index,
                        addr,
                        entry_outcome,
                    });
                    found += 1;
                }
                if found == self.limit {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Merges both kinds of results in batch order, up to the limit.
    fn merge(
        mut self,
        batch: BatchId,
        mut taken: Vec<Taken>,
        not_taken: Page,
    ) -> Result<ResultPage, Fault> {
        if let (true, Some(last)) = (not_taken.is_cut, not_taken.orders.last()) {
            // Rejected orders after the cut are unknown, so accepted orders after it are left for the next page.
            taken.retain(|taken| taken.index < last.index);
        }
        taken.sort_by_key(|taken| taken.index);
        taken.truncate(self.limit);
        let mut results = not_taken.orders;
        for taken in &taken {
            results.push(self.recorded(batch, taken)?);
        }
        results.sort_by_key(|recorded| recorded.index);
        let has_more = not_taken.is_cut || results.len() >= self.limit;
        results.truncate(self.limit - 1);
        let last = results.last().map(|recorded| recorded.index);
        Ok(ResultPage {
            next: last.filter(|_| has_more),
            results,
        })
    }

    fn recorded(&mut self, batch: BatchId, taken: &Taken) -> Result<Recorded, Fault> {
        let (order, outcome) = match taken.entry_outcome {
            EntryOutcome::Accepted { .. } => {
                let id = batch.order(taken.index);
                (taken.addr, RecordedOutcome::Accepted(id))
            }
            EntryOutcome::Updated {
                order, revision, ..
            } => {
                let id = self.journal.order_id(order)?;
                (order, RecordedOutcome::Updated(id, revision))
            }
            EntryOutcome::Unchanged { order, revision } => {
                let id = self.journal.order_id(order)?;
                (order, RecordedOutcome::Unchanged(id, revision))
            }
            EntryOutcome::Refused
            | EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => {
                let addr = taken.addr.0;
                return Err(Fault::Damaged(format!(
                    "no order was accepted in entry {addr}"
                )));
            }
        };
        let number = match self.journal.entry_outcome(order)? {
            EntryOutcome::Accepted { number, .. } => number,
            EntryOutcome::Updated { .. }
            | EntryOutcome::Unchanged { .. }
            | EntryOutcome::Refused
            | EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => None,
        };
        Ok(Recorded {
            index: taken.index,
            line: None,
            organisation: Some(taken.addr.block().organisation()),
            name: None,
            key: Some(self.journal.key_alone(order)?),
            number,
            parts: match number {
                Some(_) => self.sub_order_numbers(order)?,
                None => Vec::new(),
            },
            outcome,
            warnings: Vec::new(),
        })
    }

    /// The numbers of an order and its sub-orders. Empty if it was not split.
    fn sub_order_numbers(&mut self, order: EntryAddr) -> Result<Vec<u64>, Fault> {
        let kept = self.journal.admission(order)?;
        Ok(kept.map_or_else(Vec::new, |kept| kept.numbers().to_vec()))
    }
}

/// The kind of an entry's outcome. `None` if the entry accepted no order: such orders are in the rejections.
fn kind(entry_outcome: EntryOutcome) -> Option<OutcomeKind> {
    match entry_outcome {
        EntryOutcome::Accepted { .. } => Some(OutcomeKind::Accepted),
        EntryOutcome::Updated { .. } => Some(OutcomeKind::Updated),
        EntryOutcome::Unchanged { .. } => Some(OutcomeKind::Unchanged),
        EntryOutcome::Refused
        | EntryOutcome::Purged
        | EntryOutcome::Transition { .. }
        | EntryOutcome::Fulfilled { .. } => None,
    }
}
