//! What is known about the index from one transaction to the next.

use super::greatest_keys::GreatestKeys;
use super::page_cache::KeptPages;
use super::page_filters::PageFilters;
use crate::store::engine::driver::{Connection, Engine};
use crate::store::engine::fault::Fault;

/// What is known about the index. On SQLite it is valid as long as only this connection writes. On PostgreSQL each part says when.
#[derive(Default)]
pub(crate) struct KeptIndex {
    /// The pages, on PostgreSQL.
    pub(super) pages: KeptPages,
    /// SQLite's number for the state of the database as others left it.
    version: i64,
    /// The greatest key of each key space.
    pub(super) greatest: GreatestKeys,
    /// Which keys the pages may have.
    pub(super) filters: PageFilters,
}

impl KeptIndex {
    /// Forgets everything if another process, or another connection of this one, has written since. The connection must be in a
    /// write transaction.
    pub(super) fn compare(&mut self, connection: &Connection) -> Result<(), Fault> {
        if connection.engine() != Engine::Sqlite {
            return Ok(());
        }
        let version = connection.data_version()?;
        if version != self.version {
            self.greatest.clear();
            self.filters.clear();
        }
        self.version = version;
        Ok(())
    }
}
