//! Pages of orders by e-mail address.

use super::orders::{Found, PageInMaking, is_created_in, shown_texts};
use super::walk::Blocks;
use crate::store::addresses::Search;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal;
use crate::store::journal::entry_outcomes::EntryOutcome;

/// Fills a page with orders by e-mail address. An order is found if its latest full text has an address with this hash, and it
/// begins in one of the blocks.
///
/// The page is in the order of these texts. The runs cover blocks in sequence, so nothing is sorted. Memory does not depend on
/// the number of orders with the address.
pub(super) fn take(
    connection: &Connection,
    hash: EmailHash,
    blocks: &Blocks,
    page: &mut PageInMaking<'_>,
) -> Result<(), Fault> {
    let organisation = page.key_space.organisation;
    let block = |number| BlockId::new(organisation, number);
    // No text of an order precedes its first one.
    let first = journal::start::start(connection, organisation)?
        .block
        .max(blocks.start);
    let (mut low, mut high) = (block(first).entry(0), block(u32::MAX).entry(0));
    let newest_first = page.query.newest_first;
    if let (Some(after), false) = (page.after, page.counts_by_walking()) {
        if newest_first {
            high = high.min(EntryAddr(after.0 - 1));
        } else {
            low = low.max(EntryAddr(after.0 + 1));
        }
    }
    let dialect = page.key_space.dialect;
    let search = Search::within(connection, hash, dialect, low..=high, newest_first)?;
    let mut visit = |addr| match current(page, addr, blocks)? {
        Some(found) => page.take_at(addr, found),
        None => Ok(true),
    };
    search.through(&mut visit)?;
    Ok(())
}

/// The order of an entry, if the entry is its latest full text and the order is wanted. An order is therefore found only once,
/// and never by a former address.
fn current(
    page: &mut PageInMaking<'_>,
    entry: EntryAddr,
    blocks: &Blocks,
) -> Result<Option<Found>, Fault> {
    if page.journal.head(entry.block())?.dialect != page.key_space.dialect {
        return Ok(None);
    }
    let order = match page.journal.entry_outcome(entry)? {
        EntryOutcome::Accepted { .. } => entry,
        EntryOutcome::Updated {
            order,
            amendment: false,
            ..
        } => order,
        EntryOutcome::Updated { .. }
        | EntryOutcome::Unchanged { .. }
        | EntryOutcome::Refused
        | EntryOutcome::Purged
        | EntryOutcome::Transition { .. }
        | EntryOutcome::Fulfilled { .. } => {
            return Ok(None);
        }
    };
    if page.journal.entry_outcome(order)? == EntryOutcome::Purged {
        return Ok(None);
    }
    if !blocks.contains(&order.block().number()) {
        return Ok(None);
    }
    let created_at_ms = page.journal.head(order.block())?.at_ms;
    if !is_created_in(page.query, created_at_ms) {
        return Ok(None);
    }
    let Some((row, key)) = page.find(order)? else {
        return Ok(None);
    };
    let texts = shown_texts(&mut page.journal, &row)?;
    Ok((texts.last() == Some(&entry)).then_some((row, key)))
}
