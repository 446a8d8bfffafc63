//! Checks receipts against the journal and the rejected orders.

use std::collections::HashMap;

use wharfinger_core::order::ids::{BatchId, OrganisationId, is_sub_order};
use wharfinger_core::order::outcome::Counts;

use super::Check;
use crate::store::api::RecordedOutcome;
use crate::store::engine::driver::Rows;
use crate::store::engine::fault::Fault;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::receipts::{extents, rejections};
use crate::store::stats::{Totals, Uncounted};

/// Checks every receipt. Returns what those count that are in the statistics.
pub(super) fn check(check: &mut Check<'_>) -> Result<Totals, Fault> {
    let uncounted = Uncounted::read(check.connection)?;
    let mut totals = Totals::new();
    // No join: Citus keeps receipts by API key, and rejected orders by organisation.
    let listed = "select batch, count(*) from rejections group by batch order by batch";
    let mut listed = check.connection.prepare_cached(listed)?;
    let mut listed = listed.query_lazily(())?;
    let (mut next, mut lost) = (next_listed(&mut listed)?, 0);
    let select = "select id, shares, dialect from batches order by id";
    let mut select = check.connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(())?;
    while let Some(row) = rows.next()? {
        check.report.batches += 1;
        let id: [u8; 16] = row.get(0)?;
        while let Some((of, chunks)) = next.filter(|(of, _)| *of <= id) {
            lost += if of == id { 0 } else { chunks };
            next = next_listed(&mut listed)?;
        }
        let batch = BatchId::from_bytes(id);
        let extents: String = row.get(1)?;
        let dialect = row.get(2)?;
        let part = check_one(check, batch, &extents).map(|told| {
            for (organisation, counts) in told.into_iter().filter(|_| !uncounted.has(batch)) {
                *totals.entry((organisation, dialect)).or_default() += counts;
            }
        });
        check.survive(part, &format!("batch {batch}"))?;
    }
    while let Some((_, chunks)) = next {
        lost += chunks;
        next = next_listed(&mut listed)?;
    }
    check.expect(lost == 0, || {
        format!("{lost} lists of rejected orders belong to no batch")
    });
    for table in ["mended_batches", "batch_files"] {
        let select = format!(
            "select count(*) from {table} where not exists \
             (select 1 from batches where batches.key_id = {table}.key_id and batches.id = batch)"
        );
        let lost: i64 = check.connection.query_row(&select, (), |row| row.get(0))?;
        check.expect(lost == 0, || {
            format!("{lost} rows of table {table} belong to no batch")
        });
    }
    let select = "select count(*) from closed_rejections where not exists (select 1 from rejections where \
                  rejections.batch = closed_rejections.batch and rejections.organisation = closed_rejections.organisation \
                  and kind = 0 and first_index <= place and place <= last_index)";
    let lost: i64 = check.connection.query_row(select, (), |row| row.get(0))?;
    check.expect(lost == 0, || {
        format!("{lost} rows of table closed_rejections belong to no rejected order")
    });
    Ok(totals)
}

/// The next batch that has lists of rejected orders, and how many.
fn next_listed(listed: &mut Rows<'_>) -> Result<Option<([u8; 16], i64)>, Fault> {
    let next = listed.next()?;
    next.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

fn check_one(check: &mut Check<'_>, batch: BatchId, extents: &str) -> Result<Counted, Fault> {
    let mut told = Counted::new();
    let mut found = Counted::new();
    let mut warned = HashMap::<Option<OrganisationId>, u64>::new();
    let mut indexes = Vec::new();
    let mut purged = 0;
    for share in extents::from_json(extents)? {
        *told.entry(share.organisation).or_default() += share.counts;
        if share.warned > 0 {
            *warned.entry(share.organisation).or_default() += share.warned;
        }
        let found = found.entry(share.organisation).or_default();
        for id in share.block_ids() {
            let head = check.journal.head(id)?;
            let Some((start, of_batch)) = head.of_batch(batch) else {
                return Err(Fault::Damaged(format!(
                    "block {} does not belong to it",
                    id.0
                )));
            };
            let entry_outcomes = head.entry_outcomes.get(start..).unwrap_or_default();
            let entries = of_batch.iter().zip(entry_outcomes);
            // Sub-orders are reported with their order.
            for (&index, entry_outcome) in entries.filter(|(index, _)| !is_sub_order(**index)) {
                match entry_outcome {
                    EntryOutcome::Accepted { .. } => found.accepted += 1,
                    EntryOutcome::Updated { .. } => found.updated += 1,
                    EntryOutcome::Unchanged { .. } => found.unchanged += 1,
                    EntryOutcome::Purged => {
                        purged += 1;
                        continue;
                    }
                    EntryOutcome::Refused
                    | EntryOutcome::Transition { .. }
                    | EntryOutcome::Fulfilled { .. } => continue,
                }
                indexes.push(index);
            }
        }
    }
    for recorded in rejections::read_all(check.connection, batch)? {
        let found = found.entry(recorded.organisation).or_default();
        match recorded.outcome {
            RecordedOutcome::Rejected(_) => found.rejected += 1,
            RecordedOutcome::Withheld => found.withheld += 1,
            RecordedOutcome::Accepted(_)
            | RecordedOutcome::Updated(..)
            | RecordedOutcome::Unchanged(..) => continue,
        }
        indexes.push(recorded.index);
    }
    check_warned(check, batch, &warned)?;
    check.expect(are_told(&found, &told, purged), || {
        format!("batch {batch}: its receipt counts {told:?}, but its orders are {found:?}")
    });
    indexes.sort_unstable();
    let is_whole = if purged == 0 {
        let all = 0..u32::try_from(indexes.len()).unwrap_or(0);
        indexes.iter().copied().eq(all)
    } else {
        indexes.is_sorted_by(|left, right| left < right)
    };
    check.expect(is_whole, || {
        format!("batch {batch}: an order has no outcome, or several")
    });
    Ok(told)
}

fn check_warned(
    check: &mut Check<'_>,
    batch: BatchId,
    counted: &HashMap<Option<OrganisationId>, u64>,
) -> Result<(), Fault> {
    let listed = rejections::count_warned(check.connection, batch)?;
    check.expect(listed == *counted, || {
        format!("batch {batch}: its receipt counts {counted:?} orders with warnings, but {listed:?} are listed")
    });
    Ok(())
}

type Counted = HashMap<Option<OrganisationId>, Counts>;

/// Whether the counts of a receipt match the orders that were found. Purged orders are counted in it, but no longer found.
fn are_told(found: &Counted, told: &Counted, purged: usize) -> bool {
    if purged == 0 {
        return found == told;
    }
    let mut found = found.iter();
    found.all(|(whose, found)| told.get(whose).is_some_and(|told| is_within(found, told)))
}

/// Whether no more orders were found than the receipt counts. Some were purged.
fn is_within(found: &Counts, told: &Counts) -> bool {
    found.accepted <= told.accepted
        && found.updated <= told.updated
        && found.unchanged <= told.unchanged
        && found.rejected == told.rejected
        && found.withheld == told.withheld
}
