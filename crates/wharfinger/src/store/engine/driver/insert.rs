//! Inserting many rows: a statement for each row on SQLite, and one statement with arrays on PostgreSQL, where each statement
//! costs a round trip.

use std::sync::OnceLock;

use tokio_postgres::types::ToSql;

use super::value::Value;
use super::{Connection, Result};

/// How rows of a table are inserted. Its statements are made once, so it is a static.
pub(crate) struct Insert<const N: usize> {
    table: &'static str,
    columns: [(&'static str, &'static str); N],
    then: &'static str,
    one_row: OnceLock<String>,
    arrays: OnceLock<String>,
}

impl<const N: usize> Insert<N> {
    /// Inserts into these columns of a table, each with the type that PostgreSQL's arrays have. `then` follows the values:
    /// `on conflict …`, or nothing.
    pub(crate) const fn new(
        table: &'static str,
        columns: [(&'static str, &'static str); N],
        then: &'static str,
    ) -> Self {
        Self {
            table,
            columns,
            then,
            one_row: OnceLock::new(),
            arrays: OnceLock::new(),
        }
    }

    fn head(&self) -> String {
        let names = self.columns.map(|(name, _)| name).join(", ");
        format!("insert into {} ({names})", self.table)
    }

    fn one_row(&self) -> &str {
        self.one_row.get_or_init(|| {
            let values = Vec::from_iter((1..=N).map(|at| format!("?{at}"))).join(", ");
            format!("{} values ({values}) {}", self.head(), self.then)
        })
    }

    fn arrays(&self) -> &str {
        self.arrays.get_or_init(|| {
            let numbered = (1..).zip(self.columns);
            let arrays = numbered.map(|(at, (_, kind))| format!("?{at}::{kind}[]"));
            let arrays = Vec::from_iter(arrays).join(", ");
            // Without a condition, `on conflict` behind a query could be read as the condition of a join.
            format!(
                "{} select * from unnest({arrays}) where true {}",
                self.head(),
                self.then
            )
        })
    }
}

impl Connection {
    /// Inserts rows. Two of them must not conflict with each other.
    pub(crate) fn insert_all<'v, const N: usize>(
        &self,
        insert: &Insert<N>,
        rows: impl IntoIterator<Item = [Value<'v>; N]>,
    ) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let Some(session) = self.postgres() else {
            let mut statement = self.prepare_cached(insert.one_row())?;
            return rows.try_for_each(|row| statement.execute(row).map(drop));
        };
        let rows = Vec::from_iter(rows);
        if let &[row] = rows.as_slice() {
            // Cheaper than arrays of one element.
            self.prepare_cached(insert.one_row())?.execute(row)?;
            return Ok(());
        }
        let mut columns: [Vec<Value<'v>>; N] = std::array::from_fn(|_| Vec::new());
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let arrays = columns
            .each_ref()
            .map(|column| column as &(dyn ToSql + Sync));
        session.prepare(insert.arrays())?.execute_arrays(&arrays)?;
        Ok(())
    }
}
