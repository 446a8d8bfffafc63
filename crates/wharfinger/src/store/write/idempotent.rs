//! Changes that are made once: the response is saved in the transaction of the change.

use std::borrow::Borrow;

use wharfinger_core::dialect::Reply;

use super::job::Task;
use super::txn::WriteTxn;
use crate::clock;
use crate::store::Store;
use crate::store::api::SavedReply;
use crate::store::api::{SaveReply, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::replies;
use crate::store::replies::write::Name;

impl Store {
    /// The saved response to a request of an API key, until it expires. An error if it was erased.
    pub async fn saved_reply(
        &self,
        key_id: &str,
        idempotency_key: &str,
    ) -> Result<Option<SavedReply>, StoreError> {
        let (key_id, idempotency_key) = (key_id.to_owned(), idempotency_key.to_owned());
        let read = move |connection: &Connection| {
            replies::read::kept(connection, &key_id, &idempotency_key, clock::now_ms())
        };
        self.readers.read(read).await
    }
}

impl Store {
    /// Runs a change and saves its response in the same transaction, if `save_reply` is given and something was changed.
    ///
    /// # Errors
    /// [`StoreError::ReplySaved`] if a response is already saved. Nothing is done then.
    pub(crate) async fn change<M, T>(
        &self,
        mut task: Task,
        save_reply: Option<SaveReply<T>>,
        is_change: fn(&T) -> bool,
        mut change: impl FnMut(&mut WriteTxn<'_>) -> Result<M, Fault> + Send + 'static,
    ) -> Result<(M, Option<Reply>), StoreError>
    where
        M: Borrow<T> + Send + 'static,
        T: ?Sized + 'static,
    {
        task.name = save_reply.as_ref().map(Name::of);
        let asked = task.name.clone();
        let id = task.batch.as_ref().map(|submission| submission.batch);
        let run = move |txn: &mut WriteTxn<'_>| {
            let (Some(save_reply), Some(name)) = (&save_reply, &asked) else {
                return Ok(Some((change(txn)?, None)));
            };
            // Checked before anything is written, so that the other jobs of the transaction are not affected.
            let connection = txn.connection;
            if txn.answers.is_kept(connection, name, clock::now_ms())? {
                return Ok(None);
            }
            let made = change(txn)?;
            let reply = (save_reply.encode)(made.borrow());
            if is_change(made.borrow()) {
                txn.answers.keep(save_reply, id, &reply);
            }
            Ok(Some((made, Some(reply))))
        };
        let done = self.writer.ask_for(task, run).await?;
        done.ok_or(StoreError::ReplySaved)
    }
}
