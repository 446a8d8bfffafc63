//! Checks the entries of one block against the index rows of their orders.

use wharfinger_core::json::NameCase;
use wharfinger_core::order::outcome::State;

use super::{Check, fits_move};
use crate::store::engine::driver::OptionalExtension;
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::format::varint::Texts;
use crate::store::index::key_space::KeySpace;
use crate::store::index::open_orders::read_open;
use crate::store::index::orders::{Holds, Lookup, OrderRow};
use crate::store::journal::block::{Frame, decode_keys};
use crate::store::journal::entry_outcomes::{Effect, EntryOutcome, Transition};
use crate::store::journal::holds::{self, About};
use crate::store::journal::read::content_hash;
use crate::store::journal::rows::BlockRow;

/// The index row of an order, and whether the order still holds its key.
type Found = (OrderRow, Holds);

/// Checks the entries of one block.
pub(super) struct Entries<'k, 'c, 'b> {
    check: &'k mut Check<'c>,
    block: &'b BlockRow,
    entry_outcomes: &'b [EntryOutcome],
    keys: Texts,
    frame: Frame,
    key_space: KeySpace,
    lookup: Lookup<'c>,
    /// The open orders that begin in this block.
    open: Bitset,
}

impl<'k, 'c, 'b> Entries<'k, 'c, 'b> {
    /// Decodes the block.
    pub(super) fn of(
        check: &'k mut Check<'c>,
        block: &'b BlockRow,
        entry_outcomes: &'b [EntryOutcome],
    ) -> Result<Self, Fault> {
        let connection = check.connection;
        let keys = match &block.keys {
            Some(keys) => decode_keys(keys)?,
            None => Texts::default(),
        };
        Ok(Self {
            check,
            block,
            entry_outcomes,
            keys,
            frame: Frame::default(),
            key_space: KeySpace::new(block.head.id.organisation(), block.head.dialect),
            lookup: Lookup::new(connection),
            open: read_open(connection, block.head.id)?,
        })
    }

    /// Checks all entries.
    pub(super) fn check(mut self) -> Result<(), Fault> {
        let is_alive = self
            .entry_outcomes
            .iter()
            .any(|entry_outcome| entry_outcome.is_alive());
        if is_alive && self.keys.len() != self.entry_outcomes.len() {
            return Err(Fault::Damaged(
                "it has a different number of keys and entries".into(),
            ));
        }
        let is_new =
            |entry_outcome: &EntryOutcome| matches!(entry_outcome, EntryOutcome::Accepted { .. });
        let new = Bitset::of(self.entry_outcomes, is_new);
        if !self.open.is_within(&new) {
            self.fault("its list of open orders has orders of other blocks");
        }
        for (ordinal, &entry_outcome) in self.entry_outcomes.iter().enumerate() {
            let addr = self.block.head.id.entry(ordinal);
            self.entry(addr, entry_outcome)?;
        }
        Ok(())
    }

    fn fault(&mut self, what: &str) {
        let id = self.block.head.id.0;
        self.check.fault(format!("block {id}: {what}"));
    }

    fn fault_at(&mut self, addr: EntryAddr, what: &str) {
        self.check.fault(format!("entry {}: {what}", addr.0));
    }

    /// An entry that made an order.
    fn accepted(&mut self, addr: EntryAddr, number: Option<u64>, held: bool) -> Result<(), Fault> {
        let Some((row, _)) = self.order(addr, addr)? else {
            return Ok(());
        };
        self.check.report.orders += 1;
        self.check.state_counts(&self.key_space, row.state);
        self.latest(&row)?;
        self.latest_change(&row)?;
        self.is_rightly_held(&row)?;
        if row.number != number {
            self.fault_at(addr, "the index has another order number");
        }
        if row.state.is_open() != self.open.contains(addr.ordinal()) {
            self.fault_at(
                addr,
                "the list of open orders does not match the order's state",
            );
        }
        self.text(addr, 1, &row)?;
        if held {
            self.hold(addr)?;
        }
        Ok(())
    }

    fn entry(&mut self, addr: EntryAddr, entry_outcome: EntryOutcome) -> Result<(), Fault> {
        if self.check.journal.is_of_purged(addr, entry_outcome)? {
            // A purge that was interrupted has not come to the later entries of the order.
            let has_row =
                entry_outcome.has_about() && holds::read(self.check.connection, addr)?.is_some();
            self.check.holds += u64::from(has_row);
            return Ok(());
        }
        match entry_outcome {
            EntryOutcome::Refused | EntryOutcome::Purged => {}
            EntryOutcome::Accepted { number, held } => self.accepted(addr, number, held)?,
            EntryOutcome::Updated {
                order,
                previous,
                revision,
                amendment: _,
                effect,
            } => {
                if effect == Effect::Held {
                    self.hold(addr)?;
                }
                let before = self.check.journal.entry_outcome(previous)?;
                if !is_revision(before, previous, order, revision.wrapping_sub(1)) {
                    self.fault_at(addr, "the previous revision is missing");
                }
                if let Some((row, _)) = self.order(addr, order)? {
                    self.text(addr, revision, &row)?;
                }
            }
            EntryOutcome::Unchanged { order, revision } => {
                if let Some((row, _)) = self.order(addr, order)?
                    && row.revision < revision
                {
                    self.fault_at(addr, "the order has lost a revision");
                }
            }
            EntryOutcome::Transition {
                order,
                previous,
                to,
            } => {
                let found = self.order(addr, order)?;
                if let Some((row, holds)) = found
                    && !fits_move(to, row.state, holds)
                {
                    self.fault_at(addr, "the order does not have the state of this change");
                }
                self.change_is_kept(addr, found.as_ref());
                self.previous_change(addr, order, previous)?;
                self.note(addr, to)?;
            }
            EntryOutcome::Fulfilled { order, previous } => {
                let found = self.order(addr, order)?;
                self.change_is_kept(addr, found.as_ref());
                self.previous_change(addr, order, previous)?;
                self.report(addr, order)?;
            }
        }
        Ok(())
    }

    /// Checks that a change refers to the change before it.
    fn previous_change(
        &mut self,
        addr: EntryAddr,
        order: EntryAddr,
        previous: EntryAddr,
    ) -> Result<(), Fault> {
        if previous != order {
            let before = self.check.journal.entry_outcome(previous)?;
            if previous >= addr || !before.is_change() || before.order(previous) != Some(order) {
                self.fault_at(addr, "the previous change is missing");
            }
        }
        Ok(())
    }

    /// Checks that the rule which holds an order is stored.
    fn hold(&mut self, addr: EntryAddr) -> Result<(), Fault> {
        match holds::read(self.check.connection, addr)? {
            Some(About::Hold(_)) => self.check.holds += 1,
            Some(About::Note(_)) | None => {
                self.fault_at(addr, "the rule that holds its order is missing");
            }
        }
        Ok(())
    }

    /// Counts the note of a person who released or refused an order.
    fn note(&mut self, addr: EntryAddr, to: Transition) -> Result<(), Fault> {
        if !matches!(to, Transition::HoldReleased | Transition::HoldRefused) {
            return Ok(());
        }
        match holds::read(self.check.connection, addr)? {
            Some(About::Note(_)) => self.check.holds += 1,
            Some(About::Hold(_)) => self.fault_at(addr, "a rule is stored in place of a note"),
            None => {}
        }
        Ok(())
    }

    /// Checks that an order is held if, and only if, its latest entry holds it.
    fn is_rightly_held(&mut self, row: &OrderRow) -> Result<(), Fault> {
        let is_held = self.check.journal.entry_outcome(row.latest)?.is_held();
        let is_over = row.changed.is_some_and(|changed| changed > row.latest);
        let is_right = match row.state {
            State::Held => is_held && !is_over,
            State::Draft | State::Pending => !is_held || is_over,
            State::Processed | State::Cancelled => true,
        };
        if !is_right {
            self.fault_at(row.id, "its state does not match whether a rule holds it");
        }
        Ok(())
    }

    /// Checks that the latest report of an order is stored.
    fn report(&mut self, addr: EntryAddr, order: EntryAddr) -> Result<(), Fault> {
        let select = "select place from fulfilments where id = ?1 and organisation = ?1 >> 42";
        let mut select = self.check.connection.prepare_cached(select)?;
        let kept: Option<i64> = select.query_row([order.0], |row| row.get(0)).optional()?;
        match kept.map(EntryAddr) {
            Some(kept) if kept == addr => self.check.reports += 1,
            Some(kept) if kept > addr => {}
            Some(_) | None => self.fault_at(addr, "the fulfilment report is missing"),
        }
        Ok(())
    }

    /// The order whose first revision is at `order`. Reports a fault at `addr` if there is none.
    fn order(&mut self, addr: EntryAddr, order: EntryAddr) -> Result<Option<Found>, Fault> {
        let key = if order.block() == self.block.head.id {
            self.own_key(order)
        } else {
            self.check.journal.key(order).ok()
        };
        let found = match key {
            Some(key) => self.lookup.at(&self.key_space, &key, order)?,
            None => None,
        };
        if found.is_none() {
            self.fault_at(addr, "its order is missing from the index");
        }
        Ok(found)
    }

    /// Checks that the latest revision is where the index says.
    fn latest(&mut self, row: &OrderRow) -> Result<(), Fault> {
        let entry_outcome = self.check.journal.entry_outcome(row.latest)?;
        if !is_revision(entry_outcome, row.latest, row.id, row.revision) {
            self.fault_at(
                row.id,
                "the index has a wrong address of its latest revision",
            );
        }
        Ok(())
    }

    /// Checks that the latest transition or report is where the index says.
    fn latest_change(&mut self, row: &OrderRow) -> Result<(), Fault> {
        let Some(addr) = row.changed else {
            if !row.state.is_open() {
                self.fault_at(row.id, "no change leads to its state");
            }
            return Ok(());
        };
        let entry_outcome = self.check.journal.entry_outcome(addr)?;
        if !entry_outcome.is_change() || entry_outcome.order(addr) != Some(row.id) {
            self.fault_at(row.id, "the index has a wrong address of its latest change");
        }
        Ok(())
    }

    /// Checks that the index refers to this change or a later one.
    fn change_is_kept(&mut self, addr: EntryAddr, found: Option<&Found>) {
        if found.is_some_and(|(row, _)| row.changed.is_none_or(|latest| latest < addr)) {
            self.fault_at(addr, "this change is missing from the index");
        }
    }

    /// The key of an order that begins in this block.
    fn own_key(&self, order: EntryAddr) -> Option<String> {
        match self.entry_outcomes.get(order.ordinal())? {
            EntryOutcome::Accepted {
                number: Some(number),
                ..
            } => Some(number.to_string()),
            EntryOutcome::Accepted { number: None, .. } => {
                self.keys.get(order.ordinal()).map(str::to_owned)
            }
            EntryOutcome::Updated { .. }
            | EntryOutcome::Unchanged { .. }
            | EntryOutcome::Refused
            | EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => None,
        }
    }

    /// Checks that a text can be read. The latest text must have the content hash of the index.
    fn text(&mut self, addr: EntryAddr, revision: u32, row: &OrderRow) -> Result<(), Fault> {
        self.check.report.revisions += 1;
        let ordinal = addr.ordinal();
        if self.frame.text(ordinal).is_none() {
            let texts = self.block.texts.as_deref().unwrap_or_default();
            self.frame = Frame::read(texts, ordinal)?;
        }
        let names = self.check.names.get(&self.block.head.dialect).copied();
        let text = self.frame.text(ordinal).unwrap_or_default();
        let hash = content_hash(text, names.unwrap_or(NameCase::Exact));
        if hash.is_none() {
            self.fault_at(addr, "its text is not a valid order");
        }
        if row.latest == addr && hash.is_some_and(|hash| hash != row.hash) {
            self.fault_at(addr, "its content does not match the hash in the index");
        }
        if row.latest != addr && row.revision <= revision {
            self.fault_at(addr, "the order has lost this revision");
        }
        Ok(())
    }
}

/// Whether the entry at `addr` is revision `number` of the order `wanted`.
fn is_revision(
    entry_outcome: EntryOutcome,
    addr: EntryAddr,
    wanted: EntryAddr,
    number: u32,
) -> bool {
    match entry_outcome {
        EntryOutcome::Accepted { .. } => addr == wanted && number == 1,
        EntryOutcome::Updated {
            order, revision, ..
        } => order == wanted && revision == number,
        EntryOutcome::Unchanged { .. }
        | EntryOutcome::Refused
        | EntryOutcome::Purged
        | EntryOutcome::Transition { .. }
        | EntryOutcome::Fulfilled { .. } => false,
    }
}
