//! What happens to jobs whose transaction has failed, and to the writer.

use super::{Thread, answer_all};
use crate::runtime::metrics::METRICS;
use crate::store::api::StoreError;
use crate::store::engine::driver::LOCK_PATIENCE;
use crate::store::engine::fault::{Fault, Severity};
use crate::store::engine::files::Places;
use crate::store::write::queue::QueuedJob;

impl Thread {
    /// Answers jobs whose transaction has failed, or runs each alone if the fault is of one of them.
    pub(super) fn serve_failed(&mut self, mut jobs: Vec<QueuedJob>, fault: Fault) {
        let fault = self.told_apart(fault);
        if fault.severity() != Severity::Own {
            METRICS.count_failed_commit();
        }
        if fault.severity() == Severity::Own && jobs.len() > 1 {
            for job in jobs {
                self.serve(vec![job]);
            }
            return;
        }
        if fault.severity() == Severity::Fatal {
            self.fail(&fault);
            self.save_removed_log(&fault);
        }
        if fault.is_of_patience() {
            // The wait was short for the sake of the oldest.
            let is_young = |queued: &mut QueuedJob| queued.age() < LOCK_PATIENCE;
            let young = jobs.extract_if(.., is_young).collect();
            self.put_back(young);
        }
        answer_all(jobs, &Err(StoreError::from(fault)));
    }

    /// Records the failure. Nothing is written from now on.
    pub(super) fn fail(&self, fault: &Fault) {
        tracing::error!(%fault, "The store failed and no longer accepts writes.");
        self.failed.send_replace(Some(fault.to_string()));
    }

    /// Copies a log file that was deleted to the database while this process still has it open. All acknowledged data is in it.
    fn save_removed_log(&self, fault: &Fault) {
        let is_removed = matches!(fault, Fault::Gone(_))
            && self.places.as_ref().is_some_and(Places::lacks_log_alone);
        let (Some(checkpoints), Some(connection)) = (&self.checkpoints, self.connection.sqlite())
        else {
            return;
        };
        if !is_removed {
            return;
        }
        match checkpoints.catch_up(connection) {
            Ok(0) => tracing::error!(
                "All acknowledged data was saved from the removed log to the database file."
            ),
            Ok(pages) => tracing::error!(
                pages,
                "Could not save all of the removed log because of a reader."
            ),
            Err(fault) => tracing::error!(%fault, "Could not save the removed log."),
        }
    }
}
