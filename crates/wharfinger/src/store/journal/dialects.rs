//! The numbers of dialects in the store.

use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;

/// The number of a dialect. `None` if it has not been used yet.
pub(crate) fn find_dialect(
    connection: &Connection,
    name: &str,
) -> Result<Option<DialectId>, Fault> {
    let select = "select id from dialects where name = ?1 and sound(dialects.intact)";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?)
}

/// The name of a dialect.
pub(crate) fn dialect_name(connection: &Connection, dialect: DialectId) -> Result<String, Fault> {
    let select = "select name from dialects where id = ?1 and sound(dialects.intact)";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_row([dialect], |row| row.get(0))?)
}
