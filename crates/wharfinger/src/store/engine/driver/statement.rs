//! Prepared statements, and the rows of queries.

use super::value::{FromValue, Params, Value};
use super::{Error, Result, postgres};

/// A prepared statement.
pub(crate) enum Statement<'c> {
    /// Of SQLite.
    Sqlite(rusqlite::CachedStatement<'c>),
    /// Of PostgreSQL.
    Postgres(postgres::Statement<'c>),
}

impl Statement<'_> {
    /// Executes the statement. Returns the number of changed rows.
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

    /// Runs the query. Rows are read on demand from SQLite, and all at once from PostgreSQL.
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

    /// Like [`Self::query`], but PostgreSQL also returns the rows in chunks. For callers that may need only the first of many
    /// rows.
    pub(crate) fn query_lazily(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Self::Sqlite(_) => self.query(params),
            Self::Postgres(statement) => Ok(Rows::Postgres(statement.query_lazily(&params)?)),
        }
    }

    /// Reads the first row.
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

    /// Reads all rows.
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

    /// Whether the query returns a row.
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

/// A value as a SQLite parameter.
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

/// The rows of a query.
pub(crate) enum Rows<'s> {
    /// Of SQLite.
    Sqlite(rusqlite::Rows<'s>),
    /// Of PostgreSQL.
    Postgres(postgres::Rows<'s>),
}

impl Rows<'_> {
    /// The next row. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Self::Postgres(rows) => Ok(rows.next()?.map(Row::Postgres)),
        }
    }
}

/// A row of a query.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// The value of a column, numbered from 0.
    pub(crate) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        T::from_value(self.value(column)?)
    }

    /// The bytes of a column, without a copy.
    pub(crate) fn blob(&self, column: usize) -> Result<&'r [u8]> {
        let missing = || Error::Value("a column is null where bytes are expected".into());
        self.blob_or_null(column)?.ok_or_else(missing)
    }

    /// Like [`Self::blob`]. `None` if the column is null.
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
