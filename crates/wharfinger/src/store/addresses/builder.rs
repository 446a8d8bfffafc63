//! The builder thread: it makes and merges runs through the queue of the writer. Only a serving process has one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wharfinger_core::order::ids::OrganisationId;

use super::coverage::{end_before, journal_end};
use super::erase::times_erased;
use super::jobs::{self, Left, Slice, Target};
use super::merge::{Merge, neighbours};
use super::schedule::{Due, Next, is_due};
use super::{EmailRuns, Entry, Run, Segment, covered, entries_of, whole_runs};
use crate::store::api::StoreError;
use crate::store::engine::connection::Use;
use crate::store::engine::driver::{Access, Connection, Engine};
use crate::store::engine::fault::Fault;
use crate::store::engine::home::Home;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal::end::{JournalEnd, organisations};
use crate::store::journal::entry_outcomes;
use crate::store::journal::rows::passed_between;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;
use crate::store::write::writer::Writer;

/// Segments that one job writes, at most: 256 KiB.
const SLICE_PARTS_MAX: usize = 16;
/// The weight of such a job, in orders. It takes as long as several hundred orders.
const SLICE_WEIGHT: usize = 500;
/// The pause when the writer's queue is full.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// The pause when another process is the builder.
const ELSEWHERE_PAUSE: Duration = Duration::from_secs(1);
/// The pause after an error.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// A handle of the builder thread. The thread stops when this is dropped.
pub(crate) struct Builder {
    due: Arc<Due>,
    ended: watch::Receiver<()>,
}

impl Builder {
    /// Starts the thread. The writer reports growth to `due`, which [`Self::due`] makes.
    pub(crate) fn start(home: Home, writer: Writer, due: Arc<Due>) -> std::io::Result<Self> {
        let (sender, ended) = watch::channel(());
        let builder = Arc::clone(&due);
        std::thread::Builder::new()
            .name("store-emails".into())
            .spawn(move || {
                run(&home, &writer, &builder);
                builder.give_up_settling();
                drop(writer);
                drop(sender);
            })?;
        Ok(Self { due, ended })
    }

    /// What the writer reports journal growth to.
    pub(crate) fn due(options: EmailRuns) -> Arc<Due> {
        Arc::new(Due::new(options))
    }

    /// Waits until there is nothing to build.
    pub(crate) async fn settle(&self) {
        // An error means that the builder has ended or failed.
        drop(self.due.settled().await);
    }

    /// Stops the thread, and waits until it has closed its connection.
    pub(crate) async fn close(&self) {
        self.due.stop();
        let mut ended = self.ended.clone();
        // The thread drops the sender when it ends.
        while ended.changed().await.is_ok() {}
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.due.stop();
    }
}

/// Why a step did not finish.
enum Stopped {
    /// A read failed.
    Fault(Fault),
    /// The store could not write.
    Store(StoreError),
    /// The builder was stopped.
    Asked,
    /// Another process with the same database is the builder.
    Elsewhere,
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<crate::store::engine::driver::Error> for Stopped {
    fn from(error: crate::store::engine::driver::Error) -> Self {
        Self::Fault(error.into())
    }
}

fn run(home: &Home, writer: &Writer, due: &Due) {
    loop {
        let next = due.next();
        if next == Next::Stop {
            return;
        }
        let why = match open(home).and_then(|connection| {
            Building {
                connection: &connection,
                writer,
                due,
            }
            .take(next)
        }) {
            Ok(()) => continue,
            Err(Stopped::Asked) => return,
            Err(Stopped::Elsewhere) => {
                due.look_again_after(ELSEWHERE_PAUSE);
                continue;
            }
            Err(Stopped::Fault(fault)) => fault.to_string(),
            Err(Stopped::Store(error)) => error.to_string(),
        };
        tracing::warn!(
            error = why,
            "Could not build the e-mail index; it will be retried."
        );
        due.give_up_settling();
        due.pause(FAILURE_PAUSE);
    }
}

/// A connection for one round. An idle builder holds none.
fn open(home: &Home) -> Result<Connection, Stopped> {
    let connection = home.connect(Use::Read)?;
    if connection.engine() == Engine::Postgres {
        // The key is "runs" in ASCII. The lock is held until the connection is closed.
        let claim = "select pg_try_advisory_lock(x'72756e73'::bigint)";
        if !connection.query_row(claim, (), |row| row.get::<bool>(0))? {
            return Err(Stopped::Elsewhere);
        }
    }
    Ok(connection)
}

/// One round of building.
struct Building<'b> {
    connection: &'b Connection,
    writer: &'b Writer,
    due: &'b Due,
}

impl Building<'_> {
    fn take(&self, next: Next) -> Result<(), Stopped> {
        let organisations = match next {
            Next::Stop => return Err(Stopped::Asked),
            Next::Some(organisations) => organisations,
            Next::All => {
                // Left by a process that was killed.
                self.delete_unfinished()?;
                organisations(self.connection)?
            }
        };
        for organisation in organisations {
            while self.step(organisation)? {}
        }
        Ok(())
    }

    /// Builds or merges one run of an organisation. Returns whether there may be another.
    fn step(&self, organisation: OrganisationId) -> Result<bool, Stopped> {
        let runs = whole_runs(self.connection, organisation)?;
        let neighbours = neighbours(&runs, self.due.options.fan_in);
        if !neighbours.is_empty() {
            self.merge(organisation, neighbours)?;
            self.delete_unfinished()?;
            return Ok(true);
        }
        let covered = end_before(self.connection, organisation, covered(&runs) + 1)?;
        self.due.covered(organisation, covered);
        let end = journal_end(self.connection, organisation)?;
        if !is_due(end, covered, &self.due.options) {
            return Ok(false);
        }
        self.build(organisation, covered.block)?;
        Ok(true)
    }

    /// Builds a run from blocks, beginning with this one, until the run is large enough.
    fn build(&self, organisation: OrganisationId, first_block: u32) -> Result<(), Stopped> {
        let erased = times_erased(self.connection)?;
        let number = |number| BlockId::new(organisation, number);
        let mut entries = Vec::new();
        let mut begins = None;
        let mut last_block = first_block;
        let reading = self.connection.begin(Access::Read)?;
        let blocks = number(first_block)..number(u32::MAX).plus(1);
        passed_between(&reading, blocks, |block| {
            let begins = *begins.get_or_insert(block.first_position);
            if let Some(emails) = block.emails {
                let entry_outcomes = entry_outcomes::decode(block.slots)?;
                entries.extend(entries_of(block.id, &entry_outcomes, emails));
            }
            last_block = block.id.number();
            let end = JournalEnd {
                block: last_block + 1,
                position: block.first_position + block.events,
            };
            let begun = JournalEnd {
                block: first_block,
                position: begins,
            };
            Ok(!is_due(end, begun, &self.due.options))
        })?;
        if begins.is_none() {
            // All blocks were purged.
            last_block = journal_end(self.connection, organisation)?.block - 1;
        }
        // The read transaction ends here, so that the log can be checkpointed while the run is written.
        drop(reading);
        entries.sort_unstable();
        let mut output = self.output(Target {
            organisation,
            first_block,
            last_block,
            tier: 0,
            replaces: Vec::new(),
            erased,
        });
        for &entry in &entries {
            output.push(entry)?;
        }
        output.finish(entries.len() as u64)
    }

    /// Merges neighbouring runs into one, in constant memory.
    fn merge(&self, organisation: OrganisationId, runs: &[Run]) -> Result<(), Stopped> {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return Ok(());
        };
        let mut output = self.output(Target {
            organisation,
            first_block: first.first_block,
            last_block: last.last_block,
            tier: first.tier + 1,
            replaces: runs.iter().map(|run| run.id).collect(),
            erased: times_erased(self.connection)?,
        });
        let mut merge = Merge::new(self.connection, organisation, runs)?;
        while let Some(entry) = merge.next()? {
            output.push(entry)?;
        }
        match merge.all() {
            Some(entries) => output.finish(entries),
            None => {
                let now = whole_runs(self.connection, organisation)?;
                if runs.iter().all(|run| now.contains(run)) {
                    return Err(
                        Fault::Damaged("a run of the e-mail index lacks entries".into()).into(),
                    );
                }
                // Another process has merged and deleted them while they were read.
                Ok(())
            }
        }
    }

    fn output(&self, target: Target) -> Output<'_> {
        Output {
            building: self,
            target,
            run: None,
            is_beaten: false,
            parts: Vec::new(),
            open: Vec::new(),
            first: None,
        }
    }

    /// Deletes unfinished runs, a slice at a time.
    fn delete_unfinished(&self) -> Result<(), Stopped> {
        let select = "select organisation, id from email_runs where not is_whole";
        let mut select = self.connection.prepare_cached(select)?;
        let found = select.query_map((), |row| Ok((OrganisationId(row.get(0)?), row.get(1)?)))?;
        for (organisation, run) in found {
            let delete = move |txn: &WriteTxn<'_>| jobs::delete(txn, run);
            while self.ask(organisation, delete)? == Left::Parts {}
        }
        Ok(())
    }

    /// Runs a job that writes to an organisation, when the writer's queue has room. Requests come first.
    fn ask<T, F>(&self, organisation: OrganisationId, job: F) -> Result<T, Stopped>
    where
        T: Send + 'static,
        F: Fn(&WriteTxn<'_>) -> Result<T, Fault> + Send + Sync + 'static,
    {
        let job = Arc::new(job);
        loop {
            if self.due.is_stopped() {
                return Err(Stopped::Asked);
            }
            let run = Arc::clone(&job);
            let run = move |txn: &mut WriteTxn<'_>| run(txn);
            let task = Task::on(SLICE_WEIGHT, [organisation]);
            match self.writer.ask_and_block(task, run) {
                Ok(found) => return Ok(found),
                Err(StoreError::Overloaded) => self.due.pause(BUSY_PAUSE),
                Err(
                    error @ (StoreError::Unavailable(_)
                    | StoreError::DiskFull(_)
                    | StoreError::InDoubt(_)
                    | StoreError::Refused(_)
                    | StoreError::BadCursor
                    | StoreError::FeedBegins(_)
                    | StoreError::NotLoaded(_)
                    | StoreError::ReplySaved
                    | StoreError::ReplyErased
                    | StoreError::Internal(_)
                    | StoreError::ImportMoved(_)),
                ) => return Err(Stopped::Store(error)),
            }
        }
    }
}

/// A run that is being written, segment by segment and slice by slice.
struct Output<'b> {
    building: &'b Building<'b>,
    target: Target,
    run: Option<i64>,
    /// Whether another process was faster, or an erasure intervened. Then nothing more is written.
    is_beaten: bool,
    /// The segments of the next slice.
    parts: Vec<Segment>,
    /// The segment that is being filled, and its first entry.
    open: Vec<u8>,
    first: Option<Entry>,
}

impl Output<'_> {
    fn push(&mut self, entry: Entry) -> Result<(), Stopped> {
        self.first.get_or_insert(entry);
        entry.write(&mut self.open);
        if self.open.len()
            >= self.building.due.options.part_entries * crate::store::addresses::ENTRY_BYTES
        {
            self.end_part();
            if self.parts.len() == SLICE_PARTS_MAX {
                self.write(None)?;
            }
        }
        Ok(())
    }

    fn end_part(&mut self) {
        if let Some(first) = self.first.take() {
            let entries = std::mem::take(&mut self.open);
            self.parts.push(Segment { first, entries });
        }
    }

    /// Writes the rest and marks the run as finished.
    fn finish(mut self, entries: u64) -> Result<(), Stopped> {
        self.end_part();
        self.write(Some(entries))
    }

    fn write(&mut self, ends_with: Option<u64>) -> Result<(), Stopped> {
        if self.is_beaten {
            self.parts.clear();
            return Ok(());
        }
        let slice = Slice {
            target: self.target.clone(),
            run: self.run,
            parts: std::mem::take(&mut self.parts),
            ends_with,
        };
        let write = move |txn: &WriteTxn<'_>| jobs::write(txn, &slice);
        self.run = self.building.ask(self.target.organisation, write)?;
        if self.run.is_none() {
            self.is_beaten = true;
            self.building.delete_unfinished()?;
        }
        Ok(())
    }
}
