//! The driver: one interface to both engines. Statements use `?1`, `?2` … for parameters and return rows of values.
//!
//! Both engines have the same tables and nearly the same statements. Callers that need engine-specific SQL branch on
//! [`Connection::engine`].

mod error;
mod insert;
mod postgres;
mod statement;
mod target;
mod tls;
mod value;

use std::time::Duration;

use rusqlite::config::DbConfig;

pub(crate) use self::error::Error;
pub(crate) use self::insert::Insert;
pub(crate) use self::postgres::{Session, USED_WITHOUT_CITUS};
pub(crate) use self::statement::{Row, Rows, Statement};
pub(crate) use self::target::Target;
pub(crate) use self::value::{FromValue, Params, ToValue, Value, params};
use super::memtable::{InTransaction, Memtable, Place, Recent, SharedRuns};

/// How long a statement waits for a lock on PostgreSQL. Callers that wait longer get an error and may retry, as with SQLite.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The result of a driver operation.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL, a server.
    Postgres,
}

/// A connection to a database.
pub(crate) enum Connection {
    /// To a SQLite file.
    Sqlite(Box<Embedded>),
    /// To a PostgreSQL server.
    Postgres(Box<OnServer>),
}

/// A connection to a PostgreSQL server, with the store's recent changes.
pub(crate) struct OnServer {
    session: Session,
    /// `None` on Citus, whose nodes have no moment in common at which a log could be compared with their tables.
    memtable: Option<Memtable>,
}

impl std::ops::Deref for OnServer {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// A connection to a SQLite file, with the store's recent changes.
pub(crate) struct Embedded {
    connection: rusqlite::Connection,
    memtable: Memtable,
}

impl std::ops::Deref for Embedded {
    type Target = rusqlite::Connection;

    fn deref(&self) -> &rusqlite::Connection {
        &self.connection
    }
}

/// The kind of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access<'n> {
    /// Reads only, and sees the store at one moment.
    Read,
    /// As [`Self::Read`], and finds out up to which stamp no transaction is still to come. See [`Session::horizon`].
    Follow,
    /// Writes.
    Write {
        /// The numbers of the names to claim before waiting. See [`Session::busy`].
        names: &'n [i64],
        /// Which other write transactions it waits for.
        locks: Locks,
        /// How long it waits for them on PostgreSQL.
        patience: Duration,
    },
}

/// What a write transaction locks. SQLite has one writer, so it always locks everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locks {
    /// The whole store: it waits until all other write transactions have ended, and sees everything that they wrote.
    Store,
    /// Organisations, whose rows it locks itself: it waits for transactions that lock the store.
    Organisations,
    /// Nothing: it writes only what its own locks protect.
    Nothing,
}

impl Access<'_> {
    /// A write transaction that locks the store and claims no names.
    pub(crate) const WRITE: Self = Self::Write {
        names: &[],
        locks: Locks::Store,
        patience: LOCK_PATIENCE,
    };
}

/// A transaction. Dropping it rolls it back.
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
    is_open: bool,
}

impl Connection {
    /// A connection to a SQLite file. `runs` are shared with other connections of this process to the same store.
    pub(crate) fn embedded(connection: rusqlite::Connection, runs: SharedRuns) -> Self {
        Self::Sqlite(Box::new(Embedded {
            connection,
            memtable: Memtable::new(runs),
        }))
    }

    /// A connection to a PostgreSQL server. `runs` are shared with other connections of this process to the same database.
    pub(crate) fn on_server(session: Session, runs: SharedRuns) -> Self {
        runs.connected(session.server());
        let memtable = (!session.is_citus()).then(|| Memtable::new(runs));
        Self::Postgres(Box::new(OnServer { session, memtable }))
    }

    /// The recent changes. `None` on Citus, whose tables have everything.
    pub(crate) fn recent(&self) -> Option<Recent<'_>> {
        match self {
            Self::Sqlite(of) => Some(Recent::new(Place::File(&of.connection), &of.memtable)),
            Self::Postgres(of) => {
                let memtable = of.memtable.as_ref()?;
                Some(Recent::new(Place::Server(&of.session), memtable))
            }
        }
    }

    /// The runs that connections of this process to the same store share.
    pub(crate) fn shared_runs(&self) -> SharedRuns {
        match self {
            Self::Sqlite(of) => of.memtable.shared(),
            Self::Postgres(of) => of
                .memtable
                .as_ref()
                .map(Memtable::shared)
                .unwrap_or_default(),
        }
    }

    /// The engine of the connection.
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Like [`Self::sqlite`], but mutable.
    pub(crate) fn sqlite_mut(&mut self) -> Option<&mut rusqlite::Connection> {
        match self {
            Self::Sqlite(of) => Some(&mut of.connection),
            Self::Postgres(_) => None,
        }
    }

    /// SQLite's own connection. `None` for PostgreSQL.
    pub(crate) fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match self {
            Self::Sqlite(of) => Some(&of.connection),
            Self::Postgres(_) => None,
        }
    }

    /// PostgreSQL's own connection. `None` for SQLite.
    pub(crate) fn postgres(&self) -> Option<&Session> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(of) => Some(&of.session),
        }
    }

    /// PostgreSQL's own connection, if the server is a coordinator of Citus.
    pub(crate) fn citus(&self) -> Option<&Session> {
        self.postgres().filter(|session| session.is_citus())
    }

    /// The end of a select that locks its rows and leaves out those that others have locked. Empty on SQLite, where a transaction
    /// locks the store, and on Citus, which cannot leave rows out.
    pub(crate) fn lock_free_rows(&self) -> &'static str {
        match self {
            Self::Postgres(session) if !session.is_citus() => "for update skip locked",
            Self::Postgres(_) | Self::Sqlite(_) => "",
        }
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, access: Access<'_>) -> Result<Transaction<'_>> {
        self.open(access)?;
        Ok(self.opened())
    }

    /// Begins a transaction without a guard. The caller gets the guard from [`Self::opened`].
    pub(crate) fn open(&self, access: Access<'_>) -> Result<()> {
        match self {
            Self::Sqlite(of) => {
                of.memtable.begin(InTransaction::Snapshot);
                let begin = match access {
                    Access::Read | Access::Follow => "begin",
                    Access::Write { .. } => "begin immediate",
                };
                Ok(of.execute_batch(begin)?)
            }
            Self::Postgres(of) => {
                if let Some(memtable) = &of.memtable {
                    memtable.begin(match access {
                        Access::Read | Access::Follow => InTransaction::Snapshot,
                        Access::Write { .. } => InTransaction::Writing,
                    });
                }
                of.session.begin(&access)
            }
        }
    }

    /// The guard of the transaction that [`Self::open`] began.
    pub(crate) fn opened(&self) -> Transaction<'_> {
        Transaction {
            connection: self,
            is_open: true,
        }
    }

    /// Prepares a statement, or takes it from the connection's cache.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Sqlite(connection.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres(session.prepare(sql)?),
        })
    }

    /// Executes one statement. Returns the number of changed rows.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    /// Reads the first row of a query.
    pub(crate) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// Executes several statements without parameters.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(session) => session.execute_batch(sql),
        }
    }

    /// SQLite's number for the state of the database as other connections left it.
    pub(crate) fn data_version(&self) -> Result<i64> {
        self.query_row("pragma data_version", (), |row| row.get(0))
    }

    /// Removes the time limits from the current transaction. They exist only on PostgreSQL.
    pub(crate) fn lift_bounds(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.execute_batch(postgres::NO_BOUNDS),
        }
    }

    /// Keeps SQLite from checkpointing when the last connection closes. The next start recovers the log.
    pub(crate) fn keep_log(&self) -> Result<()> {
        if let Self::Sqlite(connection) = self {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        Ok(())
    }
}

impl Transaction<'_> {
    /// Commits the transaction. The changes are on disk when this returns.
    pub(crate) fn commit(mut self) -> Result<()> {
        match self.connection {
            Connection::Sqlite(of) => {
                let committed = of.memtable.write(Place::File(&of.connection))?;
                of.execute_batch("commit")?;
                self.is_open = false;
                of.memtable.committed(committed);
                Ok(())
            }
            // On PostgreSQL the transaction ends even if the commit fails. SQLite leaves it open in that case.
            Connection::Postgres(of) => {
                let Some(memtable) = &of.memtable else {
                    self.is_open = false;
                    return of.session.execute_batch("commit");
                };
                let committed = memtable.write(Place::Server(&of.session))?;
                self.is_open = false;
                let done = of.session.execute_batch("commit");
                match done {
                    Ok(()) => memtable.committed(committed),
                    Err(_) => memtable.roll_back(),
                }
                done
            }
        }
    }
}

impl std::ops::Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // Before others may go on.
            match self.connection {
                Connection::Sqlite(of) => of.memtable.roll_back(),
                Connection::Postgres(of) => of.memtable.iter().for_each(Memtable::roll_back),
            }
            // If the rollback fails too, the connection is unusable, and the engine has rolled back.
            let _ = self.connection.execute_batch("rollback");
        }
    }
}

/// Turns the error [`Error::NoRows`] into `None`.
pub(crate) trait OptionalExtension<T> {
    /// `None` for [`Error::NoRows`].
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(found) => Ok(Some(found)),
            Err(Error::NoRows) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
