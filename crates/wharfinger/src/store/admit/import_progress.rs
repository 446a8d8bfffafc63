//! The progress of imports. It is committed with each chunk, so that no chunk is stored twice.

use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::Counts;

use crate::store::Store;
use crate::store::api::{
    Import, ImportCursor, ImportEnd, ImportPage, ImportState, ImportStep, NewImport, StoreError,
};
use crate::store::engine::driver::{Connection, OptionalExtension, Row, params};
use crate::store::engine::fault::Fault;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

const OPEN: i64 = 0;
const COMPLETE: i64 = 1;
const CANCELLED: i64 = 2;

impl Store {
    /// Finds an import of an API key.
    pub async fn import(&self, key_id: &str, id: Uuid) -> Result<Option<Import>, StoreError> {
        let key_id = key_id.to_owned();
        let find = move |connection: &Connection| find(connection, &key_id, id);
        self.readers.read(find).await
    }

    /// The imports of an API key, newest first.
    pub async fn imports(
        &self,
        key_id: &str,
        after: Option<ImportCursor>,
        limit: usize,
    ) -> Result<ImportPage, StoreError> {
        let key_id = key_id.to_owned();
        let list = move |connection: &Connection| list(connection, &key_id, after, limit);
        self.readers.read(list).await
    }

    /// Begins an import, unless it exists. Returns its state.
    pub async fn begin_import(&self, new: NewImport) -> Result<Import, StoreError> {
        let mut task = Task::on_import(&new.key_id, new.id);
        task.writes.dialect = Some(new.dialect);
        let begin = move |txn: &mut WriteTxn<'_>| begin(txn, &new);
        self.writer.ask_for(task, begin).await
    }

    /// Ends an open import. Returns its state.
    pub async fn end_import(
        &self,
        key_id: &str,
        id: Uuid,
        end: ImportEnd,
    ) -> Result<Import, StoreError> {
        let task = Task::on_import(key_id, id);
        let key_id = key_id.to_owned();
        let run = move |txn: &mut WriteTxn<'_>| super::import_progress::end(txn, &key_id, id, end);
        self.writer.ask_for(task, run).await
    }
}

/// Selects imports, with the columns that [`read`] reads.
const SELECT: &str = "select imports.id, organisation, name, state, lines, accepted, updated, unchanged, rejected, \
                      began_at_ms, changed_at_ms, active_ms \
                      from imports join dialects on dialects.id = dialect";
/// What a selected import and its dialect must be.
const INTACT: &str = "sound(imports.intact) and sound(dialects.intact)";

/// A page of an API key's imports, newest first.
fn list(
    connection: &Connection,
    key_id: &str,
    after: Option<ImportCursor>,
    limit: usize,
) -> Result<ImportPage, Fault> {
    let select = format!(
        "{SELECT} where key_id = ?1 and (began_at_ms, imports.id) < (?2, ?3) and {INTACT} \
         order by began_at_ms desc, imports.id desc limit ?4"
    );
    let (before_ms, before) = after.unwrap_or((i64::MAX, Uuid::max()));
    let rows = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(&select)?;
    let imports = select.query_map(params![key_id, before_ms, before.as_bytes(), rows], read)?;
    let last = imports.last().filter(|_| imports.len() >= limit.max(1));
    Ok(ImportPage {
        next: last.map(|last| (last.began_at_ms, last.id)),
        imports,
    })
}

/// Finds an import by API key and id.
pub(crate) fn find(
    connection: &Connection,
    key_id: &str,
    id: Uuid,
) -> Result<Option<Import>, Fault> {
    let select = format!("{SELECT} where key_id = ?1 and imports.id = ?2 and {INTACT}");
    let mut select = connection.prepare_cached(&select)?;
    let found = select.query_row(params![key_id, id.as_bytes()], read);
    Ok(found.optional()?)
}

fn read(row: &Row<'_>) -> crate::store::engine::driver::Result<Import> {
    let count = |at| row.get::<i64>(at).map(i64::cast_unsigned);
    Ok(Import {
        id: Uuid::from_bytes(row.get(0)?),
        organisation: row.get::<Option<u32>>(1)?.map(OrganisationId),
        dialect: row.get(2)?,
        state: match row.get(3)? {
            OPEN => ImportState::Open,
            COMPLETE => ImportState::Complete,
            CANCELLED => ImportState::Cancelled,
            other => {
                return Err(crate::store::engine::driver::Error::Value(format!(
                    "there is no {other}"
                )));
            }
        },
        lines: count(4)?,
        counts: Counts {
            accepted: count(5)?,
            updated: count(6)?,
            unchanged: count(7)?,
            rejected: count(8)?,
            withheld: 0,
        },
        began_at_ms: row.get(9)?,
        changed_at_ms: row.get(10)?,
        active_ms: count(11)?,
    })
}

/// Begins an import, unless one with this id exists. Returns its state.
pub(crate) fn begin(txn: &mut WriteTxn<'_>, new: &NewImport) -> Result<Import, Fault> {
    let dialect = txn.dialect(new.dialect)?;
    let insert = "insert into imports \
                  (key_id, id, organisation, dialect, state, lines, accepted, updated, unchanged, rejected, \
                  began_at_ms, changed_at_ms, active_ms) \
                  values (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, 0, ?6, ?6, 0) on conflict do nothing";
    txn.connection.prepare_cached(insert)?.execute(params![
        new.key_id,
        new.id.as_bytes(),
        new.organisation.map(|organisation| organisation.0),
        dialect,
        OPEN,
        txn.now_ms(),
    ])?;
    known(txn.connection, &new.key_id, new.id)
}

/// Advances an import by a chunk that is admitted in the same transaction.
///
/// # Errors
/// [`StoreError::ImportMoved`] if the import is no longer open, or not at the line where the chunk begins.
pub(crate) fn advance(
    txn: &WriteTxn<'_>,
    key_id: &str,
    step: &ImportStep,
    counts: Counts,
) -> Result<(), Fault> {
    let update = "update imports set lines = ?4, accepted = accepted + ?5, updated = updated + ?6, \
                  unchanged = unchanged + ?7, rejected = rejected + ?8, changed_at_ms = ?9, active_ms = active_ms + ?10 \
                  where key_id = ?1 and id = ?2 and lines = ?3 and state = ?11 and sound(imports.intact)";
    let changed = txn.connection.prepare_cached(update)?.execute(params![
        key_id,
        step.id.as_bytes(),
        step.lines_before.cast_signed(),
        step.lines_after.cast_signed(),
        counts.accepted.cast_signed(),
        counts.updated.cast_signed(),
        counts.unchanged.cast_signed(),
        counts.rejected.cast_signed(),
        txn.now_ms(),
        step.active_ms.cast_signed(),
        OPEN,
    ])?;
    if changed == 1 {
        return Ok(());
    }
    let import = known(txn.connection, key_id, step.id)?;
    Err(Fault::Client(StoreError::ImportMoved(Box::new(import))))
}

/// Ends an import if it is open. Returns its state.
pub(crate) fn end(
    txn: &WriteTxn<'_>,
    key_id: &str,
    id: Uuid,
    end: ImportEnd,
) -> Result<Import, Fault> {
    let state = match end {
        ImportEnd::Complete => COMPLETE,
        ImportEnd::Cancelled => CANCELLED,
    };
    let update = "update imports set state = ?3, changed_at_ms = ?4 \
                  where key_id = ?1 and id = ?2 and state = ?5 and sound(imports.intact)";
    txn.connection.prepare_cached(update)?.execute(params![
        key_id,
        id.as_bytes(),
        state,
        txn.now_ms(),
        OPEN
    ])?;
    known(txn.connection, key_id, id)
}

fn known(connection: &Connection, key_id: &str, id: Uuid) -> Result<Import, Fault> {
    let missing = || Fault::Damaged(format!("import {id} is gone"));
    find(connection, key_id, id)?.ok_or_else(missing)
}
