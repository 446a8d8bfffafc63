//! When the store was last backed up. The store itself says so, so that every server of it can show it.

use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

const READ: &str =
    "select value from settings where name = 'last_backup_ms' and sound(settings.intact)";
const WRITE: &str = "insert into settings (name, value) values ('last_backup_ms', ?1) \
    on conflict (name) do update set value = excluded.value";

impl Store {
    /// Records that a backup of this moment was made. An earlier moment than the recorded one changes nothing.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn note_backup(&self, moment_ms: i64) -> Result<(), StoreError> {
        let write = move |txn: &mut WriteTxn<'_>| note(txn.connection, moment_ms);
        self.writer.ask_for(Task::on_directory(), write).await
    }

    /// The moment of the latest backup, in milliseconds since 1970. `None` if there was none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn last_backup_ms(&self) -> Result<Option<i64>, StoreError> {
        self.readers.read(read).await
    }
}

/// Records a backup in an open store, unless a later one is recorded.
pub(super) fn note(connection: &Connection, moment_ms: i64) -> Result<(), Fault> {
    if read(connection)?.is_none_or(|known| known < moment_ms) {
        connection.execute(WRITE, [moment_ms])?;
    }
    Ok(())
}

/// The moment of the latest backup in milliseconds since 1970, from an open store.
pub(in crate::store::maintain) fn read(connection: &Connection) -> Result<Option<i64>, Fault> {
    let found = connection.query_row(READ, (), |row| row.get(0));
    Ok(found.optional()?)
}
