//! The greatest key of each key space of the index, kept from one transaction to the next. Most new orders are behind it, and need no
//! look-up.

use wharfinger_core::order::ids::OrganisationId;

use super::key_space::KeySpace;
use super::page::Page;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::id_map::{IdMap, IdSet};
use crate::store::journal::end::{Counters, JournalEnd, read_counters};

/// Organisations whose greatest keys are kept, at most. More are forgotten and looked up again.
const KEPT_MAX: usize = 100_000;
const LAST: &str = "select orders from order_leaves where first >= ?1 and first < ?2 and sound(order_leaves.intact) \
    order by first desc limit 1";

/// The greatest key of each key space, or a greater one.
#[derive(Default)]
pub(crate) struct GreatestKeys {
    organisations: IdMap<OrganisationId, OfOrganisation>,
    /// The organisations whose journals were compared in this transaction. Only on PostgreSQL.
    compared: IdSet<OrganisationId>,
    /// The number of the transaction.
    transaction: u64,
}

#[derive(Default)]
struct OfOrganisation {
    keys: IdMap<DialectId, Greatest>,
    /// The end of the journal with which they are valid, on PostgreSQL. A new order makes the journal longer.
    end: Option<JournalEnd>,
}

/// The greatest key of a key space.
#[derive(Default)]
pub(super) struct Greatest {
    /// The greatest key, with those that the transaction has added.
    pub(super) now: Vec<u8>,
    /// The greatest key before a transaction, or a greater one.
    before: Vec<u8>,
    /// The number of that transaction.
    transaction: u64,
}

/// Where a key is among those of its key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind all of them. No order has it.
    BehindAll,
    /// Behind those that were stored before the transaction. Only an order that it has added may have it.
    BehindStored,
    /// Between them.
    Among,
}

impl GreatestKeys {
    /// Begins a transaction.
    pub(super) fn begin(&mut self) {
        self.transaction += 1;
    }

    /// Where a key of the table is among those of its key space. If it is behind all of them, it is noted as the greatest. `None` if
    /// that is not known: on PostgreSQL, nothing is looked up.
    pub(super) fn place(
        &mut self,
        connection: &Connection,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<Option<Place>, Fault> {
        let transaction = self.transaction;
        let greatest = match self.get(connection, key_space)? {
            Some(known) => known,
            None if connection.postgres().is_some() => return Ok(None),
            None => {
                let found = find(connection, key_space)?;
                self.note(key_space, found)
            }
        };
        if greatest.transaction != transaction {
            greatest.transaction = transaction;
            greatest.before.clone_from(&greatest.now);
        }
        if greatest.now.as_slice() < key {
            greatest.now.clear();
            greatest.now.extend_from_slice(key);
            return Ok(Some(Place::BehindAll));
        }
        let is_behind_stored = greatest.before.as_slice() < key;
        Ok(Some(match is_behind_stored {
            true => Place::BehindStored,
            false => Place::Among,
        }))
    }

    /// The greatest key of a key space, or a greater one, if it is known.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        key_space: &KeySpace,
    ) -> Result<Option<&mut Greatest>, Fault> {
        self.compare(connection, key_space.organisation)?;
        let of = self.organisations.get_mut(&key_space.organisation);
        Ok(of.and_then(|of| of.keys.get_mut(&key_space.dialect)))
    }

    /// Notes the greatest key of a key space.
    pub(super) fn note(&mut self, key_space: &KeySpace, key: Vec<u8>) -> &mut Greatest {
        let organisation = key_space.organisation;
        let is_full = self.organisations.len() >= KEPT_MAX;
        if is_full && !self.organisations.contains_key(&organisation) {
            self.organisations.clear();
        }
        let of = self.organisations.entry(organisation).or_default();
        let greatest = of.keys.entry(key_space.dialect).or_default();
        // The key may be that of an order that the transaction has added. Then fewer keys are known to be behind those that were
        // stored, and the others are looked up.
        *greatest = Greatest {
            before: key.clone(),
            now: key,
            transaction: self.transaction,
        };
        greatest
    }

    /// On PostgreSQL, forgets the keys of organisations to which another server has added orders. These are the counters of locked
    /// organisations.
    pub(super) fn check(&mut self, counters: &IdMap<OrganisationId, Counters>) {
        for (&organisation, counters) in counters {
            if self.compared.insert(organisation) {
                self.forget_unless(organisation, counters.end());
            }
        }
    }

    /// As [`Self::check`], of one organisation, which must be locked.
    fn compare(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
    ) -> Result<(), Fault> {
        if connection.postgres().is_none() || !self.compared.insert(organisation) {
            return Ok(());
        }
        if self.organisations.contains_key(&organisation) {
            let counters = read_counters(connection, organisation)?;
            self.forget_unless(organisation, counters.end());
        }
        Ok(())
    }

    fn forget_unless(&mut self, organisation: OrganisationId, end: JournalEnd) {
        let of = self.organisations.get(&organisation);
        if of.is_some_and(|of| of.end != Some(end)) {
            self.organisations.remove(&organisation);
        }
    }

    /// Ends a transaction on PostgreSQL. `now` are the counters of organisations that it has written, or has locked and left as they
    /// were.
    pub(super) fn end<'n>(&mut self, now: impl Fn(OrganisationId) -> Option<&'n Counters>) {
        for organisation in self.compared.drain() {
            match (self.organisations.get_mut(&organisation), now(organisation)) {
                (Some(of), Some(now)) => of.end = Some(now.end()),
                // It was not locked.
                (Some(_), None) => drop(self.organisations.remove(&organisation)),
                (None, _) => {}
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.organisations.clear();
    }
}

/// The greatest key of a key space, in its pages and among recent changes. Empty if it has none.
fn find(connection: &Connection, key_space: &KeySpace) -> Result<Vec<u8>, Fault> {
    let end = key_space.end();
    let bounds = [key_space.prefix().as_bytes(), end.as_bytes()];
    let mut last = connection.prepare_cached(LAST)?;
    let packed = last.query_row((bounds[0], bounds[1]), |row| row.get::<Vec<u8>>(0));
    let page = packed.optional()?.map(|packed| Page::decode(&packed));
    let page = page.transpose()?;
    let of_pages = page.as_ref().and_then(Page::last_key).map(<[u8]>::to_vec);
    let of_recent = match connection.recent() {
        Some(recent) => recent.last_key(Space::Index, bounds)?,
        None => None,
    };
    Ok(of_pages.max(of_recent).unwrap_or_default())
}
