//! Deleting what has expired: saved responses, and the texts of rejected orders.

use crate::clock;
use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::receipts::rejections;
use crate::store::replies;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

impl Store {
    /// Deletes expired responses, a few per transaction. Returns how many.
    pub async fn drop_expired(&self) -> Result<usize, StoreError> {
        let now_ms = clock::now_ms();
        let mut dropped = 0;
        loop {
            let drop_slice =
                move |txn: &mut WriteTxn<'_>| replies::read::drop_slice(txn.connection, now_ms);
            match self.writer.ask_for(Task::on_nothing(), drop_slice).await? {
                0 => return Ok(dropped),
                slice => dropped += slice,
            }
        }
    }

    /// Deletes the stored texts of rejected orders whose batch was received before a time (milliseconds since 1970), a few per
    /// transaction. Their problems stay.
    pub async fn drop_rejected_texts(&self, received_before_ms: i64) -> Result<(), StoreError> {
        loop {
            let drop_slice = move |txn: &mut WriteTxn<'_>| {
                rejections::drop_texts_slice(txn.connection, received_before_ms)
            };
            if self.writer.ask_for(Task::on_nothing(), drop_slice).await? == 0 {
                return Ok(());
            }
        }
    }
}
