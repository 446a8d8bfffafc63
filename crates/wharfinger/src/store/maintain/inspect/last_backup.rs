//! When the store was last backed up. `wharfinger backup` leaves the moment in the store.

use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;

/// The moment of the latest backup, in milliseconds since 1970. `None` if there was none.
pub(super) fn last_backup(connection: &Connection) -> Result<Option<i64>, Fault> {
    let select =
        "select value from settings where name = 'last_backup_ms' and sound(settings.intact)";
    let found = connection.query_row(select, (), |row| row.get(0));
    Ok(found.optional()?)
}
