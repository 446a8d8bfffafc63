//! The driver: one interface to both engines. Statements use `?1`, `?2` … for parameters and return rows of values.
//!
//! Both engines have the same tables and nearly the same statements. Callers that need engine-specific SQL branch on
//! [`Connection::engine`].

mod error;
mod postgres;
mod target;
mod tls;
mod value;

use rusqlite::config::DbConfig;

pub(crate) use self::error::Error;
pub(crate) use self::postgres::Session;
pub(crate) use self::target::Target;
pub(crate) use self::value::{FromValue, Params, ToValue, Value, params};

/// What an engine answers.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Which engine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The embedded one.
    Sqlite,
    /// A server of its own.
    Postgres,
}

/// A connection to a database.
#[derive(Debug)]
pub(crate) enum Connection {
    /// To a file.
    Sqlite(rusqlite::Connection),
    /// To a server.
    Postgres(Box<Session>),
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access<'n> {
    /// It reads alone, and sees the store at one moment.
    Read,
    /// It writes, and is the only one that does: it waits for the others to end, and sees all that they have written.
    Write {
        /// What it claims while it waits, by numbers that stand for names: see [`Session::busy`].
        names: &'n [i64],
    },
}

impl Access<'_> {
    /// It writes, and claims no name.
    pub(crate) const WRITE: Self = Self::Write { names: &[] };
}

/// A transaction. What it has changed is undone where it is dropped.
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
    is_open: bool,
}

impl Connection {
    /// Which engine it is.
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// As [`Self::sqlite`], to be changed.
    pub(crate) fn sqlite_mut(&mut self) -> Option<&mut rusqlite::Connection> {
        match self {
            Self::Sqlite(connection) => Some(connection),
            Self::Postgres(_) => None,
        }
    }

    /// The embedded engine's own connection, if it is that.
    pub(crate) fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match self {
            Self::Sqlite(connection) => Some(connection),
            Self::Postgres(_) => None,
        }
    }

    /// PostgreSQL's own connection, if it is that.
    pub(crate) fn postgres(&self) -> Option<&Session> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(session) => Some(session),
        }
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, access: Access<'_>) -> Result<Transaction<'_>> {
        self.open(access)?;
        Ok(self.opened())
    }

    /// Begins a transaction, of which the rest is in [`Self::opened`].
    pub(crate) fn open(&self, access: Access<'_>) -> Result<()> {
        match (self, access) {
            (Self::Sqlite(connection), Access::Read) => Ok(connection.execute_batch("begin")?),
            (Self::Sqlite(connection), Access::Write { .. }) => {
                Ok(connection.execute_batch("begin immediate")?)
            }
            (Self::Postgres(session), access) => session.begin(&access),
        }
    }

    /// The transaction that was begun.
    pub(crate) fn opened(&self) -> Transaction<'_> {
        Transaction {
            connection: self,
            is_open: true,
        }
    }

    /// A statement that is kept prepared.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Sqlite(connection.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres(session.prepare(sql)?),
        })
    }

    /// Does one thing; how many rows it has changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    /// The first row of an answer.
    pub(crate) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// Does many things, none of which is given anything.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(session) => session.execute_batch(sql),
        }
    }

    /// Lets the transaction that was begun take as long as it does, where a server bounds that.
    pub(crate) fn lift_bounds(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.execute_batch(postgres::NO_BOUNDS),
        }
    }

    /// Leaves the log as it is when the last connection closes: for the next start to recover.
    pub(crate) fn keep_log(&self) -> Result<()> {
        if let Self::Sqlite(connection) = self {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        Ok(())
    }
}

impl Transaction<'_> {
    /// Keeps what was changed: it is on disk when this returns.
    pub(crate) fn commit(mut self) -> Result<()> {
        // Whether it is kept or not, there is none any more. SQLite leaves one open that it could not commit.
        let done = match self.connection {
            Connection::Sqlite(connection) => connection.execute_batch("commit"),
            Connection::Postgres(session) => {
                self.is_open = false;
                return session.execute_batch("commit");
            }
        };
        self.is_open = done.is_err();
        Ok(done?)
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
            // Where that fails too, the connection is of no use any more, and the engine has undone it.
            let _ = self.connection.execute_batch("rollback");
        }
    }
}

/// A prepared statement.
pub(crate) enum Statement<'c> {
    /// Of the embedded engine.
    Sqlite(rusqlite::CachedStatement<'c>),
    /// Of PostgreSQL.
    Postgres(postgres::Statement<'c>),
}

impl Statement<'_> {
    /// Does it; how many rows it has changed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "parameters are made where they are given"
    )]
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize> {
        match self {
            Self::Sqlite(statement) => {
                bind(statement, &params)?;
                Ok(statement.raw_execute()?)
            }
            Self::Postgres(statement) => statement.execute(&params),
        }
    }

    /// Asks; the rows are read as they are wanted.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "parameters are made where they are given"
    )]
    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Self::Sqlite(statement) => {
                bind(statement, &params)?;
                Ok(Rows::Sqlite(statement.raw_query()))
            }
            Self::Postgres(statement) => Ok(Rows::Postgres(statement.query(&params)?)),
        }
    }

    /// As [`Self::query`], where there may be far more rows than are wanted.
    pub(crate) fn query_lazily(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Self::Sqlite(_) => self.query(params),
            Self::Postgres(statement) => Ok(Rows::Postgres(statement.query_lazily(&params)?)),
        }
    }

    /// The first row.
    pub(crate) fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut rows = self.query(params)?;
        match rows.next()? {
            Some(row) => read(&row),
            None => Err(Error::NoRows),
        }
    }

    /// All rows.
    pub(crate) fn query_map<T>(
        &mut self,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut rows = self.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(&row)?);
        }
        Ok(found)
    }

    /// Whether there is a row.
    pub(crate) fn exists(&mut self, params: impl Params) -> Result<bool> {
        Ok(self.query(params)?.next()?.is_some())
    }
}

fn bind(statement: &mut rusqlite::Statement<'_>, params: &impl Params) -> Result<()> {
    let mut place = 0;
    params.each(&mut |value| {
        place += 1;
        Ok(statement.raw_bind_parameter(place, Bound(value))?)
    })
}

/// A value on its way into SQLite.
struct Bound<'v>(Value<'v>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef;
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// An answer.
pub(crate) enum Rows<'s> {
    /// Of the embedded engine.
    Sqlite(rusqlite::Rows<'s>),
    /// Of PostgreSQL.
    Postgres(postgres::Rows<'s>),
}

impl Rows<'_> {
    /// The next row; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Self::Postgres(rows) => Ok(rows.next()?.map(Row::Postgres)),
        }
    }
}

/// A row of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    /// Of the embedded engine.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// What stands in a column, from 0 on.
    pub(crate) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        T::from_value(self.value(column)?)
    }

    /// The bytes in a column, where they lie.
    pub(crate) fn blob(&self, column: usize) -> Result<&'r [u8]> {
        let missing = || Error::Value("a column is null where bytes are expected".into());
        self.blob_or_null(column)?.ok_or_else(missing)
    }

    /// As [`Self::blob`]; none where it is null.
    pub(crate) fn blob_or_null(&self, column: usize) -> Result<Option<&'r [u8]>> {
        self.value(column)?.blob_or_null()
    }

    fn value(&self, column: usize) -> Result<Value<'r>> {
        use rusqlite::types::ValueRef;
        match self {
            Self::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Blob(bytes) => Value::Blob(bytes),
                ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Text(text),
                    Err(error) => return Err(Error::Value(error.to_string())),
                },
                ValueRef::Real(_) => {
                    return Err(Error::Value("a column has an unexpected fraction".into()));
                }
            }),
            Self::Postgres(row) => postgres::value(row, column),
        }
    }
}

/// None, rather than an error, where there is no row.
pub(crate) trait OptionalExtension<T> {
    /// See above.
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
