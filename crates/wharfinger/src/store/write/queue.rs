//! The queue of the writer, and which jobs run next.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use wharfinger_core::order::ids::OrganisationId;

use super::job::Job;
use crate::store::format::id_map::IdSet;

/// Jobs that share a commit, at most.
const GROUP_JOBS_MAX: usize = 256;
/// Orders that share a commit, roughly. This limits how long the first job waits.
const GROUP_ORDERS_MAX: usize = 8_192;
/// A job with more orders is committed alone. Sharing a commit would not help it, and would delay the others.
const SMALL_ORDERS_MAX: usize = 2_048;
/// Groups of small jobs that a large job waits for, at most.
const GROUPS_BEFORE_LARGE_MAX: usize = 32;

/// Waiting jobs.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Jobs that were put back, because somebody else has locked one of their organisations. They come first.
    put_back: Vec<QueuedJob>,
    small: VecDeque<QueuedJob>,
    large: VecDeque<QueuedJob>,
    /// Groups of small jobs that have run since the last large job.
    groups_before_large: usize,
}

/// A job of the queue.
pub(crate) struct QueuedJob {
    pub job: Box<dyn Job>,
    /// Its permit of the bounded queue, until it is started.
    place: Option<OwnedSemaphorePermit>,
    since: Instant,
    /// Whether it was put back.
    pub was_put_back: bool,
    /// How often a transaction waited for its organisations.
    pub waits: u32,
}

impl QueuedJob {
    /// A job that has just arrived.
    pub(crate) fn new(job: Box<dyn Job>, place: OwnedSemaphorePermit) -> Self {
        Self {
            job,
            place: Some(place),
            since: Instant::now(),
            was_put_back: false,
            waits: 0,
        }
    }

    /// Gives its place in the queue back.
    pub(crate) fn start(&mut self) {
        self.place = None;
    }

    /// The organisations that it writes to.
    pub(crate) fn organisations(&self) -> &[OrganisationId] {
        &self.job.writes().organisations
    }

    /// How long ago it arrived.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Waiting {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.put_back.is_empty() && self.small.is_empty() && self.large.is_empty()
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.put_back.len() + self.small.len() + self.large.len()
    }

    /// Appends a job to the queue for its size.
    pub(crate) fn push(&mut self, queued: QueuedJob) {
        if queued.job.weight() > SMALL_ORDERS_MAX {
            self.large.push_back(queued);
        } else {
            self.small.push_back(queued);
        }
    }

    /// Keeps jobs for the next group, in their order. Returns those that would exceed `count_max`.
    pub(crate) fn put_back(&mut self, jobs: Vec<QueuedJob>, count_max: usize) -> Vec<QueuedJob> {
        self.put_back.extend(jobs);
        for queued in &mut self.put_back {
            queued.was_put_back = true;
        }
        self.put_back.split_off(count_max.min(self.put_back.len()))
    }

    /// The organisations of the jobs that were put back.
    pub(crate) fn organisations_put_back(&self) -> IdSet<OrganisationId> {
        let organisations = self.put_back.iter().flat_map(QueuedJob::organisations);
        organisations.copied().collect()
    }

    /// The jobs of the next commit: those that were put back, then a group of small ones within the limits, or one large one.
    ///
    /// Small and large jobs take turns. A small job waits for at most one large job, and a large job for one group of small ones.
    /// With `large_must_wait`, a large job waits for more of them, and there may be no jobs for the next commit although some wait.
    pub(crate) fn take_group(&mut self, large_must_wait: bool) -> Vec<QueuedJob> {
        let mut jobs = std::mem::take(&mut self.put_back);
        let groups_min = if large_must_wait {
            GROUPS_BEFORE_LARGE_MAX
        } else {
            1
        };
        let may_run = self.groups_before_large >= groups_min;
        let is_alone = self.small.is_empty() && !large_must_wait;
        if !self.large.is_empty() && (may_run || is_alone) {
            self.groups_before_large = 0;
            jobs.extend(self.large.pop_front());
            return jobs;
        }
        self.groups_before_large += 1;
        let mut room = Room::default();
        while room.is_left()
            && let Some(queued) = self.small.pop_front()
        {
            room.take(&queued);
            jobs.push(queued);
        }
        jobs
    }
}

/// How much of a group's limits is used.
#[derive(Default)]
struct Room {
    jobs: usize,
    orders: usize,
}

impl Room {
    fn is_left(&self) -> bool {
        self.jobs < GROUP_JOBS_MAX && self.orders < GROUP_ORDERS_MAX
    }

    fn take(&mut self, queued: &QueuedJob) {
        self.jobs += 1;
        self.orders += queued.job.weight();
    }
}

/// Takes from `jobs` those that can run in a transaction: all of their organisations are locked, and no earlier job of one of them
/// is left. `blocked` are the organisations of earlier jobs that are not among `jobs`. The others stay, in their order.
pub(crate) fn take_runnable(
    jobs: &mut Vec<QueuedJob>,
    is_locked: impl Fn(OrganisationId) -> bool,
    mut blocked: IdSet<OrganisationId>,
) -> Vec<QueuedJob> {
    let mut room = Room::default();
    let is_runnable = |queued: &mut QueuedJob| {
        let mut organisations = queued.organisations().iter();
        let is_runnable =
            room.is_left() && organisations.all(|id| is_locked(*id) && !blocked.contains(id));
        if is_runnable {
            room.take(queued);
            queued.start();
        } else {
            blocked.extend(queued.organisations());
        }
        is_runnable
    };
    jobs.extract_if(.., is_runnable).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::super::job::Writes;
    use super::super::txn::WriteTxn;
    use super::*;
    use crate::store::api::StoreError;
    use crate::store::engine::fault::Fault;
    use crate::store::prepare::Submission;
    use crate::store::replies::write::Name;

    /// A job of this weight, which writes to these organisations.
    struct Weighing(usize, Writes);

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

        fn writes(&self) -> &Writes {
            &self.1
        }

        fn run(&mut self, _: &mut WriteTxn<'_>) -> Result<(), Fault> {
            Ok(())
        }

        fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    fn weights_of(jobs: &[QueuedJob]) -> Vec<usize> {
        jobs.iter().map(|queued| queued.job.weight()).collect()
    }

    fn groups(weights: &[usize]) -> Vec<Vec<usize>> {
        let places = Arc::new(Semaphore::new(weights.len()));
        let mut waiting = Waiting::default();
        for &weight in weights {
            let place = Arc::clone(&places).try_acquire_owned().expect("a place");
            let job = Weighing(weight, Writes::default());
            waiting.push(QueuedJob::new(Box::new(job), place));
        }
        let mut groups = Vec::new();
        while !waiting.is_empty() {
            groups.push(weights_of(&waiting.take_group(false)));
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

    #[test]
    fn large_jobs_wait_for_what_is_owed_but_not_forever() {
        let places = Arc::new(Semaphore::new(100));
        let mut waiting = Waiting::default();
        let push = |waiting: &mut Waiting, weight| {
            let place = Arc::clone(&places).try_acquire_owned().expect("a place");
            let job = Weighing(weight, Writes::default());
            waiting.push(QueuedJob::new(Box::new(job), place));
        };
        push(&mut waiting, 5_000);
        assert_eq!(weights_of(&waiting.take_group(true)), [0; 0]);
        for _ in 1..GROUPS_BEFORE_LARGE_MAX {
            push(&mut waiting, 1);
            assert_eq!(weights_of(&waiting.take_group(true)), [1]);
        }
        push(&mut waiting, 1);
        push(&mut waiting, 6_000);
        assert_eq!(weights_of(&waiting.take_group(true)), [5_000]);
        assert_eq!(weights_of(&waiting.take_group(true)), [1]);
        assert_eq!(weights_of(&waiting.take_group(true)), [0; 0]);
        assert_eq!(weights_of(&waiting.take_group(false)), [6_000]);
    }

    /// Jobs of these organisations. Each weighs as much as its number, from 1.
    fn jobs_of(organisations: &[&[u32]]) -> (Arc<Semaphore>, Vec<QueuedJob>) {
        let places = Arc::new(Semaphore::new(organisations.len()));
        let jobs = organisations.iter().enumerate().map(|(at, of)| {
            let writes = Writes {
                organisations: of.iter().copied().map(OrganisationId).collect(),
                ..Writes::default()
            };
            let place = Arc::clone(&places).try_acquire_owned().expect("a place");
            QueuedJob::new(Box::new(Weighing(at + 1, writes)), place)
        });
        let jobs = jobs.collect();
        (places, jobs)
    }

    #[test]
    fn no_job_overtakes_an_earlier_one_of_its_organisations() {
        let (places, mut jobs) = jobs_of(&[&[1], &[2], &[1], &[], &[1, 3], &[3], &[4]]);
        let runnable = take_runnable(&mut jobs, |id| id.0 != 1, IdSet::default());
        assert_eq!(weights_of(&runnable), [2, 4, 7]);
        assert_eq!(weights_of(&jobs), [1, 3, 5, 6]);
        assert_eq!(places.available_permits(), 3, "who waits keeps its place");
        let runnable = take_runnable(&mut jobs, |_| true, IdSet::from_iter([OrganisationId(3)]));
        assert_eq!(weights_of(&runnable), [1, 3]);
        assert_eq!(weights_of(&jobs), [5, 6]);
    }

    #[test]
    fn jobs_that_were_put_back_come_first_and_within_bounds() {
        let (_places, jobs) = jobs_of(&[&[1_u32] as &[u32]; 300]);
        let mut waiting = Waiting::default();
        let mut jobs = jobs.into_iter();
        let too_many = waiting.put_back(jobs.by_ref().take(50).collect(), 49);
        assert_eq!(weights_of(&too_many), [50]);
        assert_eq!(
            waiting.organisations_put_back(),
            IdSet::from_iter([OrganisationId(1)])
        );
        for queued in jobs {
            waiting.push(queued);
        }
        let mut group = waiting.take_group(false);
        let runnable = take_runnable(&mut group, |_| true, IdSet::default());
        assert_eq!(weights_of(&runnable[47..51]), [48, 49, 51, 52]);
        let orders = weights_of(&runnable).iter().sum::<usize>();
        assert!((GROUP_ORDERS_MAX..GROUP_ORDERS_MAX + 300).contains(&orders));
        assert_eq!(weights_of(&group)[0], runnable.len() + 2);
    }
}
