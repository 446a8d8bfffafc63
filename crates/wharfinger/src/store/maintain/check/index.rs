//! Checks the pages of the order index: each can be read, and its keys lie between its own first key and that of the next page.

use super::Check;
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::recent_order;
use crate::store::index::page::{Page, decode_alone};

/// Checks all pages, and that they have as many orders as the journal.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let select = "select first, organisation, entries, orders from order_leaves order by first";
    let mut select = check.connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(())?;
    let mut stored = 0;
    let mut last = Vec::new();
    while let Some(row) = rows.next()? {
        let first: Vec<u8> = row.get(0)?;
        let name = String::from_utf8_lossy(&first).into_owned();
        let (organisation, entries): (i64, i64) = (row.get(1)?, row.get(2)?);
        let page = match Page::decode(row.blob(3)?) {
            Ok(page) => page,
            Err(damage) => {
                check.fault(format!(
                    "the index page that begins at {name:?}: {}",
                    damage.0
                ));
                continue;
            }
        };
        for (key, _) in page.orders() {
            stored += u64::from(recent_order(check.connection, key)?.is_none());
        }
        let ends = page.first_key().zip(page.last_key());
        let is_between = ends.is_some_and(|(begins, _)| last < first && first.as_slice() <= begins);
        let is_own = page.orders().all(|(key, order)| {
            let whose = i64::from(order.id.block().organisation().0);
            whose == organisation && key.starts_with(format!("{whose}.").as_bytes())
        });
        check.expect(is_between && is_own, || {
            format!("the index page that begins at {name:?} has orders of another organisation")
        });
        check.expect(usize::try_from(entries) == Ok(page.len()), || {
            format!("the index page that begins at {name:?} has a wrong number of orders")
        });
        if let Some((_, ends)) = ends {
            last = ends.to_owned();
        }
    }
    if let Some(recent) = check.connection.recent() {
        let everything: [&[u8]; 2] = [&[], &[u8::MAX]];
        recent.range(Space::Index, everything, |key, value| {
            let order = value.map(decode_alone).transpose();
            stored += u64::from(matches!(order, Ok(Some(_))));
            check.expect(order.is_ok() && KeySpace::of_key(key).is_some(), || {
                let name = String::from_utf8_lossy(key);
                format!("the recent change of the order {name:?} cannot be read")
            });
            Ok(true)
        })?;
    }
    let seen = check.report.orders;
    check.expect(stored == seen, || {
        format!("{stored} orders are in the index, but {seen} of them are in the journal")
    });
    Ok(())
}
