//! Transactions without jobs, which merge the recent changes that others have left.

use super::{Finished, Thread, WriteTxn};
use crate::store::engine::driver::{Access, Engine};
use crate::store::engine::fault::{Fault, Severity};
use crate::store::write::{merge, merger};

impl Thread {
    /// Merges some of the changes that transactions owe. After a failure the changes stay in the log, and are merged with later ones.
    pub(super) fn merge_owed(&mut self) {
        if self.failed.borrow().is_some() {
            self.known.owed = 0;
            return;
        }
        match self.merge_alone() {
            Ok(finished) => self.note_finished(finished),
            Err(fault) => {
                self.known.owed = 0;
                let fault = &self.told_apart(fault);
                if fault.severity() == Severity::Fatal {
                    self.fail(fault);
                } else {
                    tracing::warn!(%fault, "Recent changes could not be merged into the tables.");
                }
            }
        }
    }

    /// Merges everything before the connection is closed. On PostgreSQL, what another server is merging stays in the log.
    pub(super) fn merge_at_the_end(&self) -> Result<(), Fault> {
        match self.connection.engine() {
            Engine::Sqlite => merge::all_alone(&self.connection),
            Engine::Postgres => merger::all(&self.connection),
        }
    }

    fn merge_alone(&mut self) -> Result<Finished, Fault> {
        let transaction = self.connection.begin(Access::WRITE)?;
        let kept = std::mem::take(&mut self.catalogues);
        let txn = WriteTxn::new(&transaction, self.known, kept)?;
        let finished = txn.finish()?;
        transaction.commit()?;
        if let Some(places) = &self.places {
            places.check()?;
        }
        Ok(finished)
    }
}
