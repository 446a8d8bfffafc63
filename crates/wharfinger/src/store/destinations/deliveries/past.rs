//! An order as it was when something happened to it.
//!
//! An order has two chains of entries: its revisions, and its other changes. Each entry points to the one before it in its chain. The
//! index has the latest of each.

use wharfinger_core::order::outcome::State;

use super::previous::Previous;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::index::orders::OrderRow;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::read::feed::told::OfEntry;

/// What came before an entry of an order.
pub(super) struct Past {
    outcome: EntryOutcome,
    of: OfEntry,
    /// The order as it is now, if it was looked up.
    row: Option<OrderRow>,
    /// The latest revision before the entry.
    revision: Option<EntryAddr>,
    /// The latest other change before the entry.
    change: Option<EntryAddr>,
}

impl Past {
    /// Of an entry with this outcome. Only one of its chains is known yet.
    pub(super) fn new(outcome: EntryOutcome, of: OfEntry) -> Self {
        let before = before((outcome, of.entry), of.order);
        let is_revision = outcome.is_alive();
        Self {
            outcome,
            of,
            row: None,
            revision: before.filter(|_| is_revision),
            change: before.filter(|_| !is_revision),
        }
    }

    /// Whether the index must be asked for the other chain. Nothing comes before the first revision.
    pub(super) fn needs_row(&self) -> bool {
        self.of.entry != self.of.order
    }

    /// Completes what came before with the order as it is now.
    pub(super) fn set_row(
        &mut self,
        journal: &mut Journal<'_>,
        row: OrderRow,
    ) -> Result<(), Fault> {
        self.row = Some(row);
        if self.outcome.is_alive() {
            self.change = latest_before(journal, row.changed, self.of)?;
        } else {
            self.revision = latest_before(journal, Some(row.latest), self.of)?;
        }
        Ok(())
    }

    /// The position of the event before, of this order, that the destination was to get.
    pub(super) fn previous(
        &self,
        journal: &mut Journal<'_>,
        events: &mut Previous<'_>,
    ) -> Result<Option<u64>, Fault> {
        let (mut revision, mut change) = (self.revision, self.change);
        while let Some(latest) = revision.max(change) {
            match events.at(journal, latest)? {
                Some((position, true)) => return Ok(Some(position)),
                Some((_, false)) => {}
                None => return Ok(None),
            }
            let next = before((journal.entry_outcome(latest)?, latest), self.of.order);
            if revision == Some(latest) {
                revision = next;
            } else {
                change = next;
            }
        }
        Ok(None)
    }

    /// The order as it was after the entry, as the index would have had it. `None` if it was not looked up.
    pub(super) fn row_then(&self, journal: &mut Journal<'_>) -> Result<Option<OrderRow>, Fault> {
        let Some(row) = self.row else { return Ok(None) };
        let (latest, changed) = if self.outcome.is_alive() {
            (Some(self.of.entry), self.change)
        } else {
            (self.revision, Some(self.of.entry))
        };
        let latest = latest.unwrap_or(self.of.order);
        let revision = match journal.entry_outcome(latest)? {
            EntryOutcome::Updated { revision, .. } => revision,
            EntryOutcome::Accepted { .. }
            | EntryOutcome::Unchanged { .. }
            | EntryOutcome::Refused
            | EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => 1,
        };
        let is_held = journal.entry_outcome(latest)?.is_held();
        let state = match find_transition(journal, changed, self.of.order)? {
            // A revision after a person released the order may hold it again.
            Some((at, state)) if at > latest || !state.is_open() => state,
            Some(_) | None if is_held => State::Held,
            // Whether an order was placed when it came, or later, is not in its entries.
            Some(_) | None if row.state == State::Draft => State::Draft,
            Some(_) | None => State::Pending,
        };
        Ok(Some(OrderRow {
            latest,
            revision,
            state,
            changed,
            ..row
        }))
    }

    /// Whether its fulfilment was reported by then.
    pub(super) fn has_report(&self, journal: &mut Journal<'_>) -> Result<bool, Fault> {
        let changed = if self.outcome.is_alive() {
            self.change
        } else {
            Some(self.of.entry)
        };
        let is_report =
            |_, outcome| matches!(outcome, EntryOutcome::Fulfilled { .. }).then_some(());
        let found = find_change(journal, changed, self.of.order, is_report)?;
        Ok(found.is_some())
    }
}

/// The latest transition, going back from `change`: its address, and the state that it leads to.
fn find_transition(
    journal: &mut Journal<'_>,
    change: Option<EntryAddr>,
    order: EntryAddr,
) -> Result<Option<(EntryAddr, State)>, Fault> {
    find_change(journal, change, order, |at, outcome| match outcome {
        EntryOutcome::Transition { to, .. } => Some((at, to.state())),
        EntryOutcome::Accepted { .. }
        | EntryOutcome::Updated { .. }
        | EntryOutcome::Unchanged { .. }
        | EntryOutcome::Refused
        | EntryOutcome::Purged
        | EntryOutcome::Fulfilled { .. } => None,
    })
}

/// What is wanted of the changes of an order: the first that is found, going back from `change`.
fn find_change<T>(
    journal: &mut Journal<'_>,
    mut change: Option<EntryAddr>,
    order: EntryAddr,
    find: impl Fn(EntryAddr, EntryOutcome) -> Option<T>,
) -> Result<Option<T>, Fault> {
    while let Some(addr) = change {
        let outcome = journal.entry_outcome(addr)?;
        if let Some(found) = find(addr, outcome) {
            return Ok(Some(found));
        }
        change = before((outcome, addr), order);
    }
    Ok(None)
}

/// The entry before in the chain of an entry. `None` at its beginning, and where it is damaged: a chain never goes forward.
fn before((outcome, at): (EntryOutcome, EntryAddr), order: EntryAddr) -> Option<EntryAddr> {
    match outcome {
        EntryOutcome::Updated { previous, .. } => Some(previous).filter(|addr| *addr < at),
        EntryOutcome::Transition { previous, .. } | EntryOutcome::Fulfilled { previous, .. } => {
            Some(previous).filter(|addr| order < *addr && *addr < at)
        }
        EntryOutcome::Accepted { .. }
        | EntryOutcome::Unchanged { .. }
        | EntryOutcome::Refused
        | EntryOutcome::Purged => None,
    }
}

/// The latest entry of a chain before another entry, going back from `latest`.
fn latest_before(
    journal: &mut Journal<'_>,
    latest: Option<EntryAddr>,
    of: OfEntry,
) -> Result<Option<EntryAddr>, Fault> {
    let mut next = latest;
    while let Some(addr) = next.filter(|addr| *addr >= of.entry) {
        next = before((journal.entry_outcome(addr)?, addr), of.order);
    }
    Ok(next)
}
