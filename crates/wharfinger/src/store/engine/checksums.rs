//! Checksums of rows.
//!
//! Each row has a checksum of its values in `row_checksum`. This is a generated column: the engine computes it on every write,
//! so no statement can forget it. `intact` compares it with the current values. Statements whose result is served or decides
//! something use `sound(<table>.intact)`, which fails if the checksum does not match. Statements that change part of a row use
//! it too, because writing computes the checksum anew.
//!
//! In SQLite, `intact` is a column, and a function of this module computes the checksum. PostgreSQL has its own hash function,
//! but no virtual columns. There `intact` is replaced in each statement by the comparison itself, so that it can run on
//! whichever node has the row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result, ffi};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::schema::MIGRATIONS_ON_SERVER;

/// The SQLite error code of `sound`, which [`register`] defines. SQLite itself never uses this code.
pub(crate) const DAMAGED: i32 = ffi::SQLITE_CONSTRAINT_FUNCTION;

/// Defines the SQL functions `checksum_of(values…)`, `sound(is_intact)` and `of_organisation(number)` on a connection.
///
/// # Errors
/// Those of SQLite.
pub fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("checksum_of", -1, flags, |values| {
        let values = (0..values.len()).map(|at| values.get_raw(at));
        Ok(values.fold(0, add).cast_signed())
    })?;
    connection.create_scalar_function("sound", 1, flags, |values| {
        if values.get_raw(0) == ValueRef::Integer(1) {
            Ok(true)
        } else {
            Err(Error::SqliteFailure(ffi::Error::new(DAMAGED), None))
        }
    })?;
    connection.create_scalar_function("of_organisation", 1, flags, |_| Ok(true))
}

/// The condition that [`on_server`] replaces by a comparison.
const OF_ORGANISATION: &str = "of_organisation(";

/// The definition of a checksum column on PostgreSQL. The names of the columns it covers follow, up to a parenthesis.
const MADE: &str = " bigint not null generated always as (hash_record_extended(row(";

/// The columns that each checksum covers, from the schema. The key is the table and the name of the checksum.
static COLUMNS: LazyLock<HashMap<(&str, &str), Vec<&str>>> = LazyLock::new(|| {
    let mut columns = HashMap::new();
    let tables = MIGRATIONS_ON_SERVER
        .iter()
        .flat_map(|step| step.split("create table ").skip(1));
    for table in tables {
        let name = table.split(' ').next().unwrap_or_default();
        let mut parts = table.split(MADE);
        let mut before = parts.next().unwrap_or_default();
        for part in parts {
            let checksum = before.rsplit(' ').next().unwrap_or_default();
            let of = part.split(')').next().unwrap_or_default();
            columns.insert((name, checksum), of.split(',').map(str::trim).collect());
            before = part;
        }
    }
    columns
});

/// The statement for PostgreSQL: replaces `<table>.intact`, `<table>.head_intact` and `of_organisation(…)` by comparisons.
///
/// With `of_organisation`, a statement about blocks names the organisation that is part of their ids. PostgreSQL has it in the
/// primary key, by which Citus finds the node. SQLite would only read it from behind the texts, so there it is always true.
pub(crate) fn on_server(sql: &str) -> Cow<'_, str> {
    let mut sql = Cow::Borrowed(sql);
    if sql.contains(OF_ORGANISATION) {
        sql = Cow::Owned(sql.replace(OF_ORGANISATION, "organisation = ("));
    }
    for (intact, checksum) in [
        (".intact", "row_checksum"),
        (".head_intact", "head_checksum"),
    ] {
        if !sql.contains(intact) {
            continue;
        }
        let mut parts = sql.split(intact);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let is_of_name =
                |character: char| character.is_alphanumeric() || "_\"".contains(character);
            let begins = out.trim_end_matches(is_of_name).len();
            let table = out.split_off(begins);
            out.push_str(&comparison(&table, checksum));
            out.push_str(part);
        }
        sql = Cow::Owned(out);
    }
    sql
}

/// SQL that compares a checksum of a table with its values.
fn comparison(table: &str, checksum: &str) -> String {
    let columns = COLUMNS.get(&(table.trim_matches('"'), checksum));
    let columns = columns
        .into_iter()
        .flatten()
        .map(|column| format!("{table}.{column}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("({table}.{checksum} = hash_record_extended(row({columns}), 0))")
}

/// Adds a value to a checksum.
fn add(sum: u64, value: ValueRef<'_>) -> u64 {
    // Each type of value has its own seed.
    let of_kind = |kind: u64| sum.rotate_left(8) ^ kind;
    match value {
        ValueRef::Null => xxh3_64_with_seed(&[], of_kind(0)),
        ValueRef::Integer(number) => xxh3_64_with_seed(&number.to_le_bytes(), of_kind(1)),
        ValueRef::Real(number) => xxh3_64_with_seed(&number.to_le_bytes(), of_kind(2)),
        ValueRef::Text(bytes) => xxh3_64_with_seed(bytes, of_kind(3)),
        ValueRef::Blob(bytes) => xxh3_64_with_seed(bytes, of_kind(4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_postgres_a_checksum_is_compared_with_that_of_its_columns() {
        assert_eq!(
            on_server("select 1 from stock where sound(stock.intact) and pieces > 0"),
            "select 1 from stock where sound((stock.row_checksum = hash_record_extended(row(stock.organisation, \
             stock.product, stock.pieces), 0))) and pieces > 0"
        );
        assert_eq!(
            on_server("not \"dialects\".intact"),
            "not (\"dialects\".row_checksum = hash_record_extended(row(\"dialects\".id, \"dialects\".name), 0))"
        );
        assert!(on_server("rejections.head_intact").contains("rejections.last_index"));
        assert!(!on_server("rejections.head_intact").contains("rejections.orders"));
    }

    #[test]
    fn on_postgres_statements_name_the_organisation_of_a_block() {
        assert_eq!(
            on_server(
                "select 1 from blocks where id = ?1 and of_organisation(?1 >> 32) order by id"
            ),
            "select 1 from blocks where id = ?1 and organisation = (?1 >> 32) order by id"
        );
    }
}
