//! Copying a whole store, row by row, between any two engines.
//!
//! The source is read in one transaction, and nobody writes to it meanwhile. With each slice of rows the target records the
//! number of rows and their hash sum. An interrupted copy reads that many rows again, and continues only if the sum matches.
//! The result therefore always equals the current source.

mod rows;
pub(crate) mod tables;
mod target;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use self::rows::{Digest, SliceMax, Walk};
use self::tables::{Table, quoted};
pub(super) use self::target::FILLED;
pub(crate) use self::target::refuse_unfinished;
use super::check::check;
use crate::store::api::{CheckReport, StoreError};
use crate::store::engine::driver::{Access, Connection, Engine};
use crate::store::engine::fault::Fault;
use crate::store::engine::location::Location;
use crate::store::engine::open::{open_tables, open_tables_of_store, reach_store};
use crate::store::engine::schema;
use crate::store::journal::write::unpack_all;
use crate::store::write::merge;

/// The size of a slice. A slice is one transaction, and must fit into memory on both sides.
const SLICE_MAX: SliceMax = SliceMax {
    rows: 4_096,
    bytes: 8 << 20,
};
/// Length of the log of an embedded target, in pages, from which it is checkpointed: 32 MiB.
const LOG_PAGES: i32 = 8_192;
/// How long to wait for the sessions of a program that has ended.
const ENDING_MAX: Duration = Duration::from_secs(10);
/// The pause between two looks.
const ENDING_PAUSE: Duration = Duration::from_millis(100);

/// The stage of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Comparing what an earlier run has copied with the source.
    Resuming,
    /// Copying rows.
    Copying,
    /// Reading the copied rows back.
    ReadingBack,
    /// Checking the copy as a store.
    Checking,
}

/// The result of a copy.
#[derive(Debug)]
pub struct Copied {
    /// The rows of all tables.
    pub rows: u64,
    /// The rows that an earlier run had copied.
    pub resumed: u64,
    /// The result of checking the copy.
    pub report: CheckReport,
}

/// Copies a whole store into an empty one, or resumes an interrupted copy. Blocks.
///
/// `tell` is called with the number of rows that are done, and the number of all rows. No process may serve either store. For
/// data directories the caller holds the server's lock.
///
/// # Errors
/// [`StoreError::Refused`], with what to do: there is no such store, servers are connected to it, the target is not empty, or the
/// source has changed since. [`StoreError::Unavailable`]: one of the stores became unreachable; another call resumes the copy.
pub fn copy(
    from: &Location,
    to: &Location,
    tell: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Copied, StoreError> {
    let source = open_tables_of_store(from).map_err(at(from))?;
    be_alone(&source).map_err(at(from))?;
    merge::all_alone(&source).map_err(at(from))?;
    let reading = hold(&source).map_err(at(from))?;
    let target = open_tables(to).map_err(at(to))?;
    prepare(&target).map_err(at(to))?;
    if target.citus().is_some() {
        // There are no packs. The transaction is never committed, so the source stays as it is.
        unpack_all(&reading).map_err(at(from))?;
    }
    let copying = Copying {
        from,
        source: &reading,
        to,
        target: &target,
        max: SLICE_MAX,
        tell,
    };
    copying.run()
}

/// Copies all rows of a PostgreSQL database into a new data directory, in one snapshot. Servers of the database may be running.
///
/// # Errors
/// [`StoreError::Refused`]: there is no such store, it has another schema, or it is distributed over nodes, which share no snapshot.
pub(in crate::store::maintain) fn copy_beside(
    from: &Location,
    into: &Path,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let Location::Database(database) = from else {
        return Err(StoreError::Internal(
            "a directory is copied by its pages".into(),
        ));
    };
    let source = reach_store(database).map_err(at(from))?;
    if source.citus().is_some() {
        return Err(at(from)(Fault::Refused(
            "the nodes of Citus share no snapshot; back up each of them with the tools of PostgreSQL".into(),
        )));
    }
    let reading = source
        .begin(Access::Read)
        .map_err(|error| at(from)(Fault::from(error)))?;
    let begin = || {
        reading.lift_bounds()?;
        schema::require(&reading)?;
        refuse_unfinished(&reading)
    };
    begin().map_err(at(from))?;
    let to = Location::Directory(into.to_owned());
    let target = open_tables(&to).map_err(at(&to))?;
    prepare(&target).map_err(at(&to))?;
    let copying = Copying {
        from,
        source: &reading,
        to: &to,
        target: &target,
        max: SLICE_MAX,
        tell: &mut |stage, done, all| {
            if stage == Stage::Copying {
                tell(done, all);
            }
        },
    };
    copying.copy_rows()?;
    Ok(())
}

/// Adds the location to an error message.
fn at<E: Into<StoreError>>(place: &Location) -> impl Fn(E) -> StoreError {
    move |error| {
        let mut error = error.into();
        if let StoreError::Refused(why)
        | StoreError::Unavailable(why)
        | StoreError::DiskFull(why)
        | StoreError::Internal(why) = &mut error
        {
            *why = format!("{place}: {why}");
        }
        error
    }
}

/// Keeps other processes from writing to the source until the returned transaction ends.
fn hold(source: &Connection) -> Result<crate::store::engine::driver::Transaction<'_>, Fault> {
    refuse_unfinished(source)?;
    be_alone(source)?;
    let reading = source.begin(Access::WRITE)?;
    // Counting rows can take long. The connection is also idle while the target is slow or is checked.
    reading.lift_bounds()?;
    Ok(reading)
}

fn prepare(target: &Connection) -> Result<(), Fault> {
    be_alone(target)?;
    if let Some(connection) = target.sqlite() {
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    }
    Ok(())
}

/// Waits until no other session of this program is connected to a database.
///
/// # Errors
/// [`Fault::Refused`]: another session does not end.
pub(super) fn be_alone(connection: &Connection) -> Result<(), Fault> {
    if connection.engine() == Engine::Sqlite {
        return Ok(());
    }
    let until = Instant::now() + ENDING_MAX;
    let select = "select count(*) from pg_stat_activity where datname = current_database() \
        and application_name = 'wharfinger' and pid <> pg_backend_pid()";
    loop {
        let others: i64 = connection.query_row(select, (), |row| row.get(0))?;
        match others {
            0 => return Ok(()),
            _ if Instant::now() < until => std::thread::sleep(ENDING_PAUSE),
            others => {
                return Err(Fault::Refused(format!(
                    "{others} other sessions of wharfinger are connected to the database; stop its servers first"
                )));
            }
        }
    }
}

/// The state of a copy.
struct Copying<'c> {
    from: &'c Location,
    source: &'c Connection,
    to: &'c Location,
    target: &'c Connection,
    max: SliceMax,
    tell: &'c mut dyn FnMut(Stage, u64, u64),
}

impl Copying<'_> {
    fn run(mut self) -> Result<Copied, StoreError> {
        let to = self.to;
        let (begun, digest) = self.rows()?;
        (self.tell)(Stage::Checking, digest.rows, digest.rows);
        let report = self.check().map_err(at(to))?;
        target::end(self.target).map_err(at(to))?;
        Ok(Copied {
            rows: digest.rows,
            resumed: begun.rows,
            report,
        })
    }

    /// Copies without checking the copy as a store.
    fn copy_rows(mut self) -> Result<(), StoreError> {
        self.rows()?;
        target::end(self.target).map_err(at(self.to))
    }

    /// Copies all rows and reads them back. Returns the digests of the rows that were there before, and of all.
    fn rows(&mut self) -> Result<(Digest, Digest), StoreError> {
        let (from, to) = (self.from, self.to);
        let of_source = tables::list(self.source).map_err(at(from))?;
        let of_target = tables::list(self.target).map_err(at(to))?;
        let tables = tables::pairs(of_source, of_target)?;
        let all = self.count(&tables).map_err(at(from))?;
        let begun = target::begin(self.target, &tables, from).map_err(at(to))?;
        // A process that connects from now on sees that the copy is unfinished.
        be_alone(self.target).map_err(at(to))?;
        let digest = self.copy(&tables, begun, all)?;
        self.read_back(&tables, digest).map_err(at(to))?;
        Ok((begun, digest))
    }

    fn count(&self, tables: &[(Table, Table)]) -> Result<u64, Fault> {
        let mut all: u64 = 0;
        for (table, _) in tables {
            let select = format!("select count(*) from {}", quoted(&table.name));
            let rows: i64 = self.source.query_row(&select, (), |row| row.get(0))?;
            all += rows.cast_unsigned();
        }
        Ok(all)
    }

    /// Copies the rows that are missing. Returns the digest of all rows.
    fn copy(
        &mut self,
        tables: &[(Table, Table)],
        begun: Digest,
        all: u64,
    ) -> Result<Digest, StoreError> {
        let mut digest = Digest::default();
        for (of_source, of_target) in tables {
            let mut walk = Walk::new(self.source, of_source, self.max);
            loop {
                let is_there = digest.rows < begun.rows;
                let rows_max = if is_there {
                    begun.rows - digest.rows
                } else {
                    u64::MAX
                };
                let rows = walk.next(rows_max).map_err(at(self.from))?;
                if rows.is_empty() {
                    break;
                }
                let before = digest;
                digest.add(of_source, &rows);
                let stage = if is_there {
                    Stage::Resuming
                } else {
                    target::write(self.target, of_target, &rows, before, digest)
                        .map_err(at(self.to))?;
                    Stage::Copying
                };
                if digest.rows == begun.rows && digest != begun {
                    return Err(at(self.from)(changed()));
                }
                (self.tell)(stage, digest.rows, all);
            }
        }
        if digest.rows < begun.rows {
            return Err(at(self.from)(changed()));
        }
        Ok(digest)
    }

    /// Reads the copy back and compares it with the digest of the source.
    fn read_back(&mut self, tables: &[(Table, Table)], expected: Digest) -> Result<(), Fault> {
        let reading = self.target.begin(Access::Read)?;
        let mut digest = Digest::default();
        for (_, table) in tables {
            let mut walk = Walk::new(&reading, table, self.max);
            loop {
                let rows = walk.next(u64::MAX)?;
                if rows.is_empty() {
                    break;
                }
                digest.add(table, &rows);
                (self.tell)(Stage::ReadingBack, digest.rows, expected.rows);
            }
        }
        if digest != expected {
            return Err(Fault::Refused(format!(
                "the copied rows differ from those read back ({} and {} rows): another process has written to the store, or a \
                 disk is damaged; start again with an empty target",
                expected.rows, digest.rows
            )));
        }
        Ok(())
    }

    /// Checks the copy. Damage that stops the check is in the source too, and does not prevent the copy from being finished.
    fn check(&self) -> Result<CheckReport, Fault> {
        match check(&*self.target.begin(Access::Read)?) {
            Err(Fault::Damaged(why)) => Ok(CheckReport {
                faults: vec![why],
                ..CheckReport::default()
            }),
            checked => checked,
        }
    }
}

fn changed() -> Fault {
    Fault::Refused(
        "the store has changed since the copy was started; start again with an empty target".into(),
    )
}
