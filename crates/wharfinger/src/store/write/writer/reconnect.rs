//! Reconnecting to PostgreSQL: the server may restart, drop the connection, or serve other processes.

use std::time::{Duration, Instant};

use wharfinger_core::order::ids::BatchId;

use super::Thread;
use super::locking::names;
use crate::store::api::{Growth, StoreError};
use crate::store::engine::connection::{Use, touch};
use crate::store::engine::driver::{self, Access, Engine, LOCK_PATIENCE, Locks};
use crate::store::engine::fault::{Fault, Severity};
use crate::store::index::kept_index::KeptIndex;
use crate::store::write::queue::QueuedJob;

/// How long to try to find out whether a transaction was committed.
const FINDING_OUT_MAX: Duration = Duration::from_secs(20);
/// How long a transaction waits for those that lock the store, at least, also if its oldest job has waited for long.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
/// The pause between two tries.
const FINDING_OUT_PAUSE: Duration = Duration::from_millis(200);

impl Thread {
    /// Begins a write transaction that claims the names of these jobs, except of those that were put back: they claim theirs when
    /// they run, because there may be many, and each claim takes space in the database. On PostgreSQL it reconnects first if the connection
    /// is lost. Returns what the transaction locks.
    pub(super) fn begin(&mut self, jobs: &[QueuedJob]) -> Result<Locks, Fault> {
        let names = &names(jobs.iter().filter(|queued| !queued.was_put_back));
        let age = jobs.iter().map(QueuedJob::age).max();
        let patience = LOCK_PATIENCE.saturating_sub(age.unwrap_or_default());
        let patience = patience.max(PATIENCE_MIN);
        let access = |locks| Access::Write {
            names,
            locks,
            patience,
        };
        let locks = self.locks(jobs);
        let Err(error) = self.connection.open(access(locks)) else {
            return Ok(locks);
        };
        let is_lost = error.severity() == Severity::Transient && !error.is_of_patience();
        if self.connection.engine() == Engine::Sqlite || !is_lost {
            return Err(error.into());
        }
        self.reconnect()?;
        // The transaction may now begin an epoch.
        let locks = self.locks(jobs);
        self.connection.open(access(locks))?;
        Ok(locks)
    }

    fn reconnect(&mut self) -> Result<(), Fault> {
        self.connection = self.home.connect(Use::Write)?;
        self.known.epoch = None;
        // The server may be another one, with other data.
        self.catalogues.index = KeptIndex::default();
        self.growth.send_modify(Growth::forget);
        Ok(())
    }

    /// Rejects the jobs whose idempotency key another process has claimed.
    pub(super) fn turn_away_busy(&self, jobs: &mut Vec<QueuedJob>) {
        let Some(session) = self.connection.postgres() else {
            return;
        };
        let busy = session.busy();
        let is_busy = |queued: &mut QueuedJob| {
            let name = queued.job.name();
            name.is_some_and(|name| busy.contains(&name.number()))
        };
        for queued in jobs.extract_if(.., is_busy) {
            queued.job.answer(Err(StoreError::ReplySaved));
        }
    }

    /// After a commit without an answer: finds out whether it took effect.
    ///
    /// # Errors
    /// [`Fault::Commit`] if it did not, and [`Fault::Unknown`] if that cannot be found out.
    pub(super) fn find_out(
        &mut self,
        error: driver::Error,
        batch: Option<BatchId>,
    ) -> Result<(), Fault> {
        let Some(session) = self.connection.postgres() else {
            return Err(Fault::Commit(error));
        };
        let transaction = session.transaction();
        let until = Instant::now() + FINDING_OUT_MAX;
        loop {
            match self.is_committed(&transaction, batch) {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Fault::Commit(error)),
                Err(fault) if fault.severity() == Severity::Transient && Instant::now() < until => {
                    std::thread::sleep(FINDING_OUT_PAUSE);
                }
                Err(_) => return Err(Fault::Unknown(error)),
            }
        }
    }

    /// Whether a transaction was committed. If it wrote the receipt of a batch, this looks for that receipt. Otherwise it asks
    /// PostgreSQL for the transaction's status. The transaction is no longer running, because the lock that it held is free.
    ///
    /// On Citus it asks for both. If the nodes have prepared the transaction, the coordinator has decided, and the receipt appears
    /// later. If one node had all rows, the coordinator has left the decision to it.
    fn is_committed(&mut self, transaction: &str, batch: Option<BatchId>) -> Result<bool, Fault> {
        self.reconnect()?;
        let looking = self.connection.begin(Access::WRITE)?;
        let has_receipt = match batch {
            Some(batch) => looking
                .prepare_cached("select 1 from batches where id = ?1")?
                .exists([batch.to_bytes()])?,
            None => false,
        };
        let status_counts = batch.is_none() || looking.citus().is_some();
        let is_committed = has_receipt
            || status_counts && {
                let select = "select coalesce(pg_xact_status(cast(cast(?1 as text) as xid8)), '')";
                let status: String = looking.query_row(select, [transaction], |row| row.get(0))?;
                status == "committed"
            };
        if is_committed {
            // The commit is on this server's disk, but a synchronous replica may lack it. A replica that has the following
            // write has this commit too.
            touch(&looking)?;
            looking.commit().map_err(Fault::Commit)?;
        }
        Ok(is_committed)
    }
}
