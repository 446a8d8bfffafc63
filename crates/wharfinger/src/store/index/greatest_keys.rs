//! The greatest key of each key space of the index, kept from one transaction to the next. Most new orders are behind it, and need no
//! look-up.

use std::collections::{HashMap, HashSet};

use wharfinger_core::order::ids::OrganisationId;

use super::key_space::KeySpace;
use super::page::Page;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::format::dialect_id::DialectId;
use crate::store::journal::end::{Counters, JournalEnd, read_counters};

/// Organisations whose greatest keys are kept, at most. More are forgotten and looked up again.
const KEPT_MAX: usize = 100_000;
const LAST: &str = "select orders from order_leaves where first >= ?1 and first < ?2 and sound(order_leaves.intact) \
    order by first desc limit 1";

/// The greatest key of each key space, or a greater one.
#[derive(Default)]
pub(crate) struct GreatestKeys {
    organisations: HashMap<OrganisationId, OfOrganisation>,
    /// The organisations whose journals were compared in this transaction. Only on PostgreSQL.
    compared: HashSet<OrganisationId>,
}

#[derive(Default)]
struct OfOrganisation {
    keys: HashMap<DialectId, Vec<u8>>,
    /// The end of the journal with which they are valid, on PostgreSQL. A new order makes the journal longer.
    end: Option<JournalEnd>,
}

impl GreatestKeys {
    /// Whether a key of the table is greater than all others of its key space, which then no order has. It is noted as the greatest.
    /// `None` if that is not known: on PostgreSQL, nothing is looked up.
    pub(super) fn is_behind(
        &mut self,
        connection: &Connection,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<Option<bool>, Fault> {
        let greatest = match self.get(connection, key_space)? {
            Some(known) => known,
            None if connection.postgres().is_some() => return Ok(None),
            None => {
                let found = find(connection, key_space)?;
                self.note(key_space, found)
            }
        };
        let is_behind = greatest.as_slice() < key;
        if is_behind {
            greatest.clear();
            greatest.extend_from_slice(key);
        }
        Ok(Some(is_behind))
    }

    /// The greatest key of a key space, or a greater one, if it is known.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        key_space: &KeySpace,
    ) -> Result<Option<&mut Vec<u8>>, Fault> {
        self.compare(connection, key_space.organisation)?;
        let of = self.organisations.get_mut(&key_space.organisation);
        Ok(of.and_then(|of| of.keys.get_mut(&key_space.dialect)))
    }

    /// Notes the greatest key of a key space.
    pub(super) fn note(&mut self, key_space: &KeySpace, key: Vec<u8>) -> &mut Vec<u8> {
        let organisation = key_space.organisation;
        let is_full = self.organisations.len() >= KEPT_MAX;
        if is_full && !self.organisations.contains_key(&organisation) {
            self.organisations.clear();
        }
        let of = self.organisations.entry(organisation).or_default();
        let greatest = of.keys.entry(key_space.dialect).or_default();
        *greatest = key;
        greatest
    }

    /// On PostgreSQL, forgets the keys of an organisation if another server has added orders. The organisation must be locked.
    fn compare(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
    ) -> Result<(), Fault> {
        if connection.postgres().is_none() || !self.compared.insert(organisation) {
            return Ok(());
        }
        if let Some(of) = self.organisations.get(&organisation)
            && of.end != Some(read_counters(connection, organisation)?.end())
        {
            self.organisations.remove(&organisation);
        }
        Ok(())
    }

    /// Ends a transaction on PostgreSQL. `now` are the counters of organisations that it has written, or has locked and left as they
    /// were.
    pub(super) fn end(&mut self, now: &HashMap<OrganisationId, Counters>) {
        for organisation in std::mem::take(&mut self.compared) {
            match (
                self.organisations.get_mut(&organisation),
                now.get(&organisation),
            ) {
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
