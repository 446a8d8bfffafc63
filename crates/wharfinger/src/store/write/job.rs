//! A job of the writer. It is usually made from a closure.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::txn::WriteTxn;
use crate::store::api::StoreError;
use crate::store::engine::fault::Fault;
use crate::store::prepare::Submission;
use crate::store::replies::write::Name;

/// A job for the writer. It may run twice: together with others, then alone.
pub(crate) trait Job: Send {
    /// Roughly how many orders it writes.
    fn weight(&self) -> usize;
    /// The idempotency name of its request, if the request must run only once.
    fn name(&self) -> Option<&Name>;
    /// The batch that it admits, if it is a batch.
    fn batch(&self) -> Option<&Submission>;
    /// Runs the job in a transaction that may still fail.
    fn run(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault>;
    /// Sends the answer. On `Ok(())` that is the result of [`Self::run`], which is then on disk.
    fn answer(self: Box<Self>, done: Result<(), StoreError>);
}

/// What the writer must know about a job.
pub(crate) struct Task {
    /// Roughly how many orders it writes.
    pub weight: usize,
    /// The idempotency name of its request, if the request must run only once.
    pub name: Option<Name>,
    /// The batch that it admits, if it is a batch. Before any other job, pending rows are written, because it may read them.
    pub batch: Option<Arc<Submission>>,
}

impl Task {
    /// A task that may read everything that the transaction has written.
    pub(crate) fn of(weight: usize) -> Self {
        Self {
            weight,
            name: None,
            batch: None,
        }
    }
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

    fn run(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
        if self.task.batch.is_none() {
            txn.write_together()?;
        }
        self.found = Some((self.run)(txn)?);
        Ok(())
    }

    fn answer(self: Box<Self>, done: Result<(), StoreError>) {
        let Self { found, sender, .. } = *self;
        let unanswered = || StoreError::Internal("the work was not run".into());
        let answer = done.and_then(|()| found.ok_or_else(unanswered));
        // An error means that the caller has gone.
        drop(sender.send(answer));
    }
}
