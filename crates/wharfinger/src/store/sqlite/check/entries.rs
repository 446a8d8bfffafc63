//! The entries of one block against the rows of the orders they belong to.

use std::collections::HashMap;

use rusqlite::OptionalExtension;
use wharfinger_core::json::{NameCase, Reader};

use super::super::fault::Fault;
use super::super::rows::{self, COLUMNS, OrderRow};
use super::{Check, StoredBlock, fits_move};
use crate::store::block::{Frame, decode_keys};
use crate::store::place::Place;
use crate::store::slots::Mark;

/// An order's row, its dialect, and its key unless that was released.
struct Found {
    row: OrderRow,
    dialect: i64,
    key: Option<String>,
}

/// The entries of a block.
pub(super) struct Entries<'k, 'c, 'b> {
    check: &'k mut Check<'c>,
    block: &'b StoredBlock,
    marks: &'b [Mark],
    keys: Vec<String>,
    frame: Frame,
    /// The orders that begin in this block.
    orders: HashMap<Place, Found>,
}

impl<'k, 'c, 'b> Entries<'k, 'c, 'b> {
    /// Reads what is to be compared.
    pub(super) fn of(
        check: &'k mut Check<'c>,
        block: &'b StoredBlock,
        marks: &'b [Mark],
    ) -> Result<Self, Fault> {
        let keys = match &block.keys {
            Some(keys) => decode_keys(keys)?,
            None => Vec::new(),
        };
        let select =
            format!("select {COLUMNS}, dialect, key from orders where id >= ?1 and id < ?2");
        let mut select = check.connection.prepare_cached(&select)?;
        let bounds = [block.id.entry(0).0, block.id.plus(1).entry(0).0];
        let mut orders = HashMap::new();
        let mut found = select.query(bounds)?;
        while let Some(found) = found.next()? {
            let found = read_found(found)?;
            orders.insert(found.row.id, found);
        }
        Ok(Self {
            check,
            block,
            marks,
            keys,
            frame: Frame::default(),
            orders,
        })
    }

    /// Checks them all.
    pub(super) fn check(mut self) -> Result<(), Fault> {
        let is_alive = self.marks.iter().any(|mark| mark.is_alive());
        if is_alive && self.keys.len() != self.marks.len() {
            return Err(Fault::Damaged("it has not as many keys as slots".into()));
        }
        self.check.report.orders += self.orders.len() as u64;
        let accepted = self.marks.iter().filter(|mark| **mark == Mark::Accepted);
        if accepted.count() != self.orders.len() {
            self.fault("it brings another number of orders than the index has");
        }
        for (ordinal, &mark) in self.marks.iter().enumerate() {
            let place = self.block.id.entry(ordinal);
            self.entry(place, mark)?;
        }
        Ok(())
    }

    fn fault(&mut self, what: &str) {
        let id = self.block.id.0;
        self.check.fault(format!("block {id}: {what}"));
    }

    fn fault_at(&mut self, place: Place, what: &str) {
        self.check.fault(format!("place {}: {what}", place.0));
    }

    fn entry(&mut self, place: Place, mark: Mark) -> Result<(), Fault> {
        match mark {
            Mark::Refused => {}
            Mark::Accepted => {
                let Some(found) = self.orders.remove(&place) else {
                    self.fault_at(place, "the new order is not in the index");
                    return Ok(());
                };
                self.latest(&found)?;
                if !self.is_called(&found) {
                    self.fault_at(place, "the index has another key or dialect");
                }
                self.text(place, 1, &found.row)?;
            }
            Mark::Updated {
                order,
                previous,
                revision,
                amendment: _,
            } => {
                let before = self.check.journal.mark(previous)?;
                if !is_revision(before, previous, order, revision.wrapping_sub(1)) {
                    self.fault_at(place, "the revision before is not where it should be");
                }
                if let Some(found) = self.order(place, order)? {
                    self.text(place, revision, &found.row)?;
                }
            }
            Mark::Unchanged { order, revision } => {
                if let Some(found) = self.order(place, order)?
                    && found.row.revision < revision
                {
                    self.fault_at(place, "the order has lost a revision");
                }
            }
            Mark::Moved { order, to } => {
                if let Some(found) = self.order(place, order)?
                    && !fits_move(to, found.row.state, found.key.is_some())
                {
                    self.fault_at(place, "the order is not in the state it was moved to");
                }
            }
        }
        Ok(())
    }

    /// The order whose first revision lies at `order`; a fault at `place` if there is none.
    fn order(&mut self, place: Place, order: Place) -> Result<Option<Found>, Fault> {
        let select = format!("select {COLUMNS}, dialect, key from orders where id = ?1");
        let mut select = self.check.connection.prepare_cached(&select)?;
        let found = select.query_row([order.0], read_found).optional()?;
        if found.is_none() {
            self.fault_at(place, "it speaks of an order that is not in the index");
        }
        Ok(found)
    }

    /// Whether the latest revision lies where the index says.
    fn latest(&mut self, found: &Found) -> Result<(), Fault> {
        let row = &found.row;
        let mark = self.check.journal.mark(row.latest)?;
        if !is_revision(mark, row.latest, row.id, row.revision) {
            self.fault_at(row.id, "its latest revision is not where the index says");
        }
        Ok(())
    }

    fn is_called(&self, found: &Found) -> bool {
        let submitted = self.keys.get(found.row.id.ordinal());
        let is_key = match (&found.key, found.row.number) {
            // A number that the server gave was not submitted.
            (Some(key), Some(number)) => *key == number.to_string(),
            (Some(key), None) => Some(key) == submitted,
            (None, _) => true,
        };
        is_key && found.dialect == self.block.dialect
    }

    /// Whether a text can be read, and has the content hash of the index if it is the latest.
    fn text(&mut self, place: Place, revision: u32, row: &OrderRow) -> Result<(), Fault> {
        self.check.report.revisions += 1;
        let ordinal = place.ordinal();
        if self.frame.text(ordinal).is_none() {
            let texts = self.block.texts.as_deref().unwrap_or_default();
            self.frame = Frame::read(texts, ordinal)?;
        }
        let names = self.check.names.get(&self.block.dialect).copied();
        let text = self.frame.text(ordinal).unwrap_or_default();
        let hash = content_hash(text, names.unwrap_or(NameCase::Exact));
        if hash.is_none() {
            self.fault_at(place, "its text is not the JSON of an order");
        }
        if row.latest == place && hash.is_some_and(|hash| hash != row.hash) {
            self.fault_at(place, "its content has another hash than the index");
        }
        if row.latest != place && row.revision <= revision {
            self.fault_at(place, "the order has lost this revision");
        }
        Ok(())
    }
}

fn read_found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        row: rows::read(row)?,
        dialect: row.get(6)?,
        key: row.get(7)?,
    })
}

/// Whether what lies at a place is this revision of an order.
fn is_revision(mark: Mark, place: Place, wanted: Place, number: u32) -> bool {
    match mark {
        Mark::Accepted => place == wanted && number == 1,
        Mark::Updated {
            order, revision, ..
        } => order == wanted && revision == number,
        Mark::Unchanged { .. } | Mark::Refused | Mark::Moved { .. } => false,
    }
}

/// The content hash of an order's text; none where it cannot be read. Limits may have been changed since it was
/// admitted, and are not asked again.
fn content_hash(text: &str, names: NameCase) -> Option<u128> {
    let mut reader = Reader::of_stored(text, names).ok()?;
    let entry = reader.next().ok()??;
    entry.faults.is_empty().then_some(entry.hash)
}
