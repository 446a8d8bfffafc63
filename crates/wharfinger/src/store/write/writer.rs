//! The writer thread: it takes all waiting jobs, runs them in one transaction, and answers them after the commit. Jobs of
//! organisations that another server has locked are put back meanwhile.

mod alive;
mod failures;
mod gather;
mod locking;
mod merging;
mod reconnect;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use self::gather::Gather;
use self::locking::{Locked, Waits};
use super::checkpoints::Checkpoints;
use super::finished::Finished;
use super::job::{Asked, Task};
use super::merge;
use super::queue::{QueuedJob, Waiting};
use super::txn::{Known, WriteTxn};
use wharfinger_core::order::ids::OrganisationId;

use crate::clock;
use crate::runtime::metrics::METRICS;
use crate::runtime::traces;
use crate::store::api::{Growth, StoreError};
use crate::store::engine::disk_space;
use crate::store::engine::driver::{Connection, Engine};
use crate::store::engine::fault::{Fault, Severity};
use crate::store::engine::files::Places;
use crate::store::engine::home::Home;
use crate::store::engine::wal::write_back::checkpoint;
use crate::store::journal::end::JournalEnd;
use crate::store::stock::overlay::Kept;

/// How often a transaction is retried after PostgreSQL aborted it in favour of another.
const CONFLICTS_MAX: usize = 8;

/// How long jobs wait on PostgreSQL while far too many recent changes are not merged into the tables.
const FULL_PATIENCE: Duration = Duration::from_secs(5);

/// Receives the answer to a job.
type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// Called after each commit with the new end of each journal that it has written to.
pub(crate) type OnGrowth = dyn Fn(OrganisationId, JournalEnd) + Send;

/// A message to the writer.
pub(crate) enum Message {
    /// A job of the bounded queue.
    Job(QueuedJob),
    /// The checkpoint thread has copied most of the log, or failed to.
    LogWritten(Result<(), Fault>),
    /// Finish pending jobs and close the connection.
    Close(oneshot::Sender<()>),
}

/// A handle of the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::UnboundedSender<Message>,
    /// Bounds the queue.
    places: Arc<Semaphore>,
    places_max: usize,
    failure: watch::Receiver<Option<String>>,
    /// How many groups of jobs the thread has taken.
    groups: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread on its own connection.
    ///
    /// `beside` is a second connection for checkpoints, and the log's length in pages from which they run. `on_growth` and
    /// `growth` are notified when journals have grown.
    pub(crate) fn start(
        home: Home,
        mut connection: Connection,
        beside: Option<(rusqlite::Connection, i32)>,
        queue_max: usize,
        on_growth: Option<Box<OnGrowth>>,
        growth: Arc<watch::Sender<Growth>>,
    ) -> Result<Self, Fault> {
        let (queue, messages) = mpsc::unbounded_channel();
        let (failed, failure) = watch::channel(None);
        let checkpoints = match (connection.sqlite_mut(), beside) {
            (Some(connection), Some((beside, log_pages))) => Some(Checkpoints::start(
                connection,
                beside,
                log_pages,
                queue.downgrade(),
            )?),
            _ => None,
        };
        let groups = Arc::new(AtomicU64::new(0));
        let thread = Thread {
            groups: Arc::clone(&groups),
            places: connection.sqlite().map(Places::of),
            home,
            connection,
            checkpoints,
            messages,
            waiting: Waiting::default(),
            put_back_max: queue_max.div_ceil(2),
            waits: Waits::default(),
            gather: Gather::default(),
            failed,
            known: Known::default(),
            catalogues: Kept::default(),
            on_growth,
            growth,
            closing: Vec::new(),
            has_changed: false,
        };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(|| thread.run())
            .map_err(Fault::NoThread)?;
        Ok(Self {
            queue,
            places: Arc::new(Semaphore::new(queue_max.max(1))),
            places_max: queue_max.max(1),
            failure,
            groups,
        })
    }

    /// Runs a job and waits for its answer.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] at once if the queue is full; and those of the job.
    pub(crate) async fn ask<T, F>(&self, weight: usize, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTxn<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.ask_for(Task::of(weight), run).await
    }

    /// As [`Self::ask`]. Returns [`StoreError::ReplySaved`] if another process has claimed the idempotency key of the task.
    pub(crate) async fn ask_for<T, F>(&self, task: Task, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTxn<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let _call = traces::store_call("store write");
        let answer = self.send(task, run)?;
        answer.await.map_err(|_| closed())?
    }

    /// As [`Self::ask_for`], for a thread that may block.
    pub(crate) fn ask_and_block<T, F>(&self, task: Task, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTxn<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let answer = self.send(task, run)?;
        answer.blocking_recv().map_err(|_| closed())?
    }

    fn send<T, F>(&self, task: Task, run: F) -> Result<Answer<T>, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut WriteTxn<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let job = Asked {
            task,
            run,
            found: None,
            sender,
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| StoreError::Overloaded)?;
        let message = Message::Job(QueuedJob::new(Box::new(job), place));
        self.queue.send(message).map_err(|_| closed())?;
        Ok(answer)
    }

    /// Whether the queue is full.
    pub(crate) fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// How many jobs wait.
    pub(crate) fn depth(&self) -> usize {
        self.places_max
            .saturating_sub(self.places.available_permits())
    }

    /// Waits until the store can write no more, and returns the reason.
    pub(crate) async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        let found = failure.wait_for(Option::is_some).await;
        match found.ok().and_then(|failure| failure.clone()) {
            Some(failure) => failure,
            // It was closed, or one of its jobs panicked. Without its thread nothing can be written.
            None => "the writer has ended".into(),
        }
    }

    /// Waits until all queued jobs are done and the connection is closed.
    pub(crate) async fn close(&self) {
        let (sender, done) = oneshot::channel();
        if self.queue.send(Message::Close(sender)).is_ok() {
            // An error means that another caller's close came first.
            drop(done.await);
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

/// What the writer's thread owns.
struct Thread {
    /// Where to connect to.
    home: Home,
    /// The files of the embedded store as they were when it was opened.
    places: Option<Places>,
    connection: Connection,
    checkpoints: Option<Checkpoints>,
    messages: mpsc::UnboundedReceiver<Message>,
    waiting: Waiting,
    /// How many jobs may be put back. A part of the queue stays free for other organisations.
    put_back_max: usize,
    waits: Waits,
    gather: Gather,
    failed: watch::Sender<Option<String>>,
    /// What it knows before the next transaction. A new connection begins a new epoch: the server may have been restored from a
    /// backup, or replaced by a standby that lacks recent commits.
    known: Known,
    /// Cached catalogue data and dialect numbers.
    catalogues: Kept,
    /// Called with the new end of each journal that has grown.
    on_growth: Option<Box<OnGrowth>>,
    /// Wakes readers that wait for events.
    growth: Arc<watch::Sender<Growth>>,
    closing: Vec<oneshot::Sender<()>>,
    /// How many groups of jobs it has taken.
    groups: Arc<AtomicU64>,
    /// Whether it has added recent changes to the log.
    has_changed: bool,
}

impl Thread {
    fn run(mut self) {
        while self.listen() {
            if self.known.owed > merge::OWED_MAX {
                self.merge_owed();
                continue;
            }
            let mut jobs = self.waiting.take_group(self.known.owed > 0);
            if jobs.is_empty() {
                self.merge_owed();
            }
            if self.connection.engine() == Engine::Sqlite {
                // Nothing is put back, so they are started now, although another process may still be writing.
                jobs.iter_mut().for_each(QueuedJob::start);
            }
            let (began, count) = (Instant::now(), jobs.len());
            self.serve(jobs);
            self.groups.fetch_add(1, Ordering::Relaxed);
            self.take_in_all();
            self.gather.note(began, count, self.waiting.len());
            if let Some(checkpoints) = &self.checkpoints
                && checkpoints.is_behind()
            {
                self.write_back(|connection| checkpoints.catch_up(connection));
            }
        }
        let has_failed = self.failed.borrow().is_some();
        if self.has_changed
            && !has_failed
            && let Err(fault) = self.merge_at_the_end()
        {
            // They stay in the log, and the next process reads them there.
            tracing::warn!(%fault, "Recent changes could not be merged into the tables.");
        }
        if let Some(checkpoints) = self.checkpoints.take()
            && let Some(connection) = self.connection.sqlite_mut()
        {
            checkpoints.end(connection);
        }
        // SQLite checkpoints the log when the last connection of all processes closes. An explicit checkpoint here would delay
        // another process that is writing. After a failure the log stays, for the next start to recover.
        if has_failed && let Err(error) = self.connection.keep_log() {
            tracing::warn!(%error, "The write-ahead log may be checkpointed although the store failed.");
        }
        drop(self.connection);
        for sender in self.closing {
            // The caller may have gone.
            let _ = sender.send(());
        }
    }

    /// Receives the waiting messages. Blocks if there is nothing to do. Returns false at the end.
    fn listen(&mut self) -> bool {
        if self.waiting.is_empty() && self.known.owed == 0 {
            match self.messages.blocking_recv() {
                Some(message) => self.take_in(message),
                None => return false,
            }
        }
        self.take_in_all();
        self.gather();
        true
    }

    fn take_in_all(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            self.take_in(message);
        }
    }

    fn take_in(&mut self, message: Message) {
        match message {
            Message::Job(queued) => self.waiting.push(queued),
            // Few pages are left. They are copied here, between two commits.
            Message::LogWritten(Ok(())) => self.write_back(checkpoint),
            Message::LogWritten(Err(fault)) => self.not_written_back(fault),
            Message::Close(sender) => {
                self.messages.close();
                self.closing.push(sender);
            }
        }
    }

    /// Runs a checkpoint. After a failure the log stays as it is, for the next start to recover.
    fn write_back(&self, checkpoint: impl FnOnce(&rusqlite::Connection) -> Result<i64, Fault>) {
        if self.failed.borrow().is_some() {
            return;
        }
        let Some(connection) = self.connection.sqlite() else {
            return;
        };
        if let Err(fault) = checkpoint(connection) {
            self.not_written_back(fault);
        }
    }

    fn not_written_back(&self, fault: Fault) {
        let fault = &self.told_apart(fault);
        if fault.severity() == Severity::Fatal {
            self.fail(fault);
        } else {
            tracing::warn!(%fault, "Could not checkpoint the write-ahead log.");
        }
    }

    fn told_apart(&self, fault: Fault) -> Fault {
        let directory = match &self.home {
            Home::File(file, _) => file.parent(),
            Home::Server(..) => None,
        };
        fault.told_apart(|| directory.is_some_and(disk_space::is_full))
    }

    /// Runs in one transaction the jobs whose organisations it can lock, and puts the others back. If one fails for a reason of
    /// its own, runs each job alone.
    fn serve(&mut self, mut jobs: Vec<QueuedJob>) {
        if jobs.is_empty() {
            return;
        }
        let failure = self.failed.borrow().clone();
        if let Some(reason) = failure {
            return answer_all(jobs, &Err(StoreError::Unavailable(reason)));
        }
        if self.connection.engine() == Engine::Postgres
            && self.connection.shared_runs().is_full_for(FULL_PATIENCE)
        {
            let why = "recent changes cannot be merged into the tables as fast as they come";
            return answer_all(jobs, &Err(StoreError::Unavailable(why.into())));
        }
        // Those that are left at a repetition have come before those that were left before.
        let mut left = Vec::new();
        let mut done = self.commit(&mut jobs, &mut left);
        for _ in 0..CONFLICTS_MAX {
            if !matches!(&done, Err(Fault::Sql(error) | Fault::Commit(error)) if error.is_conflict())
            {
                break;
            }
            let mut left_now = Vec::new();
            done = self.commit(&mut jobs, &mut left_now);
            left.splice(0..0, left_now);
        }
        match done {
            Ok(()) => answer_all(jobs, &Ok(())),
            Err(fault) => self.serve_failed(jobs, fault),
        }
        self.put_back(left);
    }

    /// Commits the jobs that can run. The others are moved to `left`.
    fn commit(
        &mut self,
        jobs: &mut Vec<QueuedJob>,
        left: &mut Vec<QueuedJob>,
    ) -> Result<(), Fault> {
        let began = Instant::now();
        let locks = self.begin(jobs)?;
        let wait = self.next_wait(jobs);
        let transaction = self.connection.opened();
        let locked = locking::lock(&transaction, jobs, (locks, wait))?;
        let runnable = locked.take_runnable(jobs, self.waiting.organisations_put_back());
        left.append(jobs);
        *jobs = runnable;
        locking::lock_further(&transaction, jobs, locks)?;
        self.turn_away_busy(jobs);
        self.turn_away_busy(left);
        self.waits.none_could_run = jobs.is_empty() && !matches!(locked, Locked::Nothing);
        if jobs.is_empty() {
            return Ok(());
        }
        let requests = jobs.len();
        // A failed transaction leaves the cache empty, and the next one reads it again.
        let kept = std::mem::take(&mut self.catalogues);
        let mut txn = WriteTxn::new(&transaction, self.known, kept)?;
        let running = Vec::from_iter(jobs.iter().map(|queued| &*queued.job));
        txn.prefetch(&running, locked.counters_for(jobs))?;
        for queued in jobs.iter_mut() {
            queued.job.run(&mut txn)?;
        }
        let finished = txn.finish()?;
        self.has_changed |= transaction
            .recent()
            .is_some_and(|recent| recent.changed() > 0);
        match transaction.commit() {
            Ok(()) => self.known.epoch = finished.epoch,
            Err(error) if error.is_conflict() => return Err(Fault::Commit(error)),
            Err(error) => self.find_out(error, finished.batch)?,
        }
        // A commit to a file that was deleted or replaced must not be acknowledged: nobody can open that file again.
        if let Some(places) = &self.places {
            places.check()?;
        }
        METRICS.note_commit(requests, began.elapsed());
        self.note_finished(finished);
        Ok(())
    }

    /// Keeps what a transaction that is on disk leaves to the next one, and notifies those who wait for events.
    fn note_finished(&mut self, finished: Finished) {
        self.catalogues = finished.kept;
        if let Some(from_ms) = finished.back_from_ms {
            METRICS.count_clock_back();
            tracing::warn!(
                from = clock::rfc_3339(from_ms),
                to = clock::rfc_3339(finished.now_ms),
                "The clock went back by more than a minute. New orders get the current time; their sequence is not affected."
            );
        }
        self.known.last_ms = finished.now_ms;
        self.known.owed = finished.owed;
        if let Some(drawn) = finished.drawn {
            self.known.latest = drawn.latest;
            let organisations = finished.grown.iter().map(|(organisation, _)| *organisation);
            let grown = organisations.map(|organisation| (organisation, drawn.stamp));
            self.growth.send_if_modified(|growth| growth.add(grown));
        }
        if let Some(on_growth) = &self.on_growth {
            for (organisation, end) in finished.grown {
                on_growth(organisation, end);
            }
        }
    }
}

fn answer_all(jobs: Vec<QueuedJob>, done: &Result<(), StoreError>) {
    for queued in jobs {
        queued.job.answer(done.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::memtable::SharedRuns;
    use crate::store::engine::schema;

    #[tokio::test]
    async fn a_job_that_panics_ends_the_writer_and_that_is_told() {
        let home = Home::File(std::path::PathBuf::new(), SharedRuns::default());
        let writer = Writer::start(home, schema::in_memory(), None, 1, None, Arc::default())
            .expect("a thread can be started");
        let asked = writer.ask(1, |_| -> Result<(), Fault> { panic!("a fault of our own") });
        assert_eq!(asked.await, Err(closed()));
        assert_eq!(writer.failed().await, "the writer has ended");
    }
}
