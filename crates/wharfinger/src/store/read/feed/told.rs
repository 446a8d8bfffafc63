//! The events of a block.

use wharfinger_core::order::ids::{BatchId, OrderId, is_sub_order};

use crate::store::api::{Event, EventKind};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::batches::OfBatch;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::order_ids::OrderIds;
use crate::store::journal::read::{Head, Journal};

/// An event of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Its batch. `None` for a change that is no revision.
    pub batch: Option<BatchId>,
    /// What happened.
    pub kind: EventKind,
    /// The entry that it is of. `None` for the receipt of a batch.
    pub of: Option<OfEntry>,
}

/// The entry of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfEntry {
    /// Its address.
    pub entry: EntryAddr,
    /// Its order.
    pub order: EntryAddr,
}

/// The events of a block, in feed order: for each batch its receipt, then the events of its entries.
pub(crate) fn told(id: BlockId, head: &Head) -> Vec<Told> {
    let mut told = Vec::new();
    let mut batches = head.batches.iter().peekable();
    for (ordinal, &entry_outcome) in head.entry_outcomes.iter().enumerate() {
        while let Some(of) = batches.next_if(|of| of.start <= ordinal) {
            told.extend(received(of));
        }
        if let Some((kind, of)) = told_of(entry_outcome, id.entry(ordinal)) {
            told.push(Told {
                batch: head.batches.of(ordinal),
                kind,
                of: Some(of),
            });
        }
    }
    told.extend(batches.filter_map(received));
    told
}

/// The position of the event of an entry. Call it only for an entry that is an event.
pub(crate) fn position_of(head: &Head, ordinal: usize) -> u64 {
    let before = head.entry_outcomes.iter().take(ordinal);
    let before = before.filter(|outcome| outcome.is_event()).count();
    let batches = head.batches.iter().filter(|of| of.is_first);
    let received = batches.filter(|of| of.start <= ordinal).count();
    head.first_position + (before + received) as u64
}

fn received(of: &OfBatch) -> Option<Told> {
    of.is_first.then_some(Told {
        batch: Some(of.id),
        kind: EventKind::BatchReceived,
        of: None,
    })
}

/// The event of an entry: its kind and its order. `None` if the entry is no event.
pub(crate) fn told_of(
    entry_outcome: EntryOutcome,
    entry: EntryAddr,
) -> Option<(EventKind, OfEntry)> {
    let kind = match entry_outcome {
        EntryOutcome::Accepted { held: true, .. } => EventKind::OrderHeld,
        EntryOutcome::Accepted { held: false, .. } => EventKind::OrderAccepted,
        EntryOutcome::Updated { effect, .. } => effect.event_kind(),
        EntryOutcome::Transition { to, .. } => to.event_kind(),
        EntryOutcome::Fulfilled { .. } => EventKind::OrderFulfilment,
        EntryOutcome::Unchanged { .. } | EntryOutcome::Refused | EntryOutcome::Purged => {
            return None;
        }
    };
    let order = entry_outcome.order(entry)?;
    Some((kind, OfEntry { entry, order }))
}

/// The event as readers see it, with the ids of its order.
pub(crate) fn event(
    journal: &mut Journal<'_>,
    order_ids: &mut OrderIds,
    (head, position): (&Head, u64),
    told: &Told,
) -> Result<Event, Fault> {
    let mut event = Event {
        position,
        at_ms: head.at_ms,
        kind: told.kind,
        batch: told.batch,
        order: None,
        origin: None,
    };
    if let Some(of) = told.of {
        // Most events are of orders that begin in the same block.
        let is_here = of.order.block() == of.entry.block();
        let id = match head.order_id(of.order.ordinal()).filter(|_| is_here) {
            Some(id) => id,
            None => order_ids.get(journal.connection(), of.order)?,
        };
        event.order = Some(id);
        event.origin = origin(journal, id, of.order)?;
    }
    Ok(event)
}

/// If an order is a sub-order, the id of the order that was split.
fn origin(
    journal: &mut Journal<'_>,
    id: OrderId,
    order: EntryAddr,
) -> Result<Option<OrderId>, Fault> {
    if !id.index().is_some_and(is_sub_order) {
        return Ok(None);
    }
    let admission = journal.admission(order)?;
    let split = admission.and_then(|admission| admission.split);
    Ok(split.map(|split| split.origin))
}
