//! Reading back what became of a batch, and the feed of what became of an organisation's orders.

use rusqlite::{Connection, OptionalExtension};
use wharfinger_core::ids::{BatchId, OrganisationId};
use wharfinger_core::outcome::Counts;

use super::fault::Fault;
use super::journal::{Head, Journal, Order, blocks_up_to, last_block};
use super::{rejections, shares};
use crate::store::place::BlockId;
use crate::store::slots::{Mark, Moved};
use crate::store::{Event, EventKind, Receipt, Recorded, RecordedOutcome};

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

/// The organisation's events behind a position, in commit order.
pub(super) fn events(
    connection: &Connection,
    organisation: OrganisationId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, Fault> {
    let wanted = i64::try_from(after.saturating_add(1)).unwrap_or(i64::MAX);
    // The last block that begins at the position or before it is the one that holds it.
    let first = blocks_up_to(connection, organisation, Order::Position, wanted)?.max(1);
    let last = last_block(connection, organisation)?;
    let mut journal = Journal::new(connection);
    let mut events = Vec::new();
    for number in first..=last {
        let id = BlockId::new(organisation, number);
        for event in events_of(&mut journal, id)? {
            if events.len() == limit {
                return Ok(events);
            }
            if event.position > after {
                events.push(event);
            }
        }
    }
    Ok(events)
}

/// The events of a block.
fn events_of(journal: &mut Journal<'_>, id: BlockId) -> Result<Vec<Event>, Fault> {
    let head = journal.head(id)?.clone();
    let mut events = Vec::new();
    let mut push = |kind, order| {
        events.push(Event {
            position: head.first_position + events.len() as u64,
            at_ms: head.at_ms,
            kind,
            batch: head.batch,
            order,
        });
    };
    let of_orders = head.marks.iter().filter(|mark| mark.is_event()).count() as u64;
    if head.events > of_orders {
        push(EventKind::BatchReceived, None);
    }
    for (ordinal, mark) in head.marks.iter().enumerate() {
        let (kind, order) = match *mark {
            Mark::Accepted { .. } => (EventKind::OrderAccepted, id.entry(ordinal)),
            Mark::Updated { order, .. } => (EventKind::OrderUpdated, order),
            Mark::Moved { order, to } => match to {
                Moved::Processed => (EventKind::OrderProcessed, order),
                Moved::Cancelled | Moved::Released => (EventKind::OrderCancelled, order),
            },
            Mark::Unchanged { .. } | Mark::Refused => continue,
        };
        push(kind, Some(journal.order_id(order)?));
    }
    Ok(events)
}
