//! Reading the feed of what became of an organisation's orders: what the marks of the journal's blocks say.

use rusqlite::Connection;
use wharfinger_core::ids::OrganisationId;

use super::fault::Fault;
use super::journal::{Journal, Order, blocks_up_to, last_block};
use crate::store::place::BlockId;
use crate::store::slots::Mark;
use crate::store::{Event, EventKind};

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
            Mark::Moved { order, to } => (EventKind::of_move(to), order),
            Mark::Unchanged { .. } | Mark::Refused => continue,
        };
        push(kind, Some(journal.order_id(order)?));
    }
    Ok(events)
}
