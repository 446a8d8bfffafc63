//! Receipts against the journal and the rejected orders.

use rusqlite::Row;
use wharfinger_core::ids::{BatchId, OrganisationId};
use wharfinger_core::outcome::Counts;

use super::super::fault::Fault;
use super::super::receipt::read_parts;
use super::Check;
use crate::store::place::BlockId;
use crate::store::rejected;
use crate::store::slots::Mark;

/// Checks every receipt.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let mut select = check.connection.prepare(
        "select id, accepted, updated, unchanged, rejected, parts from batches order by id",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        check.report.batches += 1;
        let batch = BatchId::from_bytes(row.get(0)?);
        let part = check_one(check, batch, row);
        check.survive(part, &format!("batch {batch}"))?;
    }
    let lost = "select count(*) from rejections where batch not in (select id from batches)";
    let lost: i64 = check.connection.query_row(lost, [], |row| row.get(0))?;
    check.expect(lost == 0, || {
        format!("{lost} lists of rejected orders are of no batch")
    });
    Ok(())
}

fn check_one(check: &mut Check<'_>, batch: BatchId, row: &Row<'_>) -> Result<(), Fault> {
    let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let told = Counts {
        accepted: count(1)?,
        updated: count(2)?,
        unchanged: count(3)?,
        rejected: count(4)?,
    };
    let parts: String = row.get(5)?;
    let mut found = Counts::default();
    let mut indexes = Vec::new();
    for (organisation, first, count) in read_parts(&parts)? {
        for number in first..first.saturating_add(count) {
            let id = BlockId::new(OrganisationId(organisation), number);
            let head = check.journal.head(id)?;
            if head.batch != Some(batch) {
                return Err(Fault::Damaged(format!("block {} is not of it", id.0)));
            }
            for (&index, mark) in head.indexes.iter().zip(&head.marks) {
                match mark {
                    Mark::Accepted { .. } => found.accepted += 1,
                    Mark::Updated { .. } => found.updated += 1,
                    Mark::Unchanged { .. } => found.unchanged += 1,
                    Mark::Refused | Mark::Moved { .. } => continue,
                }
                indexes.push(index);
            }
        }
    }
    let mut select = check
        .connection
        .prepare_cached("select orders from rejections where batch = ?1")?;
    let mut rejections = select.query([batch.to_bytes()])?;
    while let Some(rejection) = rejections.next()? {
        let orders: Vec<u8> = rejection.get(0)?;
        for recorded in rejected::read(None, &orders)? {
            found.rejected += 1;
            indexes.push(recorded.index);
        }
    }
    check.expect(found == told, || {
        format!("batch {batch}: its counts are {told:?}, its orders {found:?}")
    });
    indexes.sort_unstable();
    let is_whole = indexes
        .iter()
        .copied()
        .eq(0..u32::try_from(indexes.len()).unwrap_or(0));
    check.expect(is_whole, || {
        format!("batch {batch}: not each of its orders has one outcome")
    });
    Ok(())
}
