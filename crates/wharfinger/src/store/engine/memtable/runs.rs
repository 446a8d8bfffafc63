//! The runs of a store: all changes that are not merged into the tables yet, as of a commit.

use std::sync::Arc;

use super::followed::Followed;
use super::log::Log;
use super::run::{self, Run, Value};

/// When a run is at most this many times as long as all later ones, it is merged with them. Few runs make look-ups fast; rare
/// merges make writes fast.
const MERGE_TIMES: usize = 3;
/// Bytes for each key at which the runs are merged into the tables although they have fewer keys than they may.
const BYTES_A_KEY: usize = 256;

/// A row of the log on PostgreSQL: its transaction and its number, and its run.
pub(super) type ReadRow = ((i64, i64), Arc<Run>);

/// The runs. Of two runs that have a key, the later one has its later value.
#[derive(Clone, Default)]
pub(crate) struct Runs {
    list: Vec<Arc<Run>>,
    /// How many of the runs are being merged into the tables. They are not merged with later runs.
    merging: usize,
    /// The key from which on they must still be merged into the tables.
    position: Vec<u8>,
    /// Up to this number, rows of the log are merged into the tables, and not in the runs. They may be deleted. Only for SQLite.
    merged: i64,
    /// What is known about the log of a PostgreSQL database.
    pub(super) followed: Followed,
}

impl Runs {
    /// None yet. Up to a number, rows of the log are merged.
    pub(super) fn of_merged(merged: i64) -> Self {
        Self {
            merged,
            ..Self::default()
        }
    }

    /// None of this generation of a log on PostgreSQL yet.
    pub(super) fn of_generation(generation: i64) -> Self {
        Self {
            followed: Followed::of_generation(generation),
            ..Self::default()
        }
    }

    /// Adds the rows of the log that were not added yet. They are in the order of their numbers. All transactions with ids below
    /// `oldest` had ended when they were read.
    pub(super) fn take_in(&mut self, rows: &[ReadRow], oldest: i64) {
        for (id, run) in rows {
            if !self.followed.knows(*id) {
                self.followed.add(*id);
                self.add(Arc::clone(run));
            }
        }
        self.followed.read_before(oldest);
    }

    /// Up to this number, rows of the log are merged.
    pub(super) fn set_merged(&mut self, merged: i64) {
        self.merged = merged;
    }

    /// The rows of the log as of these runs.
    pub(super) fn log(&self) -> Log {
        let ends = self.list.first().zip(self.list.last());
        Log {
            merged: self.merged,
            numbers: ends.map(|(first, last)| (*first.numbers().start(), *last.numbers().end())),
        }
    }

    /// Adds the run of a later commit. With `keys_max` keys, or as many bytes as so many keys should have, the runs begin to be
    /// merged into the tables.
    pub(super) fn push(&mut self, run: Run, keys_max: usize) {
        self.add(Arc::new(run));
        if self.merging == 0 && self.has(keys_max) {
            self.merge_all();
        }
    }

    /// Adds a run whose keys no later run has.
    pub(super) fn add(&mut self, mut run: Arc<Run>) {
        while self.list.len() > self.merging
            && let Some(last) = self.list.last()
            && last.len() <= MERGE_TIMES * run.len()
        {
            run = Arc::new(last.merge(&run));
            self.list.pop();
        }
        self.list.push(run);
    }

    /// Whether the runs have so many keys, or as many bytes as so many keys should have.
    pub(super) fn has(&self, keys: usize) -> bool {
        let found: usize = self.list.iter().map(|run| run.len()).sum();
        let bytes: usize = self.list.iter().map(|run| run.bytes()).sum();
        found >= keys || bytes >= keys.saturating_mul(BYTES_A_KEY)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The runs are not being merged into the tables any more, because that has failed.
    pub(super) fn stop_merging(&mut self) {
        self.merging = 0;
    }

    /// All runs are to be merged into the tables, also those that are few.
    pub(super) fn merge_all(&mut self) {
        self.merging = self.list.len();
        self.position.clear();
    }

    /// Whether runs are being merged into the tables.
    pub(super) fn is_merging(&self) -> bool {
        self.merging > 0
    }

    /// The number of the last row that is being merged into the tables.
    pub(super) fn last_merging(&self) -> Option<i64> {
        let last = self.list.get(self.merging.checked_sub(1)?)?;
        Some(*last.numbers().end())
    }

    /// Sets the key from which on runs must still be merged into the tables. `None` if nothing is left: the runs go.
    pub(super) fn merged_up_to(&mut self, position: Option<Vec<u8>>) {
        if let Some(position) = position {
            self.position = position;
        } else {
            self.list.drain(..self.merging);
            self.merging = 0;
            self.position.clear();
        }
    }

    /// What the latest run that knows the key has under it.
    pub(super) fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        if self.list.is_empty() {
            return None;
        }
        let hash = run::hash(key);
        let mut latest_first = self.list.iter().rev();
        latest_first.find_map(|run| run.get(hash, key))
    }

    /// The keys from `from` on, in order, each with its latest value.
    pub(super) fn from<'r>(&'r self, from: &[u8]) -> Ordered<'r> {
        Ordered::new(&self.list, from)
    }

    /// The greatest key before `to`.
    pub(super) fn last_before(&self, to: &[u8]) -> Option<&[u8]> {
        let runs = self.list.iter();
        let last = |run: &'_ Arc<Run>| run.position(to).checked_sub(1);
        let keys = runs.filter_map(|run| last(run).map(|at| run.entry(at).0));
        keys.max()
    }

    /// As [`Self::from`], of the runs that are being merged into the tables. Without `from`, from the key up to which they are.
    pub(super) fn merging(&self, from: Option<&[u8]>) -> Ordered<'_> {
        let from = from.unwrap_or(&self.position);
        Ordered::new(&self.list[..self.merging], from)
    }
}

/// The entries of several runs, in the order of their keys.
pub(super) struct Ordered<'r> {
    /// The runs, each with its position.
    runs: Vec<(&'r Run, usize)>,
}

impl<'r> Ordered<'r> {
    fn new(runs: &'r [Arc<Run>], from: &[u8]) -> Self {
        let runs = runs.iter();
        let runs = runs.map(|run| (&**run, run.position(from)));
        Self {
            runs: runs.collect(),
        }
    }
}

impl<'r> Iterator for Ordered<'r> {
    type Item = (&'r [u8], Value<'r>);

    fn next(&mut self) -> Option<Self::Item> {
        // Of equal keys `min_by_key` takes the first one: that of the latest run.
        let heads = self.runs.iter().rev();
        let heads = heads.filter(|(run, at)| *at < run.len());
        let heads = heads.map(|(run, at)| run.entry(*at));
        let (key, value) = heads.min_by_key(|(key, _)| *key)?;
        for (run, at) in &mut self.runs {
            if *at < run.len() && run.entry(*at).0 == key {
                *at += 1;
            }
        }
        Some((key, value))
    }
}
