//! What a transaction locks, and which jobs it can then run.
//!
//! On PostgreSQL, a transaction locks the organisations of its jobs that nobody else has locked, without waiting. It runs the jobs
//! that have all of theirs; the others are put back, and come first in the next group. It waits only where that delays nobody, or
//! for a job that was put back for long, and then not for long.
//!
//! **No deadlocks.** Whoever waits for organisations has locked nothing but lower ones that it has waited for. What is locked
//! without waiting is locked after that. Imports and the directory follow, in the order of their numbers, and the stock.
//!
//! **No livelock.** Two servers may each lock a part of the same organisations, both put their batches back, and meet again. But a
//! server that has nothing else to do waits, and so does every server for a job that is [`OVERDUE`]. Whoever waits is in the
//! database's queue for the row, and the others, which do not wait, let go of it at the end of their transaction. Of all who wait,
//! the one for the highest organisation waits for nobody who waits. The database wakes it, and its job runs.
//!
//! **What is locked in vain.** A job of several organisations that lacks one holds the others until the end of the transaction,
//! although it does not run. Other servers put their jobs of these organisations back, or wait for this one transaction. On this
//! server, later jobs of these organisations stay behind it, because no job overtakes an earlier one of its organisations.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wharfinger_core::order::ids::OrganisationId;

use super::Thread;
use crate::runtime::metrics::METRICS;
use crate::store::api::StoreError;
use crate::store::engine::driver::{Connection, LOCK_PATIENCE, Locks, Session};
use crate::store::engine::fault::Fault;
use crate::store::format::id_map::{IdMap, IdSet};
use crate::store::journal::end::{Counters, await_counters, counters_by_id, lock_free_counters};
use crate::store::replies::write::Name;
use crate::store::write::merge;
use crate::store::write::queue::{QueuedJob, take_runnable};

/// How long to wait for organisations if no other job is there. Jobs that arrive meanwhile wait as well. This is longer than most
/// transactions, so that the wait is rarely in vain.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// From what age a job that was put back is waited for, although others are there.
const OVERDUE: Duration = Duration::from_secs(2);
/// How long to wait for such a job, at most.
const OVERDUE_WAIT_MAX: Duration = Duration::from_secs(1);
/// The pause after such a wait, in which the other jobs run.
const OVERDUE_PAUSE: Duration = Duration::from_secs(2);

/// When the writer has waited for organisations.
#[derive(Default)]
pub(super) struct Waits {
    /// Whether the last transaction has tried to lock the organisations of all jobs, and could run none.
    pub none_could_run: bool,
    /// When it last waited for an overdue job.
    overdue: Option<Instant>,
}

/// Whether a transaction waits for organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// No, because other jobs are there.
    No,
    /// Only if it could lock nothing.
    IfNothingIsFree,
    /// Yes, before it locks anything.
    First,
    /// Yes, for an overdue job, before it locks anything.
    ForOverdue,
}

impl Thread {
    /// What the transaction of these jobs locks: the organisations that they write to, or the store if one of them may write to
    /// more, or if the process writes to a journal for the first time and begins an epoch.
    pub(super) fn locks(&self, jobs: &[QueuedJob]) -> Locks {
        let is_of_organisations = |queued: &QueuedJob| {
            let writes = queued.job.writes();
            let is_known = |dialect| self.catalogues.dialects.contains_key(dialect);
            !writes.anything && writes.dialect.is_none_or(is_known)
        };
        let has_journal = |queued: &QueuedJob| !queued.organisations().is_empty();
        let begins_epoch = self.known.epoch.is_none() && jobs.iter().any(has_journal);
        if !begins_epoch && jobs.iter().all(is_of_organisations) {
            Locks::Organisations
        } else {
            Locks::Store
        }
    }

    /// Whether the transaction of these jobs waits for organisations.
    pub(super) fn next_wait(&mut self, jobs: &[QueuedJob]) -> Wait {
        let has_paused = |at: Instant| at.elapsed() >= OVERDUE_PAUSE;
        if self.waits.overdue.is_none_or(has_paused) && jobs.iter().any(is_overdue) {
            self.waits.overdue = Some(Instant::now() + OVERDUE_WAIT_MAX);
            return Wait::ForOverdue;
        }
        let is_idle = self.waiting.is_empty() && self.messages.is_empty();
        if !is_idle || jobs.iter().any(|queued| queued.organisations().is_empty()) {
            Wait::No
        } else if self.waits.none_could_run && jobs.iter().all(|queued| queued.was_put_back) {
            Wait::First
        } else {
            Wait::IfNothingIsFree
        }
    }

    /// Keeps jobs for the next group. Answers those that have waited for too long, or that are too many.
    pub(super) fn put_back(&mut self, mut jobs: Vec<QueuedJob>) {
        for queued in jobs.extract_if(.., |queued| queued.age() >= LOCK_PATIENCE) {
            METRICS.count_failed_commit();
            let why =
                "another process has held an organisation of the request for more than 10 seconds";
            queued.job.answer(Err(StoreError::Unavailable(why.into())));
        }
        for queued in self.waiting.put_back(jobs, self.put_back_max) {
            queued.job.answer(Err(StoreError::Overloaded));
        }
    }
}

/// The organisations that a transaction has locked.
pub(super) enum Locked {
    /// All.
    All,
    /// These, with their counters.
    These(IdMap<OrganisationId, Counters>),
    /// It has waited in vain and has failed.
    Nothing,
}

impl Locked {
    /// Takes from `jobs` those that can run. `blocked` are organisations of earlier jobs.
    pub(super) fn take_runnable(
        &self,
        jobs: &mut Vec<QueuedJob>,
        blocked: IdSet<OrganisationId>,
    ) -> Vec<QueuedJob> {
        match self {
            Self::All => take_runnable(jobs, |_| true, blocked),
            Self::These(counters) => take_runnable(jobs, |id| counters.contains_key(&id), blocked),
            Self::Nothing => Vec::new(),
        }
    }

    /// The counters of the organisations that these jobs write to, as far as they were read.
    pub(super) fn counters_for(self, jobs: &[QueuedJob]) -> IdMap<OrganisationId, Counters> {
        match self {
            Self::These(mut counters) => {
                let written = jobs.iter().flat_map(QueuedJob::organisations);
                let written = IdSet::from_iter(written);
                counters.retain(|id, _| written.contains(id));
                counters
            }
            Self::All | Self::Nothing => IdMap::default(),
        }
    }
}

/// Locks the organisations of the jobs in a transaction that has begun. On Citus it waits for all of them.
pub(super) fn lock(
    connection: &Connection,
    jobs: &mut [QueuedJob],
    (locks, wait): (Locks, Wait),
) -> Result<Locked, Fault> {
    let Some(session) = connection.postgres() else {
        return Ok(Locked::All);
    };
    let organisations = jobs.iter().flat_map(QueuedJob::organisations).copied();
    let mut organisations = Vec::from_iter(organisations);
    // Those of each job are sorted.
    organisations.sort();
    organisations.dedup();
    if session.is_citus() {
        let counters = match locks {
            Locks::Store => {
                // A node may hide what was committed last. Then the counters, and the stamp after which an epoch begins, would be
                // those before it.
                session.settle_doubts()?;
                counters_by_id(connection, &organisations)?
            }
            Locks::Organisations | Locks::Nothing => {
                lock_free_counters(connection, &organisations)?
            }
        };
        return Ok(Locked::These(counters));
    }
    let mut counters = IdMap::default();
    if matches!(wait, Wait::No | Wait::IfNothingIsFree) {
        counters = lock_free_counters(connection, &organisations)?;
    }
    if counters.is_empty() && wait != Wait::No && !organisations.is_empty() {
        if !wait_for_one(session, jobs, wait)? {
            return Ok(Locked::Nothing);
        }
        counters = lock_free_counters(connection, &organisations)?;
    }
    Ok(Locked::These(counters))
}

/// Waits for the organisations of one job, in a transaction that has locked none. Returns false if that took too long.
fn wait_for_one(session: &Session, jobs: &mut [QueuedJob], wait: Wait) -> Result<bool, Fault> {
    let Some(first) = next_to_wait_for(jobs, wait == Wait::ForOverdue) else {
        return Ok(true);
    };
    first.waits += 1;
    let at_most = match wait {
        Wait::ForOverdue => (first.age() / 4).min(OVERDUE_WAIT_MAX),
        Wait::No | Wait::IfNothingIsFree | Wait::First => IDLE_WAIT,
    };
    match await_counters(session, first.organisations(), at_most) {
        Err(fault) if fault.is_of_patience() => Ok(false),
        waited => waited.map(|()| true),
    }
}

/// The job to wait for: the one that was waited for least, and of these the first. So none is kept from running by one that waits
/// for longer. Jobs behind another of their organisations could not run.
fn next_to_wait_for(jobs: &mut [QueuedJob], is_for_overdue: bool) -> Option<&mut QueuedJob> {
    let mut earlier = IdSet::default();
    let mut next = None::<&mut QueuedJob>;
    let mut next_overdue = None::<&mut QueuedJob>;
    for queued in jobs
        .iter_mut()
        .filter(|queued| !queued.organisations().is_empty())
    {
        let organisations = queued.organisations();
        let is_behind = organisations.iter().any(|id| earlier.contains(id));
        earlier.extend(organisations.iter().copied());
        let is_overdue = is_for_overdue && is_overdue(queued);
        let best = if is_overdue {
            &mut next_overdue
        } else {
            &mut next
        };
        if !is_behind && best.as_ref().is_none_or(|best| queued.waits < best.waits) {
            *best = Some(queued);
        }
    }
    next_overdue.or(next)
}

fn is_overdue(queued: &QueuedJob) -> bool {
    queued.was_put_back && queued.age() >= OVERDUE
}

/// Locks what else the jobs need that run: the names of those that were put back, imports, and the directory.
pub(super) fn lock_further(
    connection: &Connection,
    jobs: &[QueuedJob],
    locks: Locks,
) -> Result<(), Fault> {
    let Some(session) = connection.postgres() else {
        return Ok(());
    };
    session.claim(&names(jobs.iter().filter(|queued| queued.was_put_back)))?;
    if jobs.iter().any(|queued| queued.job.writes().tables) {
        merge::wait_alone(connection)?;
    }
    if locks == Locks::Organisations {
        let numbers = jobs.iter().filter_map(|queued| queued.job.writes().lock);
        session.lock_numbers(&Vec::from_iter(numbers.collect::<BTreeSet<_>>()))?;
    }
    Ok(())
}

/// The numbers of the names of these jobs.
pub(super) fn names<'j>(jobs: impl Iterator<Item = &'j QueuedJob>) -> Vec<i64> {
    let names = jobs.filter_map(|queued| queued.job.name());
    names.map(Name::number).collect()
}
