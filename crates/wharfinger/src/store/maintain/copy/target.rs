//! The target of a copy: its progress and its rows.

use tokio_postgres::types::ToSql;

use super::rows::{Digest, Row};
use super::tables::{Column, Table, quoted};
use crate::store::engine::driver::{
    self, Access, Connection, Engine, OptionalExtension, Params, Session, Value, params,
};
use crate::store::engine::fault::Fault;
use crate::store::engine::location::Location;
use crate::store::journal::{end, stamps};

/// Tables that have rows in every new store.
pub(in crate::store::maintain) const FILLED: [&str; 2] = ["epochs", "settings"];
/// The message for a target that is neither empty nor an unfinished copy.
const NOT_EMPTY: &str = "the target is not empty";

/// The source and progress of an unfinished copy.
struct Unfinished {
    source: String,
    digest: Digest,
}

fn unfinished(connection: &Connection) -> Result<Option<Unfinished>, Fault> {
    let select = "select source, copied, digest from copying";
    let found = connection.query_row(select, (), |row| {
        let rows: i64 = row.get(1)?;
        Ok(Unfinished {
            source: row.get(0)?,
            digest: Digest {
                rows: rows.cast_unsigned(),
                sum: u128::from_le_bytes(row.get(2)?),
            },
        })
    });
    Ok(found.optional()?)
}

/// Refuses a store that is an unfinished copy.
///
/// # Errors
/// [`Fault::Refused`]: a copy into it was not finished.
pub(crate) fn refuse_unfinished(connection: &Connection) -> Result<(), Fault> {
    match unfinished(connection)? {
        None => Ok(()),
        Some(Unfinished { source, .. }) => Err(Fault::Refused(format!(
            "it is an unfinished copy of {source}; to resume it, run the same `wharfinger copy` again, or delete it"
        ))),
    }
}

/// Begins a copy, or finds the unfinished one. Returns its progress.
///
/// # Errors
/// [`Fault::Refused`]: the store is not empty.
pub(super) fn begin(
    connection: &Connection,
    tables: &[(Table, Table)],
    source: &Location,
) -> Result<Digest, Fault> {
    let transaction = connection.begin(Access::WRITE)?;
    if let Some(unfinished) = unfinished(&transaction)? {
        return Ok(unfinished.digest);
    }
    for (_, table) in tables {
        let select = format!("select 1 from {} limit 1", quoted(&table.name));
        let is_filled = FILLED.contains(&table.name.as_str());
        if !is_filled && transaction.prepare_cached(&select)?.exists(())? {
            return Err(Fault::Refused(NOT_EMPTY.into()));
        }
    }
    for table in FILLED {
        transaction.execute(&format!("delete from {table}"), ())?;
    }
    let digest = Digest::default();
    let insert = "insert into copying (source, copied, digest) values (?1, 0, ?2)";
    let noted = params![source.to_string(), digest.sum.to_le_bytes()];
    transaction.execute(insert, noted)?;
    commit(transaction)?;
    Ok(digest)
}

/// Writes rows of a table and the new progress, in one transaction.
///
/// # Errors
/// [`Fault::Refused`]: another copy into the same target is running.
pub(super) fn write(
    connection: &Connection,
    table: &Table,
    rows: &[Row],
    before: Digest,
    now: Digest,
) -> Result<(), Fault> {
    let transaction = connection.begin(Access::WRITE)?;
    match transaction.postgres() {
        None => insert_each(&transaction, table, rows)?,
        Some(session) => insert_together(session, table, rows)?,
    }
    let update = "update copying set copied = ?1, digest = ?2 where copied = ?3 and digest = ?4";
    let moved = transaction.execute(
        update,
        params![
            now.rows.cast_signed(),
            now.sum.to_le_bytes(),
            before.rows.cast_signed(),
            before.sum.to_le_bytes(),
        ],
    )?;
    if moved != 1 {
        return Err(Fault::Refused(
            "another copy into the same target is running".into(),
        ));
    }
    commit(transaction)
}

/// Finishes a copy. From now on the target is an ordinary store.
pub(super) fn end(connection: &Connection) -> Result<(), Fault> {
    let transaction = connection.begin(Access::WRITE)?;
    if transaction.engine() == Engine::Postgres {
        number_on(&transaction)?;
        let select = "select setval('recent_numbers', number) from recent_changes order by number desc limit 1";
        transaction.prepare_cached(select)?.exists(())?;
        stamps::continue_after(&transaction, end::latest_stamp(&transaction)?)?;
    }
    transaction.execute("delete from copying", ())?;
    commit(transaction)
}

/// Moves the identity sequences of PostgreSQL past the copied rows. SQLite does so by itself.
fn number_on(connection: &Connection) -> Result<(), Fault> {
    let list = "select cast(t.relname as text), cast(c.attname as text) from pg_class t \
        join pg_namespace n on n.oid = t.relnamespace and n.nspname = current_schema() \
        join pg_attribute c on c.attrelid = t.oid and c.attidentity <> ''";
    let numbered: Vec<(String, String)> = connection
        .prepare_cached(list)?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (table, column) in numbered {
        let (table, name) = (quoted(&table), quoted(&column));
        let select = format!(
            "select setval(pg_get_serial_sequence('{table}', '{column}'), max({name})) from {table} having max({name}) > 0"
        );
        connection.prepare_cached(&select)?.exists(())?;
    }
    Ok(())
}

fn commit(transaction: driver::Transaction<'_>) -> Result<(), Fault> {
    transaction.commit().map_err(Fault::Commit)
}

/// A row to be inserted into a table.
struct Bound<'b> {
    columns: &'b [Column],
    row: &'b Row,
}

impl Params for Bound<'_> {
    fn each<'p>(
        &'p self,
        bind: &mut dyn FnMut(Value<'p>) -> driver::Result<()>,
    ) -> driver::Result<()> {
        let cells = self.columns.iter().zip(self.row);
        cells
            .filter(|(column, _)| !column.is_made)
            .try_for_each(|(column, cell)| bind(cell.for_column(column)?))
    }
}

fn insert_each(connection: &Connection, table: &Table, rows: &[Row]) -> Result<(), Fault> {
    let written = table.columns.iter().filter(|column| !column.is_made);
    let values = (1..=written.count()).map(|column| format!("?{column}"));
    let values = values.collect::<Vec<_>>().join(", ");
    let (name, columns) = (quoted(&table.name), table.written_names());
    let insert = format!("insert into {name} ({columns}) values ({values})");
    let mut insert = connection.prepare_cached(&insert)?;
    for row in rows {
        let columns = &table.columns;
        insert.execute(Bound { columns, row })?;
    }
    Ok(())
}

/// Inserts all rows with one statement, which takes one array per column.
fn insert_together(session: &Session, table: &Table, rows: &[Row]) -> Result<(), Fault> {
    let (mut arrays, mut kinds) = (Vec::new(), Vec::new());
    for (at, column) in table.columns.iter().enumerate() {
        if column.is_made {
            continue;
        }
        let cells = rows.iter().filter_map(|row| row.get(at));
        let cells = cells.map(|cell| cell.for_column(column));
        arrays.push(cells.collect::<Result<Vec<Value<'_>>, _>>()?);
        kinds.push(format!("cast(?{} as {}[])", arrays.len(), column.kind));
    }
    let kinds = kinds.join(", ");
    let (name, columns) = (quoted(&table.name), table.written_names());
    let insert = format!("insert into {name} ({columns}) select * from unnest({kinds})");
    let arrays = Vec::from_iter(arrays.iter().map(|array| array as &(dyn ToSql + Sync)));
    session.prepare(&insert)?.execute_arrays(&arrays)?;
    Ok(())
}
