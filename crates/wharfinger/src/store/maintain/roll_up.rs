//! Rolling up statistics behind the writer.

use crate::clock;
use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::stats;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

impl Store {
    /// Adds the log of the statistics to the sums, some rows per transaction, and deletes sums that are no longer kept. Counts
    /// batches that were stored before there were statistics.
    ///
    /// # Errors
    /// Those of the writer. [`StoreError::Overloaded`]: its queue is full. The rest is rolled up the next time.
    pub async fn roll_up_stats(&self) -> Result<(), StoreError> {
        while self
            .on_stats(|txn| stats::roll_up(txn.connection, clock::now_ms()))
            .await?
        {}
        while self
            .on_stats(|txn| stats::fill(txn.connection, clock::now_ms()))
            .await?
        {}
        while self
            .on_stats(|txn| stats::expire(txn.connection, clock::now_ms()))
            .await?
        {}
        Ok(())
    }

    async fn on_stats(
        &self,
        work: impl Fn(&mut WriteTxn<'_>) -> Result<bool, crate::store::engine::fault::Fault>
        + Send
        + 'static,
    ) -> Result<bool, StoreError> {
        self.writer.ask_for(Task::on_stats(), work).await
    }
}
