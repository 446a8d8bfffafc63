//! Whether the writer thread still takes and answers jobs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Writer;
use crate::store::engine::connection::touch;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

/// The pause between two looks at a full queue.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Writer {
    /// Waits until the writer thread has dealt with a job. Whether the job succeeded does not matter: a full disk or an unreachable
    /// database makes jobs fail, and the thread works.
    pub(crate) async fn works(&self) {
        loop {
            let before = self.groups.load(Ordering::Relaxed);
            let write = |txn: &mut WriteTxn<'_>| touch(txn.connection);
            if let Ok(answer) = self.send(Task::on_nothing(), write) {
                // An error means that the thread ended. `failed` reports that.
                drop(answer.await);
                return;
            }
            // The queue is full. That is no fault, as long as jobs are taken from it.
            tokio::time::sleep(LOOK_EVERY).await;
            if self.groups.load(Ordering::Relaxed) != before {
                return;
            }
        }
    }
}
