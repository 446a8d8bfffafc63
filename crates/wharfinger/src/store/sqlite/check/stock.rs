//! Stock against its ledger, and what was decided on orders against the orders.

use std::collections::HashMap;

use super::super::admissions;
use super::super::fault::Fault;
use super::Check;
use crate::store::bytes::{read_number, read_signed};
use crate::store::place::Place;
use crate::store::slots::Mark;

/// Checks that what is on hand of each product is the sum of its changes, and that what was decided is of orders.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let mut sums = HashMap::<i64, i64>::new();
    let mut select = check
        .connection
        .prepare("select id, changes from stock_ledger order by id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let changes: Vec<u8> = row.get(1)?;
        let part = add(&mut sums, &changes);
        check.survive(part, &format!("entry {id} of the ledger of stock"))?;
    }
    let mut select = check
        .connection
        .prepare("select product, pieces from stock")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (product, pieces): (i64, i64) = (row.get(0)?, row.get(1)?);
        let sum = sums.remove(&product).unwrap_or(0);
        check.expect(pieces == sum && pieces >= 0, || {
            format!("product {product} has {pieces} pieces on hand, and {sum} by its ledger")
        });
    }
    for (product, sum) in sums {
        check.expect(sum == 0, || {
            format!("product {product} has no pieces on hand, and {sum} by its ledger")
        });
    }
    check_admissions(check)
}

fn add(sums: &mut HashMap<i64, i64>, mut changes: &[u8]) -> Result<(), Fault> {
    while !changes.is_empty() {
        let product = read_number(&mut changes)?.cast_signed();
        *sums.entry(product).or_default() += read_signed(&mut changes)?;
    }
    Ok(())
}

fn check_admissions(check: &mut Check<'_>) -> Result<(), Fault> {
    let mut select = check
        .connection
        .prepare("select place from admissions order by place")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let place = Place(row.get(0)?);
        let part = is_of_order(check, place);
        check.survive(part, &format!("what was decided on place {}", place.0))?;
    }
    Ok(())
}

fn is_of_order(check: &mut Check<'_>, place: Place) -> Result<(), Fault> {
    admissions::read(check.connection, place)?;
    match check.journal.mark(place)? {
        Mark::Accepted { .. } => Ok(()),
        Mark::Updated { .. }
        | Mark::Unchanged { .. }
        | Mark::Refused
        | Mark::Purged
        | Mark::Moved { .. }
        | Mark::Fulfilled { .. } => Err(Fault::Damaged("no order lies there".into())),
    }
}
