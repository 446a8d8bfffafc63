//! The recent changes of this process, which all its connections to a store share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::run::Run;
use super::runs::{ReadRow, Runs};

/// Keys from which recent changes are merged into the tables. More keys make that cheaper, and need more memory: about 300 bytes
/// each.
pub(crate) const KEYS_MAX: usize = 128 << 10;
/// Keys with which the writer waits on PostgreSQL, where they are merged beside it.
const FULL_KEYS: usize = 4 * KEYS_MAX;

/// The runs as of the latest commit of this process. Its connections to one store share them.
#[derive(Clone)]
pub(crate) struct SharedRuns {
    state: Arc<(Mutex<State>, Condvar)>,
    /// With so many keys, runs are merged into the tables.
    pub(super) keys_max: usize,
}

#[derive(Default)]
struct State {
    runs: Arc<Runs>,
    /// The number of the latest merger, if it is still merging.
    merger: Option<u64>,
    mergers: u64,
    /// When the PostgreSQL server was started from whose database they are.
    server: String,
    /// Whether the merger of this process is to end.
    is_closed: bool,
}

impl Default for SharedRuns {
    fn default() -> Self {
        Self::new(KEYS_MAX)
    }
}

impl std::fmt::Debug for SharedRuns {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SharedRuns")
    }
}

impl SharedRuns {
    /// None yet. With this many keys, runs are merged into the tables.
    pub(crate) fn new(keys_max: usize) -> Self {
        Self {
            state: Arc::default(),
            keys_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the pointer half changed.
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> Arc<Runs> {
        Arc::clone(&self.lock().runs)
    }

    pub(super) fn set(&self, runs: Arc<Runs>) {
        self.lock().runs = runs;
    }

    /// Forgets everything if a connection is to another PostgreSQL server than the ones before, or to one that was restarted: it may
    /// have other data.
    pub(crate) fn connected(&self, server: &str) {
        let mut state = self.lock();
        if state.server != server {
            state.runs = Arc::default();
            server.clone_into(&mut state.server);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Arc<Runs>)) {
        let mut state = self.lock();
        change(&mut state.runs);
        if state.runs.has(self.keys_max) {
            self.state.1.notify_all();
        }
    }

    /// Publishes rows of the log that a connection has read and added to its runs.
    pub(super) fn publish(&self, runs: &Arc<Runs>, read: &[ReadRow]) {
        self.change(|ours| {
            let (known, generation) = (&ours.followed, runs.followed.generation);
            if known.generation < generation {
                *ours = Arc::clone(runs);
            } else if known.generation == generation
                && (!read.is_empty() || known.oldest() < runs.followed.oldest())
            {
                Arc::make_mut(ours).take_in(read, runs.followed.oldest());
            }
        });
    }

    /// Publishes the row that a transaction has added to the log, after its commit. `runs` are what it saw.
    pub(super) fn add(&self, runs: &Arc<Runs>, id: (i64, i64), run: Run) {
        self.change(|ours| {
            let generation = runs.followed.generation;
            if ours.followed.generation < generation {
                *ours = Arc::clone(runs);
            }
            // If rows were merged since, this one may have been among them, and a later change of its keys may have been read. If it
            // is still in the log, it will be read there.
            if ours.followed.generation == generation {
                Arc::make_mut(ours).take_in(&[(id, Arc::new(run))], 0);
            }
        });
    }

    /// Begins to merge everything into the tables that was added up to now, if `runs` are of the same generation. Returns what is to
    /// be merged, and the number of the merger.
    pub(super) fn begin_merging(&self, runs: &Runs) -> Option<(Arc<Runs>, u64)> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let ours = Arc::make_mut(&mut state.runs);
        if ours.followed.generation != runs.followed.generation || ours.is_empty() {
            return None;
        }
        ours.merge_all();
        ours.followed.begin_merging();
        state.mergers += 1;
        state.merger = Some(state.mergers);
        Some((Arc::clone(&state.runs), state.mergers))
    }

    /// What a merger has merged is in the tables, and was deleted from the log.
    pub(super) fn merged(&self, runs: &Runs, merger: u64) {
        let mut state = self.lock();
        if state.merger == Some(merger) {
            state.merger = None;
            if state.runs.followed.generation == runs.followed.generation {
                let ours = Arc::make_mut(&mut state.runs);
                ours.merged_up_to(None);
                ours.followed.merged();
            }
        }
        self.state.1.notify_all();
    }

    /// What a merger was merging is not in the tables. Has no effect if another one has begun since.
    pub(super) fn stop_merging(&self, merger: u64) {
        let mut state = self.lock();
        if state.merger == Some(merger) {
            state.merger = None;
            let ours = Arc::make_mut(&mut state.runs);
            ours.stop_merging();
            ours.followed.stop_merging();
        }
    }

    /// Whether there are so many keys that they are to be merged into the tables.
    pub(crate) fn is_due(&self) -> bool {
        self.lock().runs.has(self.keys_max)
    }

    /// Waits until runs are to be merged into the tables. Returns false at the end. For the merger of a store on PostgreSQL.
    pub(crate) fn wait_until_due(&self) -> bool {
        let is_not_due = |state: &mut State| !state.is_closed && !state.runs.has(self.keys_max);
        let waited = self.state.1.wait_while(self.lock(), is_not_due);
        !waited.unwrap_or_else(PoisonError::into_inner).is_closed
    }

    /// Waits at most so long for the end.
    pub(crate) fn pause(&self, at_most: Duration) {
        let is_open = |state: &mut State| !state.is_closed;
        // Whether the time has passed does not matter.
        drop(
            self.state
                .1
                .wait_timeout_while(self.lock(), at_most, is_open),
        );
    }

    /// Waits at most so long while there are far more keys than are merged together, because merging fails or is slower than
    /// adding. Returns whether there still are.
    pub(crate) fn is_full_for(&self, at_most: Duration) -> bool {
        let is_full = |state: &mut State| state.runs.has(FULL_KEYS);
        let waited = self
            .state
            .1
            .wait_timeout_while(self.lock(), at_most, is_full);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Ends the merger.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.state.1.notify_all();
    }
}
