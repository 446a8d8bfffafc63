//! The history of an order: its revisions and transitions, newest first. Each entry points to the previous one.

use std::collections::HashMap;

use wharfinger_core::order::ids::{BatchId, OrderId};
use wharfinger_core::order::organisation::OrgAccess;

use super::locate::Locator;
use crate::store::Store;
use crate::store::api::{
    EventKind, History, HistoryCursor, HistoryEntry, HistoryKind, Revision, StoreError,
};
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::Lookup;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::holds;
use crate::store::journal::read::Journal;
use crate::store::journal::rows::last_number;

/// Bytes of text at which a page of a history is full.
const TEXT_BYTES_MAX: usize = 8 << 20;

impl Store {
    /// The history of an order, newest first. `None` if the caller may access no such order.
    pub async fn history(
        &self,
        id: OrderId,
        reach: &OrgAccess,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Option<History>, StoreError> {
        let reach = reach.clone();
        let read = move |connection: &Connection| history(connection, id, &reach, (after, limit));
        self.readers.read(read).await
    }
}

/// Reads a page of the history of an order.
pub(crate) fn history(
    connection: &Connection,
    order: OrderId,
    reach: &OrgAccess,
    (after, limit): (Option<HistoryCursor>, usize),
) -> Result<Option<History>, Fault> {
    let mut journal = Journal::new(connection);
    let Some(located) = Locator::new(connection, reach).find(&mut journal, order)? else {
        return Ok(None);
    };
    let key_space = KeySpace::new(located.organisation(), located.dialect);
    let mut lookup = Lookup::new(connection);
    let Some((row, _)) = lookup.at(&key_space, &located.key, located.addr)? else {
        return Err(misplaced(located.addr));
    };
    let mut chains = Chains {
        connection,
        journal,
        order: located.addr,
        revision: Some(row.latest),
        change: row.changed,
        senders: HashMap::new(),
    };
    if let Some(after) = after {
        chains.revision = chains.go_on(after.revision, EntryOutcome::is_alive)?;
        chains.change = chains.go_on(after.change, EntryOutcome::is_change)?;
    }
    let mut entries = Vec::new();
    let mut bytes = 0;
    while entries.len() < limit && bytes < TEXT_BYTES_MAX {
        let Some(entry) = chains.next()? else { break };
        if let HistoryKind::Revision(revision) = &entry.what {
            bytes += revision.text.len();
        }
        entries.push(entry);
    }
    let next = HistoryCursor {
        revision: chains.revision.map(|addr| addr.0),
        change: chains.change.map(|addr| addr.0),
    };
    Ok(Some(History {
        organisation: located.organisation(),
        entries,
        next: (chains.revision.is_some() || chains.change.is_some()).then_some(next),
    }))
}

/// The two chains of an order, and where each continues.
struct Chains<'c> {
    connection: &'c Connection,
    journal: Journal<'c>,
    order: EntryAddr,
    revision: Option<EntryAddr>,
    change: Option<EntryAddr>,
    /// The API keys that sent batches, as far as they were looked up.
    senders: HashMap<BatchId, Option<String>>,
}

impl Chains<'_> {
    /// The entry address in a cursor, if it is in this chain. A cursor may be forged.
    fn go_on(
        &mut self,
        cursor: Option<i64>,
        is_of_chain: fn(EntryOutcome) -> bool,
    ) -> Result<Option<EntryAddr>, Fault> {
        let Some(addr) = cursor.map(EntryAddr) else {
            return Ok(None);
        };
        let last = last_number(self.connection, self.order.block().organisation())?;
        let whose = self.order.block().organisation();
        let is_there = addr >= self.order && addr.block() <= BlockId::new(whose, last);
        if is_there {
            let head = self.journal.head(addr.block())?;
            if let Some(&entry_outcome) = head.entry_outcomes.get(addr.ordinal())
                && is_of_chain(entry_outcome)
                && entry_outcome.order(addr) == Some(self.order)
            {
                return Ok(Some(addr));
            }
        }
        Err(Fault::Client(StoreError::BadCursor))
    }

    /// The next entry: the later one of the two chains.
    fn next(&mut self) -> Result<Option<HistoryEntry>, Fault> {
        match (self.revision, self.change) {
            (None, None) => Ok(None),
            (Some(revision), change) if change.is_none_or(|change| change < revision) => {
                self.next_revision(revision).map(Some)
            }
            (_, Some(change)) => self.next_change(change).map(Some),
            (Some(revision), None) => self.next_revision(revision).map(Some),
        }
    }

    fn next_revision(&mut self, addr: EntryAddr) -> Result<HistoryEntry, Fault> {
        let outcome = self.journal.entry_outcome(addr)?;
        let (revision, previous, kind) = match outcome {
            EntryOutcome::Accepted { held: false, .. } => (1, None, EventKind::OrderAccepted),
            EntryOutcome::Accepted { held: true, .. } => (1, None, EventKind::OrderHeld),
            EntryOutcome::Updated {
                revision,
                previous,
                effect,
                ..
            } if previous < addr => (revision, Some(previous), effect.event_kind()),
            EntryOutcome::Updated { .. }
            | EntryOutcome::Unchanged { .. }
            | EntryOutcome::Refused
            | EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => {
                return Err(misplaced(addr));
            }
        };
        self.revision = previous;
        let head = self.journal.head(addr.block())?;
        let at_ms = head.at_ms;
        let batch = head.batches.of(addr.ordinal());
        let batch = batch.ok_or_else(|| misplaced(addr))?;
        let hold = match outcome.is_held() {
            true => Some(holds::read_hold(self.connection, addr)?),
            false => None,
        };
        let key_id = self.sender(batch)?;
        let revision = Revision {
            revision,
            kind,
            hold,
            batch,
            key_id,
            text: self.journal.text(addr)?.to_owned(),
        };
        Ok(HistoryEntry {
            at_ms,
            what: HistoryKind::Revision(revision),
        })
    }

    /// The API key that sent a batch.
    fn sender(&mut self, batch: BatchId) -> Result<Option<String>, Fault> {
        if let Some(known) = self.senders.get(&batch) {
            return Ok(known.clone());
        }
        let select = "select key_id from batches where id = ?1 and sound(batches.intact)";
        let mut select = self.connection.prepare_cached(select)?;
        let found: Option<String> = select
            .query_row([batch.to_bytes()], |row| row.get(0))
            .optional()?;
        self.senders.insert(batch, found.clone());
        Ok(found)
    }

    fn next_change(&mut self, addr: EntryAddr) -> Result<HistoryEntry, Fault> {
        let (kind, order, previous) = match self.journal.entry_outcome(addr)? {
            EntryOutcome::Transition {
                order,
                previous,
                to,
            } => (to.event_kind(), order, previous),
            EntryOutcome::Fulfilled { order, previous } => {
                (EventKind::OrderFulfilment, order, previous)
            }
            EntryOutcome::Accepted { .. }
            | EntryOutcome::Updated { .. }
            | EntryOutcome::Unchanged { .. }
            | EntryOutcome::Refused
            | EntryOutcome::Purged => return Err(misplaced(addr)),
        };
        self.change = (order < previous && previous < addr).then_some(previous);
        let head = self.journal.head(addr.block())?;
        let key_id = head.key_id.clone().ok_or_else(|| {
            let block = addr.block().0;
            Fault::Damaged(format!("block {block} has state changes without a key"))
        })?;
        Ok(HistoryEntry {
            at_ms: head.at_ms,
            what: HistoryKind::Change {
                kind,
                key_id,
                note: holds::read_note(self.connection, addr)?,
            },
        })
    }
}

fn misplaced(addr: EntryAddr) -> Fault {
    Fault::Damaged(format!("entry {} does not belong to the order", addr.0))
}
