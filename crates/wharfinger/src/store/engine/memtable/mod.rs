//! Recent changes: in memory for reading, and in a log for durability. They are merged into the tables later.
//!
//! ```text
//!  a commit                                          later, some thousand changes at a time
//!  ┌─────────────────────────────┐                   ┌───────────────────────────────────────┐
//!  │ insert into recent_changes  │ one row           │ blocks    order_leaves    counters  … │
//!  └──────────────┬──────────────┘                   └───────────────────▲───────────────────┘
//!                 ▼                                                      │ neighbouring changes together
//!  memory: run ── run ──────── run, sorted by key; two of like length become one
//! ```
//!
//! A B-tree writes a page of 4 KiB for each row that is apart from others. A batch over 900 organisations touches some thousand
//! such pages, though it changes less than 100 bytes in each. A log needs no place of its own for an organisation; and once many
//! changes of an organisation have come together, its pages are written once for all of them.
//!
//! Each change has a key, and a value that replaces what the tables have: not a difference. Therefore a change may be merged
//! twice, and a reader may find it both here and in the tables. Who reads asks here first, then the tables.
//!
//! A transaction sees the runs as of its beginning ([`Memtable::begin`]), and its own changes. It compares them with the rows of
//! the log that its snapshot has, because other processes may have added or merged some. `log` has what the rows cost in the embedded
//! store, and when they are deleted there.
//!
//! On PostgreSQL several servers add to the log. Each has in memory what all of them have added, and reads the rows of the others
//! when it begins to read or write (`followed`). A transaction adds its row while it holds the locks of its organisations, so of two
//! changes of a key the later one has the greater number. One server at a time merges everything that it knows, in one transaction
//! beside the writers. Nobody waits for it, because nobody else writes to the tables that it writes to.

mod followed;
mod log;
mod pending;
mod run;
mod runs;
mod server;
mod shared;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::driver::{self, Session};
use super::fault::Fault;
use pending::{Pending, TooMuch};
use run::Run;
pub(crate) use run::Value;
use runs::Runs;
pub(crate) use shared::{KEYS_MAX, SharedRuns};

use crate::store::format::varint::pack;

/// What a change is about: the first byte of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Space {
    /// Small blocks, by id.
    Blocks = b'b',
    /// The counters of organisations, by organisation.
    Counters = b'c',
    /// Orders of the index, by the keys of the index.
    Index = b'i',
    /// The open orders of blocks, by id.
    Open = b'o',
}

impl Space {
    const ALL: [Self; 4] = [Self::Blocks, Self::Counters, Self::Index, Self::Open];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|space| *space as u8 == byte)
    }

    fn key(self, key: &[u8]) -> Vec<u8> {
        let mut of_space = Vec::with_capacity(1 + key.len());
        self.write_key(key, &mut of_space);
        of_space
    }

    fn write_key(self, key: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.push(self as u8);
        out.extend_from_slice(key);
    }
}

/// The recent changes as a connection sees them.
pub(crate) struct Memtable {
    shared: SharedRuns,
    runs: RefCell<Arc<Runs>>,
    /// Whether the connection is in a transaction, and in what kind.
    state: Cell<InTransaction>,
    /// Whether `runs` was compared with the log in this transaction.
    is_current: Cell<bool>,
    /// The changes of this transaction.
    pending: RefCell<Pending>,
    /// Memory for keys.
    key: Cell<Vec<u8>>,
    /// The number of this transaction as a merger of the runs that all connections share, if it is one. Only on PostgreSQL.
    merger: Cell<Option<u64>>,
    /// How far this transaction has merged runs into the tables, if it has.
    merged: RefCell<Option<Merged>>,
    /// Whether it has deleted all merged rows of the log.
    has_deleted: Cell<bool>,
}

/// A change: what it is about, its key, and its value.
pub(crate) type Change<'r> = (Space, &'r [u8], Value<'r>);

/// How far runs are merged into the tables: up to a key, or to the end.
type Merged = Option<Vec<u8>>;

/// Whether a connection is in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InTransaction {
    /// No. Each statement is a transaction of its own.
    No,
    /// In one that sees the store at one moment.
    Snapshot,
    /// On PostgreSQL, in one that writes: each of its statements sees what was committed before.
    Writing,
}

/// What a commit must add to the runs.
pub(crate) struct Committed {
    /// The transaction, on PostgreSQL, and the number of its row of the log, and its run.
    added: Option<((i64, i64), Run)>,
}

impl Memtable {
    /// That of a new connection.
    pub(crate) fn new(shared: SharedRuns) -> Self {
        Self {
            runs: RefCell::new(shared.get()),
            shared,
            state: Cell::new(InTransaction::No),
            is_current: Cell::new(false),
            merger: Cell::new(None),
            pending: RefCell::default(),
            key: Cell::default(),
            merged: RefCell::default(),
            has_deleted: Cell::new(false),
        }
    }

    /// The runs that this connection shares with others.
    pub(crate) fn shared(&self) -> SharedRuns {
        self.shared.clone()
    }

    /// Begins a transaction. Must come before the database's own beginning: the snapshot then has everything that the runs have.
    pub(crate) fn begin(&self, state: InTransaction) {
        self.roll_back();
        self.state.set(state);
        self.runs.replace(self.shared.get());
    }

    /// Drops the changes of the transaction, and the runs: an idle connection must not hold old ones.
    pub(crate) fn roll_back(&self) {
        self.state.set(InTransaction::No);
        if let Some(merger) = self.merger.take() {
            self.shared.stop_merging(merger);
        }
        self.is_current.set(false);
        self.runs.take();
        self.pending.borrow_mut().clear();
        self.merged.take();
        self.has_deleted.set(false);
    }

    /// Writes the changes of the transaction to the log, before the commit.
    pub(crate) fn write(&self, log: Place<'_>) -> driver::Result<Committed> {
        let Some(sorted) = self.pending.borrow_mut().sorted() else {
            return Ok(Committed { added: None });
        };
        let mut packed = Vec::new();
        pack(&mut packed, &sorted.bytes);
        let row = match log {
            Place::File(connection) => {
                if let Some(merged) = self.last_merged() {
                    log::delete_some(connection, merged, packed.len() + packed.len() / 4)?;
                }
                (0, log::add(connection, &packed)?)
            }
            Place::Server(session) => server::add(session, &packed)?,
        };
        Ok(Committed {
            added: Some((row, Run::of_sorted(row.1, sorted))),
        })
    }

    /// Publishes the changes of the transaction, after the commit.
    pub(crate) fn committed(&self, committed: Committed) {
        if self.state.get() == InTransaction::Writing {
            let runs = self.runs.take();
            if let Some(merger) = self.merger.take() {
                self.shared.merged(&runs, merger);
            }
            if let Some((row, run)) = committed.added {
                self.shared.add(&runs, row, run);
            }
            return self.roll_back();
        }
        let last_merged = self.last_merged();
        let merged = self.merged.take();
        let has_deleted = self.has_deleted.take();
        self.state.set(InTransaction::No);
        if committed.added.is_none() && merged.is_none() && !has_deleted {
            return;
        }
        let mut runs = Runs::clone(&self.runs.borrow());
        if let Some(merged) = merged {
            runs.merged_up_to(merged);
        }
        runs.set_merged(last_merged.unwrap_or_default());
        if let Some((_, run)) = committed.added {
            runs.push(run, self.shared.keys_max);
        }
        let runs = Arc::new(runs);
        self.runs.replace(Arc::clone(&runs));
        self.shared.set(runs);
    }

    /// The number up to which rows are merged, after this transaction. `None` if all of these are deleted.
    fn last_merged(&self) -> Option<i64> {
        if self.has_deleted.get() {
            return None;
        }
        let runs = self.runs.borrow();
        let ended = matches!(&*self.merged.borrow(), Some(None));
        let last = runs.last_merging().filter(|_| ended);
        let last = last.unwrap_or(runs.log().merged);
        (last > 0).then_some(last)
    }

    /// Compares the runs with the rows of the log, and reads those that are missing.
    fn make_current(&self, log: Place<'_>) -> Result<(), Fault> {
        if self.state.get() == InTransaction::No {
            self.runs.replace(self.shared.get());
        } else if self.is_current.get() {
            return Ok(());
        }
        let mut runs = self.runs.borrow_mut();
        match log {
            Place::File(connection) => log::compare(connection, &mut runs, self.shared.keys_max)?,
            Place::Server(session) => {
                let is_snapshot = self.state.get() == InTransaction::Snapshot;
                server::read_into(session, &mut runs, (&self.shared, is_snapshot))?;
            }
        }
        self.is_current.set(true);
        Ok(())
    }
}

/// Where the log is.
#[derive(Clone, Copy)]
pub(crate) enum Place<'c> {
    /// In the embedded store.
    File(&'c rusqlite::Connection),
    /// In a PostgreSQL database.
    Server(&'c Session),
}

/// The recent changes, as a connection reads and adds to them.
#[derive(Clone, Copy)]
pub(crate) struct Recent<'c> {
    log: Place<'c>,
    memtable: &'c Memtable,
}

impl<'c> Recent<'c> {
    /// Those of a connection.
    pub(crate) fn new(log: Place<'c>, memtable: &'c Memtable) -> Self {
        Self { log, memtable }
    }

    /// Whether they are those of a PostgreSQL database, which are merged beside the writers.
    pub(crate) fn is_on_server(&self) -> bool {
        matches!(self.log, Place::Server(_))
    }

    /// How often recent changes of a PostgreSQL database were merged into the tables.
    pub(crate) fn generation(&self) -> Result<i64, Fault> {
        self.memtable.make_current(self.log)?;
        Ok(self.memtable.runs.borrow().followed.generation)
    }

    /// Reads what was changed under a key. `None` if nothing was: the tables have it.
    pub(crate) fn get<T>(
        &self,
        space: Space,
        key: &[u8],
        read: impl FnOnce(Value<'_>) -> T,
    ) -> Result<Option<T>, Fault> {
        self.memtable.make_current(self.log)?;
        self.with_key(space, key, |key| {
            if let Some(value) = self.memtable.pending.borrow().get(key) {
                return Ok(Some(read(value)));
            }
            Ok(self.memtable.runs.borrow().get(key).map(read))
        })
    }

    /// Changes what is under a key. `None` removes it.
    pub(crate) fn put(&self, space: Space, key: &[u8], value: Value<'_>) -> Result<(), Fault> {
        self.memtable.make_current(self.log)?;
        self.with_key(space, key, |key| {
            let put = self.memtable.pending.borrow_mut().put(key, value);
            let why = "this changes too much in one transaction; nothing was stored";
            put.map_err(|TooMuch| Fault::Refused(why.into()))
        })
    }

    fn with_key<T>(&self, space: Space, key: &[u8], then: impl FnOnce(&[u8]) -> T) -> T {
        let mut of_space = self.memtable.key.take();
        space.write_key(key, &mut of_space);
        let done = then(&of_space);
        self.memtable.key.set(of_space);
        done
    }

    /// Reads the changes whose keys are not before `from` and before `to`, in the order of their keys, until `read` returns false.
    pub(crate) fn range(
        &self,
        space: Space,
        [from, to]: [&[u8]; 2],
        mut read: impl FnMut(&[u8], Value<'_>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        self.memtable.make_current(self.log)?;
        let (from, to) = (space.key(from), space.key(to));
        // Not borrowed while the caller reads, who may look something up.
        let own = self.memtable.pending.borrow().range([&from, &to]);
        let runs = Arc::clone(&self.memtable.runs.borrow());
        let of_runs = runs.from(&from);
        let mut of_runs = of_runs
            .take_while(|(key, _)| *key < to.as_slice())
            .peekable();
        for (key, value) in &own {
            while let Some((earlier, value)) = of_runs.next_if(|(other, _)| *other < key.as_slice())
            {
                if !read(&earlier[1..], value)? {
                    return Ok(());
                }
            }
            of_runs.next_if(|(other, _)| *other == key.as_slice());
            if !read(&key[1..], value.as_deref())? {
                return Ok(());
            }
        }
        for (key, value) in of_runs {
            if !read(&key[1..], value)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The greatest key from `from` on and before `to`, whatever was changed about it.
    pub(crate) fn last_key(
        &self,
        space: Space,
        [from, to]: [&[u8]; 2],
    ) -> Result<Option<Vec<u8>>, Fault> {
        self.memtable.make_current(self.log)?;
        let (from, to) = (space.key(from), space.key(to));
        let pending = self.memtable.pending.borrow();
        let own = pending.last_key([&from, &to]);
        let runs = self.memtable.runs.borrow();
        let of_runs = runs.last_before(&to).filter(|key| *key >= from.as_slice());
        Ok(own.max(of_runs).map(|key| key[1..].to_vec()))
    }

    /// How many keys this transaction has changed.
    pub(crate) fn changed(&self) -> usize {
        self.memtable.pending.borrow().len()
    }

    /// Whether runs are to be merged into the tables.
    pub(crate) fn is_merging(&self) -> Result<bool, Fault> {
        self.memtable.make_current(self.log)?;
        Ok(self.memtable.runs.borrow().is_merging())
    }

    /// Reads the log, for all connections that share its runs: once, when the store is opened.
    pub(crate) fn load(&self) -> Result<(), Fault> {
        self.memtable.make_current(self.log)?;
        let runs = Arc::clone(&self.memtable.runs.borrow());
        self.memtable.shared.set(runs);
        Ok(())
    }

    /// Whether the log has rows up to a number, merged or not.
    pub(crate) fn has_up_to(&self, number: i64) -> Result<bool, Fault> {
        match self.log {
            Place::File(connection) => log::has_up_to(connection, number),
            Place::Server(_) => Ok(false),
        }
    }

    /// Deletes all merged rows of the log of the embedded store.
    pub(crate) fn delete_merged(&self) -> Result<(), Fault> {
        self.memtable.make_current(self.log)?;
        if let Place::File(connection) = self.log
            && let Some(merged) = self.memtable.last_merged()
        {
            log::delete_all(connection, merged)?;
            self.memtable.has_deleted.set(true);
        }
        Ok(())
    }

    /// All changes of earlier transactions are to be merged into the tables, unless this transaction has begun to merge fewer of
    /// them. Returns the number of the last row of the log that is not merged, in the embedded store.
    ///
    /// On PostgreSQL nobody else may be merging. If this transaction does not commit, nothing is merged.
    pub(crate) fn merge_all(&self) -> Result<Option<i64>, Fault> {
        self.memtable.make_current(self.log)?;
        let mut runs = self.memtable.runs.borrow_mut();
        if let Place::Server(_) = self.log {
            if let Some((merging, merger)) = self.memtable.shared.begin_merging(&runs) {
                *runs = merging;
                self.memtable.merger.set(Some(merger));
            }
            return Ok(None);
        }
        let mut merging = Runs::clone(&runs);
        let last = merging.log().numbers.map(|(_, last)| last);
        if self.memtable.merged.borrow().is_none() {
            merging.merge_all();
            *runs = Arc::new(merging);
        }
        Ok(last)
    }

    /// Hands out up to `keys_max` changes that are to be merged into the tables, in the order of their keys. If this transaction
    /// commits, they are merged. Returns whether more are to be merged.
    pub(crate) fn merge(
        &self,
        keys_max: usize,
        write: impl FnOnce(&[Change<'_>]) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        self.memtable.make_current(self.log)?;
        if self.is_on_server() && self.memtable.merger.get().is_none() {
            return Ok(false);
        }
        let runs = Arc::clone(&self.memtable.runs.borrow());
        let Some(last) = runs.last_merging() else {
            return Ok(false);
        };
        let mut ordered = match &*self.memtable.merged.borrow() {
            None => runs.merging(None),
            Some(Some(position)) => runs.merging(Some(position)),
            Some(None) => return Ok(false),
        };
        let mut changes = Vec::new();
        for (key, value) in ordered.by_ref().take(keys_max) {
            let (&space, key) = key.split_first().unwrap_or((&0, &[]));
            let unknown = || Fault::Damaged("a recent change is of an unknown kind".into());
            changes.push((Space::of(space).ok_or_else(unknown)?, key, value));
        }
        write(&changes)?;
        let next = ordered.next().map(|(key, _)| key.to_owned());
        if next.is_none() {
            match self.log {
                Place::File(connection) => log::note_merged(connection, last)?,
                Place::Server(session) => server::delete(session, runs.followed.merging())?,
            }
        }
        let is_merging = next.is_some();
        self.memtable.merged.replace(Some(next));
        Ok(is_merging)
    }
}
