//! The queue of the writer, and which jobs run next.

use std::collections::VecDeque;

use tokio::sync::OwnedSemaphorePermit;

use super::job::Job;

/// Jobs that share a commit, at most.
const GROUP_JOBS_MAX: usize = 256;
/// Orders that share a commit, roughly. This limits how long the first job waits.
const GROUP_ORDERS_MAX: usize = 8_192;
/// A job with more orders is committed alone. Sharing a commit would not help it, and would delay the others.
const SMALL_ORDERS_MAX: usize = 2_048;

/// Waiting jobs, each with its permit of the bounded queue.
#[derive(Default)]
pub(crate) struct Waiting {
    small: VecDeque<QueuedJob>,
    large: VecDeque<QueuedJob>,
    /// Whether a large job has already waited for a group of small ones.
    large_is_next: bool,
}

/// A job, and its permit, which is released when the job is started.
type QueuedJob = (Box<dyn Job>, OwnedSemaphorePermit);

impl Waiting {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    /// Appends a job to the queue for its size.
    pub(crate) fn push(&mut self, job: Box<dyn Job>, place: OwnedSemaphorePermit) {
        if job.weight() > SMALL_ORDERS_MAX {
            self.large.push_back((job, place));
        } else {
            self.small.push_back((job, place));
        }
    }

    /// The jobs of the next commit: a group of small ones within the limits, or one large one.
    ///
    /// Small and large jobs take turns. A small job waits for at most one large job, and a large job for one group of small ones.
    pub(crate) fn take_group(&mut self) -> Vec<Box<dyn Job>> {
        let is_large = !self.large.is_empty() && (self.large_is_next || self.small.is_empty());
        self.large_is_next = !is_large;
        if is_large {
            return self
                .large
                .pop_front()
                .map(|(job, _)| job)
                .into_iter()
                .collect();
        }
        let mut jobs = Vec::new();
        let mut orders = 0;
        while jobs.len() < GROUP_JOBS_MAX && orders < GROUP_ORDERS_MAX {
            let Some((job, _)) = self.small.pop_front() else {
                break;
            };
            orders += job.weight();
            jobs.push(job);
        }
        jobs
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::super::txn::WriteTxn;
    use super::*;
    use crate::store::api::StoreError;
    use crate::store::engine::fault::Fault;
    use crate::store::prepare::Submission;
    use crate::store::replies::write::Name;

    struct Weighing(usize);

    impl Job for Weighing {
        fn weight(&self) -> usize {
            self.0
        }

        fn name(&self) -> Option<&Name> {
            None
        }

        fn batch(&self) -> Option<&Submission> {
            None
        }

        fn run(&mut self, _: &mut WriteTxn<'_>) -> Result<(), Fault> {
            Ok(())
        }

        fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    fn groups(weights: &[usize]) -> Vec<Vec<usize>> {
        let places = Arc::new(Semaphore::new(weights.len()));
        let mut waiting = Waiting::default();
        for &weight in weights {
            let place = Arc::clone(&places).try_acquire_owned().expect("a place");
            waiting.push(Box::new(Weighing(weight)), place);
        }
        let mut groups = Vec::new();
        while !waiting.is_empty() {
            let group = waiting.take_group();
            groups.push(group.iter().map(|job| job.weight()).collect());
        }
        assert_eq!(places.available_permits(), weights.len());
        groups
    }

    #[test]
    fn small_jobs_share_a_commit_within_bounds() {
        assert_eq!(groups(&[1, 1000, 3]), [vec![1, 1000, 3]]);
        assert_eq!(groups(&[2000; 6]), [vec![2000; 5], vec![2000]]);
        assert_eq!(groups(&[1; 300]), [vec![1; 256], vec![1; 44]]);
    }

    #[test]
    fn large_jobs_and_small_ones_take_turns() {
        assert_eq!(
            groups(&[5000, 5000, 1, 2]),
            [vec![1, 2], vec![5000], vec![5000]]
        );
        let mut weights = vec![5000, 6000];
        weights.extend([1; 600]);
        let expected = [
            vec![1; 256],
            vec![5000],
            vec![1; 256],
            vec![6000],
            vec![1; 88],
        ];
        assert_eq!(groups(&weights), expected);
    }
}
