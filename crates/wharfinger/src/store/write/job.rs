//! A job of the writer. It is usually made from a closure.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::txn::WriteTxn;
use crate::store::api::StoreError;
use crate::store::engine::fault::Fault;
use crate::store::prepare::Submission;
use crate::store::replies::write::Name;

/// A piece of work for the writer. It may be run twice: together with others, then by itself.
pub(crate) trait Job: Send {
    /// Roughly how many orders it writes.
    fn weight(&self) -> usize;
    /// The name of the request that it is of, if that is to be done once.
    fn name(&self) -> Option<&Name>;
    /// The batch that it takes in, if it does.
    fn batch(&self) -> Option<&Submission>;
    /// Does it, inside a transaction that may yet fail.
    fn run(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault>;
    /// Answers it: with what [`Self::run`] found, if that is on disk.
    fn answer(self: Box<Self>, done: Result<(), StoreError>);
}

/// What the writer has to know of a piece of work.
pub(crate) struct Task {
    /// Roughly how many orders it writes.
    pub weight: usize,
    /// The name of the request that it is of, if that is to be done once.
    pub name: Option<Name>,
    /// The batch that it takes in, if it does; before any other task what batches have left is written, as it may read that.
    pub batch: Option<Arc<Submission>>,
}

impl Task {
    /// One that may read whatever the transaction has written.
    pub(crate) fn of(weight: usize) -> Self {
        Self {
            weight,
            name: None,
            batch: None,
        }
    }
}

/// A job made of a closure.
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
        // A caller that has gone needs no answer.
        drop(sender.send(answer));
    }
}
