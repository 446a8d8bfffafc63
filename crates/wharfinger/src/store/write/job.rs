//! A job of the writer. It is usually made from a closure.

use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;
use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::txn::WriteTxn;
use crate::store::api::StoreError;
use crate::store::engine::fault::Fault;
use crate::store::prepare::Submission;
use crate::store::replies::write::Name;

/// How many orders a transaction stores in the time that one needs that rolls up statistics.
const ROLLED_UP_WEIGHT: usize = 1_000;

/// A job for the writer. It may run twice: together with others, then alone.
pub(crate) trait Job: Send {
    /// Roughly how many orders it writes.
    fn weight(&self) -> usize;
    /// The idempotency name of its request, if the request must run only once.
    fn name(&self) -> Option<&Name>;
    /// The batch that it admits, if it is a batch.
    fn batch(&self) -> Option<&Submission>;
    /// What it writes to.
    fn writes(&self) -> &Writes;
    /// Runs the job in a transaction that may still fail.
    fn run(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault>;
    /// Sends the answer. On `Ok(())` that is the result of [`Self::run`], which is then on disk.
    fn answer(self: Box<Self>, done: Result<(), StoreError>);
}

/// What a job writes to, and so what its transaction must lock.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Whether it may also write to what no organisation owns. The transaction then locks the store.
    pub anything: bool,
    /// Whether it may also rewrite what recent changes are merged into. Nobody may then be merging.
    pub tables: bool,
    /// The organisations that it writes to, as far as they are known. Sorted.
    pub organisations: Vec<OrganisationId>,
    /// A dialect that it assigns a number to, unless it has one. Assigning a number needs the store.
    pub dialect: Option<&'static str>,
    /// The number of the lock of an import, of the rejected orders of a batch, or of the directory, if it writes to one.
    pub lock: Option<i64>,
}

/// What the writer must know about a job.
pub(crate) struct Task {
    /// Roughly how many orders it writes.
    pub weight: usize,
    /// The idempotency name of its request, if the request must run only once.
    pub name: Option<Name>,
    /// The batch that it admits, if it is a batch. Before any other job, pending rows are written, because it may read them.
    pub batch: Option<Arc<Submission>>,
    /// What it writes to.
    pub writes: Writes,
}

impl Task {
    /// A task that may read everything that the transaction has written, and writes to anything.
    pub(crate) fn of(weight: usize) -> Self {
        let writes = Writes {
            anything: true,
            tables: true,
            ..Writes::default()
        };
        Self {
            writes,
            ..Self::on(weight, [])
        }
    }

    /// A task that may read everything that the transaction has written, and writes only to these organisations.
    pub(crate) fn on(
        weight: usize,
        organisations: impl IntoIterator<Item = OrganisationId>,
    ) -> Self {
        let mut organisations = Vec::from_iter(organisations);
        organisations.sort_unstable();
        organisations.dedup();
        Self {
            weight,
            name: None,
            batch: None,
            writes: Writes {
                organisations,
                ..Writes::default()
            },
        }
    }

    /// A task that writes to no organisation, and to nothing that others wait for.
    pub(crate) fn on_nothing() -> Self {
        Self::on(1, [])
    }

    /// A task that writes to organisations and keys as such, and to their audit log.
    pub(crate) fn on_directory() -> Self {
        Self::on_locked(lock_number("directory"))
    }

    /// A task that writes to an import of an API key, and to nothing else.
    pub(crate) fn on_import(key_id: &str, id: Uuid) -> Self {
        Self::on_locked(import_number(key_id, id))
    }

    /// A task that closes rejected orders of a batch, and writes to the audit log.
    pub(crate) fn on_rejections(batch: BatchId) -> Self {
        Self::on_locked(rejections_number(batch))
    }

    /// A task that rolls up statistics, and writes to nothing else.
    pub(crate) fn on_stats() -> Self {
        Self {
            weight: ROLLED_UP_WEIGHT,
            ..Self::on_locked(lock_number("stats"))
        }
    }

    fn on_locked(number: i64) -> Self {
        let mut task = Self::on_nothing();
        task.writes.lock = Some(number);
        task
    }

    /// The task to admit a batch. It writes to the organisations of its orders, and to anything if they are decided against
    /// catalogues.
    pub(crate) fn admitting(batch: &Arc<Submission>) -> Self {
        let organisations = batch.groups.iter().map(|group| group.organisation);
        let mut task = Self::on(batch.weight(), organisations);
        task.writes.anything = batch.has_demands();
        task.writes.dialect = Some(batch.dialect);
        let step = batch.import.as_ref();
        // No batch of an import mends another one.
        task.writes.lock = match &batch.mending {
            Some(mending) => Some(rejections_number(mending.batch)),
            None => step.map(|step| import_number(&batch.key_id, step.id)),
        };
        task.batch = Some(Arc::clone(batch));
        task
    }
}

/// The number of the lock of an import.
fn import_number(key_id: &str, id: Uuid) -> i64 {
    lock_number(&format!("import\0{key_id}\0{id}"))
}

/// The number of the lock of a batch's rejected orders.
fn rejections_number(batch: BatchId) -> i64 {
    lock_number(&format!("rejections\0{batch}"))
}

/// A hash of the name of a lock.
fn lock_number(name: &str) -> i64 {
    xxhash_rust::xxh3::xxh3_64(name.as_bytes()).cast_signed()
}

/// A job made from a closure.
pub(crate) struct Asked<T, F> {
    pub(crate) task: Task,
    pub(crate) run: F,
    pub(crate) found: Option<T>,
    pub(crate) sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: FnMut(&mut WriteTxn<'_>) -> Result<T, Fault> + Send,
{
    fn weight(&self) -> usize {
        self.task.weight
    }

    fn name(&self) -> Option<&Name> {
        self.task.name.as_ref()
    }

    fn batch(&self) -> Option<&Submission> {
        self.task.batch.as_deref()
    }

    fn writes(&self) -> &Writes {
        &self.task.writes
    }

    fn run(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
        if self.task.batch.is_none() {
            txn.write_together()?;
        }
        self.found = Some((self.run)(txn)?);
        Ok(())
    }

    fn answer(self: Box<Self>, done: Result<(), StoreError>) {
        let Self {
            task,
            run,
            found,
            sender,
        } = *self;
        // Before the caller goes on, who may have kept the batch to free its memory: that takes less time on its own thread.
        drop((task, run));
        let unanswered = || StoreError::Internal("the work was not run".into());
        let answer = done.and_then(|()| found.ok_or_else(unanswered));
        // An error means that the caller has gone.
        drop(sender.send(answer));
    }
}
