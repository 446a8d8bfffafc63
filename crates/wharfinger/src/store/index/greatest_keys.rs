//! The greatest key of each key space of the index, kept from one transaction to the next. Most new orders are behind it, and need no
//! look-up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use wharfinger_core::order::ids::OrganisationId;

use super::key_space::KeySpace;
use super::page::Page;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::format::dialect_id::DialectId;

/// Key spaces whose greatest key is kept, at most. More are forgotten and looked up again.
const KEPT_MAX: usize = 100_000;
const LAST: &str = "select orders from order_leaves where first >= ?1 and first < ?2 and sound(order_leaves.intact) \
    order by first desc limit 1";

/// The greatest key of each key space, or a greater one. Only for SQLite.
#[derive(Default)]
pub(crate) struct GreatestKeys {
    keys: HashMap<(OrganisationId, DialectId), Vec<u8>>,
}

impl GreatestKeys {
    /// Whether a key of the table is greater than all others of its key space, which then no order has. It is noted as the greatest.
    pub(super) fn is_behind(
        &mut self,
        connection: &Connection,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<bool, Fault> {
        let of = (key_space.organisation, key_space.dialect);
        if self.keys.len() >= KEPT_MAX && !self.keys.contains_key(&of) {
            self.keys.clear();
        }
        let greatest = match self.keys.entry(of) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(find(connection, key_space)?),
        };
        let is_behind = greatest.as_slice() < key;
        if is_behind {
            greatest.clear();
            greatest.extend_from_slice(key);
        }
        Ok(is_behind)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
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
