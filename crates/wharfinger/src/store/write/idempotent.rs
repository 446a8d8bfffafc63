//! Changes that are made once: the response is saved in the transaction of the change.

use std::borrow::Borrow;
use std::sync::Arc;

use wharfinger_core::dialect::Reply;

use super::job::Task;
use super::txn::WriteTxn;
use crate::clock;
use crate::store::Store;
use crate::store::api::KeptAnswer;
use crate::store::api::{Remember, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::prepare::Submission;
use crate::store::replies;
use crate::store::replies::write::Name;

impl Store {
    /// The saved response to a request of an API key, until it expires. An error if it was erased.
    pub async fn kept_answer(
        &self,
        key_id: &str,
        idempotency_key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let (key_id, idempotency_key) = (key_id.to_owned(), idempotency_key.to_owned());
        let read = move |connection: &Connection| {
            replies::read::kept(connection, &key_id, &idempotency_key, clock::now_ms())
        };
        self.readers.read(read).await
    }
}

impl Store {
    /// Has a change made, and its answer kept in the same transaction if that is asked for and something was changed. Where
    /// one is kept already, nothing is done.
    pub(crate) async fn change<M, T>(
        &self,
        weight: usize,
        remember: Option<Remember<T>>,
        batch: Option<Arc<Submission>>,
        is_change: fn(&T) -> bool,
        mut change: impl FnMut(&mut WriteTxn<'_>) -> Result<M, Fault> + Send + 'static,
    ) -> Result<(M, Option<Reply>), StoreError>
    where
        M: Borrow<T> + Send + 'static,
        T: ?Sized + 'static,
    {
        let name = remember.as_ref().map(Name::of);
        let asked = name.clone();
        let id = batch.as_ref().map(|submission| submission.batch);
        let run = move |txn: &mut WriteTxn<'_>| {
            let (Some(remember), Some(name)) = (&remember, &asked) else {
                return Ok(Some((change(txn)?, None)));
            };
            // Seen before anything is written, so that the others who share the transaction do not notice.
            let connection = txn.connection;
            if txn.answers.is_kept(connection, name, clock::now_ms())? {
                return Ok(None);
            }
            let made = change(txn)?;
            let reply = (remember.encode)(made.borrow());
            if is_change(made.borrow()) {
                txn.answers.keep(remember, id, &reply);
            }
            Ok(Some((made, Some(reply))))
        };
        let task = Task {
            weight,
            name,
            batch,
        };
        let done = self.writer.ask_for(task, run).await?;
        done.ok_or(StoreError::AnswerKept)
    }
}
