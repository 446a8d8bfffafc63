//! Reading back what became of a batch.

use rusqlite::{Connection, OptionalExtension};
use wharfinger_core::ids::BatchId;
use wharfinger_core::outcome::Counts;

use super::fault::Fault;
use super::journal::{Head, Journal};
use super::{rejections, shares};
use crate::store::place::BlockId;
use crate::store::slots::Mark;
use crate::store::{Receipt, Recorded, RecordedOutcome};

/// The receipt of a batch.
pub(super) fn receipt(connection: &Connection, batch: BatchId) -> Result<Option<Receipt>, Fault> {
    let select = "select key_id, name, operation, received_at_ms, shares \
                  from batches join dialects on dialects.id = dialect where batches.id = ?1";
    let found = connection
        .prepare_cached(select)?
        .query_row([batch.to_bytes()], |row| {
            let receipt = Receipt {
                id: batch,
                key_id: row.get(0)?,
                dialect: row.get(1)?,
                operation: row.get(2)?,
                received_at_ms: row.get(3)?,
                counts: Counts::default(),
                outcomes: Vec::new(),
            };
            Ok((receipt, row.get::<_, String>(4)?))
        })
        .optional()?;
    let Some((mut receipt, shares)) = found else {
        return Ok(None);
    };
    let mut journal = Journal::new(connection);
    for share in shares::from_json(&shares)? {
        receipt.counts += share.counts;
        for id in share.block_ids() {
            read_taken(&mut journal, id, &mut receipt.outcomes)?;
        }
    }
    let not_taken = rejections::read_all(connection, batch)?;
    receipt.outcomes.extend(not_taken);
    receipt.outcomes.sort_by_key(|recorded| recorded.index);
    Ok(Some(receipt))
}

/// The orders of a block that were answered with a yes.
fn read_taken(
    journal: &mut Journal<'_>,
    id: BlockId,
    outcomes: &mut Vec<Recorded>,
) -> Result<(), Fault> {
    let head = journal.head(id)?.clone();
    for (&index, mark) in head.indexes.iter().zip(&head.marks) {
        let outcome = match *mark {
            Mark::Accepted { .. } => RecordedOutcome::Accepted(head_batch(&head)?.order(index)),
            Mark::Updated {
                order, revision, ..
            } => RecordedOutcome::Updated(journal.order_id(order)?, revision),
            Mark::Unchanged { order, revision } => {
                RecordedOutcome::Unchanged(journal.order_id(order)?, revision)
            }
            Mark::Refused | Mark::Moved { .. } => continue,
        };
        outcomes.push(Recorded {
            index,
            line: None,
            organisation: Some(id.organisation()),
            name: None,
            key: None,
            outcome,
        });
    }
    Ok(())
}

fn head_batch(head: &Head) -> Result<BatchId, Fault> {
    let no_batch = || Fault::Damaged("a block with entries is of no batch".into());
    head.batch.ok_or_else(no_batch)
}
