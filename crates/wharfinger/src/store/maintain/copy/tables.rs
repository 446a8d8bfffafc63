//! The tables of a store, as the database lists them. Additions to the schema are therefore copied without changes here.

use std::collections::BTreeSet;

use crate::store::engine::driver::{Connection, Engine};
use crate::store::engine::fault::Fault;

/// Columns that each engine computes itself: checksums of rows, and the transaction of a row.
const COMPUTED: [&str; 5] = [
    "row_checksum",
    "intact",
    "head_checksum",
    "head_intact",
    "transaction_id",
];

/// Tables that are not copied, because they describe the store itself.
const OWN: [&str; 2] = ["copying", "schema_versions"];
/// Tables that are not copied, because they are about the transactions of a PostgreSQL database.
const OF_TRANSACTIONS: [&str; 2] = ["merges", "organisation_locks"];

/// Lists each column of each table: its type, its position in the primary key (from 1, or 0 if it is not part of it), and whether
/// it is generated.
const LIST_EMBEDDED: &str = "select t.name, c.name, lower(replace(c.type, ' GENERATED ALWAYS', '')), c.pk, c.hidden <> 0 \
    from sqlite_schema t, pragma_table_xinfo(t.name) c \
    where t.type = 'table' and t.name not like 'sqlite_%'";
/// The same for PostgreSQL, where positions in a key begin at 0.
const LIST_ON_SERVER: &str = "select cast(t.relname as text), cast(c.attname as text), format_type(c.atttypid, null), \
    coalesce(array_position(cast(k.indkey as smallint[]), c.attnum) + 1, 0), c.attgenerated <> '' from pg_class t \
    join pg_namespace n on n.oid = t.relnamespace and n.nspname = current_schema() \
    join pg_attribute c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped \
    left join pg_index k on k.indrelid = t.oid and k.indisprimary \
    where t.relkind in ('r', 'p') and not t.relispartition";

/// A table of the store.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: String,
    /// Sorted by name, which is the same order in each engine.
    pub columns: Vec<Column>,
    /// The positions of the primary key's columns in `columns`.
    pub key: Vec<usize>,
}

/// A column of a table.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: String,
    /// Its type, as the engine names it.
    pub kind: String,
    /// Its position in the primary key, from 1. 0 if it is not part of it.
    key: u32,
    /// Whether it is generated and cannot be written.
    pub is_made: bool,
}

impl Column {
    /// Whether its values may be long.
    pub(super) fn has_bytes(&self) -> bool {
        ["text", "blob", "bytea"].contains(&self.kind.as_str())
    }
}

impl Table {
    /// The names of its columns, for a statement that reads.
    pub(super) fn names(&self) -> String {
        names(&self.columns, |_| true)
    }

    /// The names of its columns that can be written, for a statement.
    pub(super) fn written_names(&self) -> String {
        names(&self.columns, |column| !column.is_made)
    }

    /// The names of its primary key's columns, in key order, for a statement.
    pub(super) fn key_names(&self) -> String {
        let names = self.key.iter().map(|&at| quoted(&self.columns[at].name));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The names of some columns, for a statement.
fn names(columns: &[Column], is_meant: impl Fn(&Column) -> bool) -> String {
    let meant = columns.iter().filter(|column| is_meant(column));
    let names = meant.map(|column| quoted(&column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// A quoted identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// All tables to copy, sorted by name.
pub(crate) fn list(connection: &Connection) -> Result<Vec<Table>, Fault> {
    let mut tables = list_all(connection)?;
    tables.retain(|table| !OF_TRANSACTIONS.contains(&table.name.as_str()));
    Ok(tables)
}

/// All tables of the store, sorted by name.
pub(crate) fn list_all(connection: &Connection) -> Result<Vec<Table>, Fault> {
    let list = match connection.engine() {
        Engine::Sqlite => LIST_EMBEDDED,
        Engine::Postgres => LIST_ON_SERVER,
    };
    let mut columns: Vec<(String, Column)> =
        connection.prepare_cached(list)?.query_map((), |row| {
            let column = Column {
                name: row.get(1)?,
                kind: row.get(2)?,
                key: row.get(3)?,
                is_made: row.get(4)?,
            };
            Ok((row.get(0)?, column))
        })?;
    columns.retain(|(table, column)| {
        !OWN.contains(&table.as_str()) && !COMPUTED.contains(&column.name.as_str())
    });
    columns.sort_by(|(table, column), (table_2, column_2)| {
        (table, &column.name).cmp(&(table_2, &column_2.name))
    });
    let mut tables: Vec<Table> = Vec::new();
    for (table, column) in columns {
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push(column),
            _ => tables.push(Table {
                name: table,
                columns: vec![column],
                key: Vec::new(),
            }),
        }
    }
    for table in &mut tables {
        let columns = &table.columns;
        let mut key = Vec::from_iter((0..columns.len()).filter(|&at| columns[at].key > 0));
        key.sort_by_key(|&at| columns[at].key);
        table.key = key;
    }
    Ok(tables)
}

/// Pairs the tables of two stores.
///
/// # Errors
/// The tables differ, or a table has no primary key.
pub(super) fn pairs(one: Vec<Table>, other: Vec<Table>) -> Result<Vec<(Table, Table)>, Fault> {
    let shapes = |tables: &[Table]| -> BTreeSet<String> {
        let shape = |table: &Table| format!("{} ({})", table.name, table.names());
        tables.iter().map(shape).collect()
    };
    let (ours, theirs) = (shapes(&one), shapes(&other));
    let alone: Vec<&String> = ours.symmetric_difference(&theirs).collect();
    if let Some(first) = alone.first() {
        return Err(Fault::Refused(format!(
            "the tables of the two stores differ: only one of them has {first}; use a separate database for the copy"
        )));
    }
    if let Some(table) = one.iter().chain(&other).find(|table| table.key.is_empty()) {
        let name = &table.name;
        return Err(Fault::Damaged(format!(
            "table {name} has no primary key, and cannot be copied"
        )));
    }
    Ok(one.into_iter().zip(other).collect())
}
