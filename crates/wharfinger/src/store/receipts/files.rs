//! The names of the files that batches were read from, as the senders gave them.

use std::collections::HashMap;

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::mentions::keys_that_reach;
use crate::store::engine::driver::{Connection, Insert, Row, ToValue};
use crate::store::engine::fault::Fault;

/// Rows that a search for a person reads at once.
const SLICE_ROWS: usize = 1_024;

static INSERT: Insert<3> = Insert::new(
    "batch_files",
    [
        ("batch", "bytea"),
        ("key_id", "text"),
        ("file_name", "text"),
    ],
    "",
);

/// Writes the file names of batches: each with the key that sent the batch.
pub(crate) fn write<'n>(
    connection: &Connection,
    names: impl IntoIterator<Item = (BatchId, &'n str, &'n str)>,
) -> Result<(), Fault> {
    let names = names.into_iter();
    let names = Vec::from_iter(names.map(|(batch, key_id, name)| (batch.to_bytes(), key_id, name)));
    let rows = names
        .iter()
        .map(|(batch, key_id, name)| [batch.to_value(), key_id.to_value(), name.to_value()]);
    Ok(connection.insert_all(&INSERT, rows)?)
}

/// The file names of batches that have one.
pub(crate) fn of_batches(
    connection: &Connection,
    batches: &[(BatchId, &str)],
) -> Result<HashMap<BatchId, String>, Fault> {
    let mut found = HashMap::new();
    let mut note = |row: &Row<'_>| -> Result<(), Fault> {
        found.insert(BatchId::from_bytes(row.get(0)?), row.get(1)?);
        Ok(())
    };
    if let Some(session) = connection.postgres() {
        let ids = Vec::from_iter(batches.iter().map(|(id, _)| id.to_bytes().to_vec()));
        let keys = Vec::from_iter(batches.iter().map(|(_, key_id)| *key_id));
        let select = "select batch, file_name from batch_files \
                      where key_id = any(?2::text[]) and batch = any(?1::bytea[]) and sound(batch_files.intact)";
        for row in &session.prepare(select)?.query_arrays(&[&ids, &keys])? {
            note(&Row::Postgres(row))?;
        }
    } else {
        let select = "select batch, file_name from batch_files \
                      where batch = ?1 and key_id = ?2 and sound(batch_files.intact)";
        let mut select = connection.prepare_cached(select)?;
        for (batch, key_id) in batches {
            let mut rows = select.query((batch.to_bytes(), *key_id))?;
            while let Some(row) = rows.next()? {
                note(&row)?;
            }
        }
    }
    Ok(found)
}

/// A row: the batch, and the key that sent it.
pub(crate) type FileOf = ([u8; 16], String);

/// Searches some names after this row for mentions of a person. Only names sent by keys with access to the organisation are
/// searched. Returns the rows that mention the person, and where to continue.
pub(crate) fn find_mentions(
    connection: &Connection,
    organisation: OrganisationId,
    is_of_person: impl Fn(&str) -> bool,
    after: FileOf,
) -> Result<(Vec<FileOf>, Option<FileOf>), Fault> {
    let keys = keys_that_reach(connection.engine());
    let select = format!(
        "select batch, key_id, file_name from batch_files where (batch, key_id) > (?2, ?3) \
         and case when sound(batch_files.intact) then key_id in {keys} end order by batch, key_id limit ?4"
    );
    let mut select = connection.prepare_cached(&select)?;
    let limit = i64::try_from(SLICE_ROWS).unwrap_or(i64::MAX);
    let mut rows = select.query((organisation.0, after.0, after.1, limit))?;
    let (mut found, mut last, mut looked_at) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let at: FileOf = (row.get(0)?, row.get(1)?);
        let name: String = row.get(2)?;
        if is_of_person(&name) {
            found.push(at.clone());
        }
        last = Some(at);
    }
    Ok((found, last.filter(|_| looked_at == SLICE_ROWS)))
}

/// Removes file names.
pub(crate) fn erase(connection: &Connection, files: &[FileOf]) -> Result<(), Fault> {
    let delete = "delete from batch_files where batch = ?1 and key_id = ?2";
    let mut delete = connection.prepare_cached(delete)?;
    for (batch, key_id) in files {
        delete.execute((*batch, key_id))?;
    }
    Ok(())
}
