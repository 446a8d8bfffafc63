//! The greatest key of each key space in the pages of the index, kept from one transaction to the next.

use std::collections::HashMap;

use wharfinger_core::order::ids::OrganisationId;

use super::key_space::KeySpace;
use super::page::Page;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;

/// Key spaces whose greatest key is kept, at most. More are forgotten and looked up again.
const KEPT_MAX: usize = 100_000;
const LAST: &str = "select orders from order_leaves where first >= ?1 and first < ?2 and sound(order_leaves.intact) \
    order by first desc limit 1";

/// The greatest key of each key space, or a greater one. Only for SQLite.
#[derive(Default)]
pub(crate) struct GreatestKeys {
    /// SQLite's number for the state of the database as others left it.
    version: i64,
    is_compared: bool,
    keys: HashMap<(OrganisationId, DialectId), Vec<u8>>,
}

impl GreatestKeys {
    /// Whether a key of the table is greater than all that the pages have.
    pub(super) fn is_behind(
        &mut self,
        connection: &Connection,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<bool, Fault> {
        self.compare(connection)?;
        let of = (key_space.organisation, key_space.dialect);
        if let Some(greatest) = self.keys.get(&of) {
            return Ok(greatest.as_slice() < key);
        }
        if self.keys.len() >= KEPT_MAX {
            self.keys.clear();
        }
        let end = key_space.end();
        let bounds = (key_space.prefix().as_bytes(), end.as_bytes());
        let mut last = connection.prepare_cached(LAST)?;
        let packed: Option<Vec<u8>> = last.query_row(bounds, |row| row.get(0)).optional()?;
        let page = packed.map(|packed| Page::decode(&packed)).transpose()?;
        let greatest = page.as_ref().and_then(Page::last_key).unwrap_or_default();
        let is_behind = greatest < key;
        self.keys.insert(of, greatest.to_owned());
        Ok(is_behind)
    }

    /// Notes that a key of the table is inserted into the pages.
    pub(super) fn grow(&mut self, key_space: &KeySpace, key: &[u8]) {
        let of = (key_space.organisation, key_space.dialect);
        if let Some(greatest) = self.keys.get_mut(&of)
            && greatest.as_slice() < key
        {
            greatest.clear();
            greatest.extend_from_slice(key);
        }
    }

    /// Begins another transaction.
    pub(crate) fn begin(&mut self) {
        self.is_compared = false;
    }

    /// Forgets everything if another process, or another connection of this one, has written since.
    fn compare(&mut self, connection: &Connection) -> Result<(), Fault> {
        if self.is_compared {
            return Ok(());
        }
        let version = connection.query_row("pragma data_version", (), |row| row.get(0))?;
        if version != self.version {
            self.keys.clear();
        }
        self.version = version;
        self.is_compared = true;
        Ok(())
    }
}
