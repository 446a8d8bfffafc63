//! A model of servers that share a log: every order of their steps gives every reader and writer what was committed last.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::store::engine::memtable::run::encode;

const SERVERS: usize = 3;
const KEYS: u8 = 4;

/// A database: rows of the log and values of the tables, each from one moment on.
#[derive(Default)]
struct Database {
    /// The number of commits.
    now: usize,
    /// The transactions that run.
    running: BTreeSet<i64>,
    last_transaction: i64,
    last_number: i64,
    rows: Vec<LogRow>,
    /// What the tables have under each key, and since when.
    tables: BTreeMap<u8, Vec<(usize, u8)>>,
    /// When the log was merged.
    merges: Vec<usize>,
    /// What was committed last under each key, and when.
    committed: BTreeMap<u8, Vec<(usize, u8)>>,
    locked: BTreeSet<u8>,
    is_merging: bool,
}

struct LogRow {
    id: (i64, i64),
    key: u8,
    value: u8,
    since: usize,
    until: Option<usize>,
}

/// A moment: the number of commits, and the oldest transaction that ran.
type Moment = (usize, i64);

impl Database {
    fn begin(&mut self) -> i64 {
        self.last_transaction += 1;
        self.running.insert(self.last_transaction);
        self.last_transaction
    }

    fn moment(&self) -> Moment {
        let oldest = self.running.first().copied();
        (self.now, oldest.unwrap_or(self.last_transaction + 1))
    }

    /// As the statement of the program does it.
    fn read(&self, (now, oldest): Moment, known: &Followed) -> Read {
        let merges = self.merges.iter().filter(|at| **at <= now).count();
        let generation = i64::try_from(merges).expect("few");
        let mut rows = Vec::new();
        if generation == known.generation {
            let is_there = |row: &&LogRow| row.since <= now && row.until.is_none_or(|at| at > now);
            for row in self.rows.iter().filter(is_there) {
                let (transaction, number) = row.id;
                if transaction >= known.oldest() && !known.read_since().contains(&number) {
                    rows.push((row.id, Arc::new(run(row.id, row.key, row.value))));
                }
            }
            rows.sort_by_key(|((_, number), _)| *number);
        }
        Read {
            generation,
            oldest,
            rows,
        }
    }

    fn as_of(values: &BTreeMap<u8, Vec<(usize, u8)>>, key: u8, now: usize) -> Option<u8> {
        let of_key = values.get(&key)?;
        let mut until_now = of_key.iter().filter(|(since, _)| *since <= now);
        until_now.next_back().map(|(_, value)| *value)
    }

    /// What a transaction finds under a key: in the runs, or in the tables as of a moment.
    fn found(&self, runs: &Runs, key: u8, now: usize) -> Option<u8> {
        match runs.get(&[key]) {
            Some(value) => value.map(|value| value[0]),
            None => Self::as_of(&self.tables, key, now),
        }
    }

    /// Commits the merging of runs.
    fn merge(&mut self, runs: &Runs) {
        self.now += 1;
        for (key, value) in runs.merging(None) {
            let value = value.expect("nothing is removed")[0];
            let of_key = self.tables.entry(key[0]).or_default();
            of_key.push((self.now, value));
        }
        for row in &mut self.rows {
            if runs.followed.merging().contains(&row.id.1) && row.until.is_none() {
                row.until = Some(self.now);
            }
        }
        self.merges.push(self.now);
    }

    fn assert_current(&self, runs: &Runs, key: u8, now: usize) {
        let committed = Self::as_of(&self.committed, key, now);
        assert_eq!(self.found(runs, key, now), committed, "key {key}");
    }
}

fn run((_, number): (i64, i64), key: u8, value: u8) -> Run {
    let mut bytes = Vec::new();
    encode([(&[key][..], Some(&[value][..]))], &mut bytes);
    Run::of_row(number, bytes).expect("it is whole")
}

/// A transaction that writes a key, and how far it has come.
enum Writer {
    Begun {
        runs: Arc<Runs>,
        transaction: i64,
        key: u8,
    },
    /// It has locked the key, and read the log.
    Locked {
        runs: Arc<Runs>,
        transaction: i64,
        key: u8,
    },
    /// It has committed, and has not told the other connections of its server.
    Committed {
        runs: Arc<Runs>,
        id: (i64, i64),
        key: u8,
        value: u8,
    },
}

impl Writer {
    /// Does the next step. `None` at the end. `byte` decides what is left to chance.
    fn step(self, database: &mut Database, shared: &SharedRuns, byte: u8) -> Option<Self> {
        match self {
            Self::Begun {
                mut runs,
                transaction,
                key,
            } => {
                if !database.locked.insert(key) {
                    return Some(Self::Begun {
                        runs,
                        transaction,
                        key,
                    });
                }
                catch_up_now(database, shared, &mut runs);
                database.assert_current(&runs, key, database.now);
                Some(Self::Locked {
                    runs,
                    transaction,
                    key,
                })
            }
            Self::Locked {
                runs,
                transaction,
                key,
            } => {
                database.locked.remove(&key);
                database.running.remove(&transaction);
                if byte.is_multiple_of(8) {
                    // It is rolled back.
                    return None;
                }
                database.last_number += 1;
                database.now += 1;
                let (id, since) = ((transaction, database.last_number), database.now);
                let (value, until) = (byte, None);
                database.rows.push(LogRow {
                    id,
                    key,
                    value,
                    since,
                    until,
                });
                database
                    .committed
                    .entry(key)
                    .or_default()
                    .push((since, value));
                Some(Self::Committed {
                    runs,
                    id,
                    key,
                    value,
                })
            }
            Self::Committed {
                runs,
                id,
                key,
                value,
            } => {
                shared.add(&runs, id, run(id, key, value));
                None
            }
        }
    }
}

/// A transaction that reads.
struct Reader {
    runs: Arc<Runs>,
    /// What its snapshot shows, once it has one.
    moment: Option<Moment>,
}

impl Reader {
    fn step(mut self, database: &Database, shared: &SharedRuns) -> Option<Self> {
        let Some(moment) = self.moment else {
            self.moment = Some(database.moment());
            return Some(self);
        };
        let read = |known: &Followed| Ok(database.read(moment, known));
        catch_up(&mut self.runs, (shared, true), read).expect("it can be read");
        for key in 0..KEYS {
            database.assert_current(&self.runs, key, moment.0);
        }
        None
    }
}

/// A transaction that merges the log.
enum Merger {
    Begun {
        runs: Arc<Runs>,
        transaction: i64,
    },
    /// It has locked and read the log, and merges this.
    Merging {
        runs: Arc<Runs>,
        transaction: i64,
        merger: u64,
    },
    /// It has committed, and has not told the other connections of its server.
    Committed {
        runs: Arc<Runs>,
        merger: u64,
    },
    /// It was rolled back, or so it seems, and has not told the other connections of its server.
    Failed {
        merger: u64,
    },
}

impl Merger {
    fn step(self, database: &mut Database, shared: &SharedRuns, byte: u8) -> Option<Self> {
        match self {
            Self::Begun {
                mut runs,
                transaction,
            } => {
                if std::mem::replace(&mut database.is_merging, true) {
                    // Another server is merging.
                    database.running.remove(&transaction);
                    return None;
                }
                catch_up_now(database, shared, &mut runs);
                if let Some((runs, merger)) = shared.begin_merging(&runs) {
                    return Some(Self::Merging {
                        runs,
                        transaction,
                        merger,
                    });
                }
                database.is_merging = false;
                database.running.remove(&transaction);
                None
            }
            Self::Merging {
                runs,
                transaction,
                merger,
            } => {
                database.is_merging = false;
                database.running.remove(&transaction);
                if byte.is_multiple_of(8) {
                    return Some(Self::Failed { merger });
                }
                database.merge(&runs);
                // The answer to the commit may be lost.
                Some(match byte % 8 {
                    1 => Self::Failed { merger },
                    _ => Self::Committed { runs, merger },
                })
            }
            Self::Committed { runs, merger } => {
                shared.merged(&runs, merger);
                None
            }
            Self::Failed { merger } => {
                shared.stop_merging(merger);
                None
            }
        }
    }
}

fn catch_up_now(database: &Database, shared: &SharedRuns, runs: &mut Arc<Runs>) {
    let read = |known: &Followed| Ok(database.read(database.moment(), known));
    catch_up(runs, (shared, false), read).expect("it can be read");
}

/// What a connection of a server does.
enum Task {
    Write(Writer),
    Read(Reader),
    Merge(Merger),
}

impl Task {
    fn begin(database: &mut Database, shared: &SharedRuns, byte: u8) -> Self {
        let runs = shared.get();
        match byte % 6 {
            0 => Self::Merge(Merger::Begun {
                runs,
                transaction: database.begin(),
            }),
            1 | 2 => Self::Read(Reader { runs, moment: None }),
            _ => Self::Write(Writer::Begun {
                runs,
                transaction: database.begin(),
                key: byte / 6 % KEYS,
            }),
        }
    }

    fn step(self, database: &mut Database, shared: &SharedRuns, byte: u8) -> Option<Self> {
        match self {
            Self::Write(writer) => writer.step(database, shared, byte).map(Self::Write),
            Self::Read(reader) => reader.step(database, shared).map(Self::Read),
            Self::Merge(merger) => merger.step(database, shared, byte).map(Self::Merge),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]
    #[test]
    fn whoever_reads_the_log_sees_what_was_committed_last(
        steps in prop::collection::vec((0..8_usize, any::<u8>()), 1..300)
    ) {
        let servers: [SharedRuns; SERVERS] = std::array::from_fn(|_| SharedRuns::default());
        let mut database = Database::default();
        let mut tasks: [Option<Task>; 8] = std::array::from_fn(|_| None);
        for (at, byte) in steps {
            let shared = &servers[at % SERVERS];
            tasks[at] = match tasks[at].take() {
                None => Some(Task::begin(&mut database, shared, byte)),
                Some(task) => task.step(&mut database, shared, byte),
            };
        }
        // At the end, a new server sees the same as the others.
        for shared in servers.iter().chain([&SharedRuns::default()]) {
            let (mut runs, moment) = (shared.get(), database.moment());
            let read = |known: &Followed| Ok(database.read(moment, known));
            catch_up(&mut runs, (shared, true), read).expect("it can be read");
            for key in 0..KEYS {
                database.assert_current(&runs, key, database.now);
            }
        }
    }
}
