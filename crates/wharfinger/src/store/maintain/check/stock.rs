//! Checks stock against its ledger, and admissions against their orders.

use std::collections::HashMap;

use wharfinger_core::decide::catalogue::ProductNumber;

use super::Check;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal::admissions::OfBlock;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::stock::ledger::add;

/// Checks that the stock of each product is the sum of its ledger entries, and that each admission belongs to an order.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let connection = check.connection;
    let folded = "select value from settings where name = 'stock_folded'";
    let folded: i64 = connection.query_row(folded, (), |row| row.get(0))?;
    let mut sums = HashMap::<ProductNumber, i64>::new();
    let mut since = HashMap::<ProductNumber, i64>::new();
    let mut select =
        connection.prepare_cached("select id, changes from stock_ledger order by id")?;
    let mut rows = select.query_lazily(())?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let changes: Vec<u8> = row.get(1)?;
        let into = if id <= folded { &mut sums } else { &mut since };
        let part = add(&changes, into).map_err(Fault::from);
        check.survive(part, &format!("entry {id} of the stock ledger"))?;
    }
    let mut select = connection.prepare_cached("select product, pieces from stock")?;
    let mut rows = select.query_lazily(())?;
    while let Some(row) = rows.next()? {
        let (product, pieces): (i64, i64) = (row.get(0)?, row.get(1)?);
        let number = ProductNumber(product);
        let sum = sums.remove(&number).unwrap_or(0);
        check.expect(pieces == sum, || {
            format!("product {product} has {pieces} pieces on hand, but {sum} in the ledger")
        });
        let left = pieces + since.remove(&number).unwrap_or(0);
        check.expect(left >= 0, || {
            format!("product {product} has {left} pieces on hand")
        });
    }
    for (ProductNumber(product), sum) in sums.into_iter().chain(since) {
        check.expect(sum == 0, || {
            format!("product {product} has no pieces on hand, but {sum} in the ledger")
        });
    }
    check_admissions(check)
}

fn check_admissions(check: &mut Check<'_>) -> Result<(), Fault> {
    let mut select = check
        .connection
        .prepare_cached("select block from admissions order by block")?;
    let mut rows = select.query_lazily(())?;
    while let Some(row) = rows.next()? {
        let block = BlockId(row.get(0)?);
        let part = are_of_orders(check, block);
        check.survive(part, &format!("the admission records of block {}", block.0))?;
    }
    Ok(())
}

fn are_of_orders(check: &mut Check<'_>, block: BlockId) -> Result<(), Fault> {
    for (ordinal, _) in OfBlock::read(check.connection, block)?.all()? {
        let is_order = match check.journal.entry_outcome(block.entry(ordinal))? {
            EntryOutcome::Accepted { .. } => true,
            EntryOutcome::Updated { .. }
            | EntryOutcome::Unchanged { .. }
            | EntryOutcome::Refused
            | EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => false,
        };
        if !is_order {
            return Err(Fault::Damaged(format!("there is no order at {ordinal}")));
        }
    }
    Ok(())
}
