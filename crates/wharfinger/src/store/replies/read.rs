//! Reading, deleting and erasing saved responses.

use std::collections::HashSet;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::reading::email::is_mentioned;

use crate::store::api::{SavedReply, StoreError};
use crate::store::engine::driver::{Connection, Engine, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::varint::unpack;
use crate::store::receipts::mentions::{Slice, keys_that_reach};

/// Responses that one job deletes, at most.
const SLICE_ROWS: i64 = 256;
/// Bytes of bodies after which a job deletes no more. Deleting a body reads each of its pages.
const SLICE_BYTES: i64 = 4 << 20;
/// Compressed bytes of bodies after which a search pauses.
const FOUND_BYTES: usize = 4 << 20;

/// The saved response of a request. An error if it was erased.
pub(crate) fn kept(
    connection: &Connection,
    key_id: &str,
    idempotency_key: &str,
    now_ms: i64,
) -> Result<Option<SavedReply>, Fault> {
    let select = "select fingerprint, status, content_type, headers, body from answers \
                  where key_id = ?1 and idempotency_key = ?2 and case when sound(answers.intact) then kept_until_ms > ?3 end";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row((key_id, idempotency_key, now_ms), stored);
    match found.optional()? {
        Some(found) => found.read()?.map(Some).ok_or(ERASED),
        None => Ok(None),
    }
}

const ERASED: Fault = Fault::Client(StoreError::ReplyErased);

/// A response as it is stored.
pub(crate) struct StoredAnswer {
    fingerprint: [u8; 32],
    status: u16,
    content_type: String,
    headers: String,
    body: Option<Vec<u8>>,
}

/// Reads the columns fingerprint, status, content type, headers and body.
pub(crate) fn stored(
    row: &crate::store::engine::driver::Row<'_>,
) -> crate::store::engine::driver::Result<StoredAnswer> {
    Ok(StoredAnswer {
        fingerprint: row.get(0)?,
        status: row.get(1)?,
        content_type: row.get(2)?,
        headers: row.get(3)?,
        body: row.get(4)?,
    })
}

impl StoredAnswer {
    /// Decodes it. `None` if it was erased.
    pub(crate) fn read(self) -> Result<Option<SavedReply>, Fault> {
        let Some(body) = self.body else {
            return Ok(None);
        };
        let headers = serde_json::from_str(&self.headers).map_err(|_| {
            Fault::Damaged("the header fields of a saved response cannot be read".into())
        })?;
        Ok(Some(SavedReply {
            fingerprint: self.fingerprint,
            status: self.status,
            content_type: self.content_type,
            headers,
            body: unpack(&body)?,
        }))
    }
}

/// Deletes some expired responses, without waiting for others that replace or delete them. Returns how many.
pub(crate) fn drop_slice(connection: &Connection, now_ms: i64) -> Result<usize, Fault> {
    let free = connection.lock_free_rows();
    let select = format!(
        "select id, coalesce(length(body), 0) from answers \
         where kept_until_ms <= ?1 and sound(answers.intact) order by kept_until_ms limit ?2 {free}"
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query((now_ms, SLICE_ROWS))?;
    let mut expired: Vec<i64> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()?
        && bytes < SLICE_BYTES
    {
        expired.push(row.get(0)?);
        bytes += row.get::<i64>(1)?;
    }
    drop(rows);
    let mut delete = connection.prepare_cached("delete from answers where id = ?1")?;
    for id in &expired {
        delete.execute([id])?;
    }
    Ok(expired.len())
}

/// Searches some responses after this id. Finds those to the batches `of_person`, and those that mention an address and may
/// concern the organisation. Also returns where to continue.
pub(crate) fn find_mentions(
    connection: &Connection,
    (organisation, address): (OrganisationId, &str),
    of_person: &HashSet<[u8; 16]>,
    after: i64,
) -> Result<Slice, Fault> {
    let keys = keys_that_reach(connection.engine());
    let extents = match connection.engine() {
        Engine::Sqlite => {
            "json_each(batches.shares) as share where json_extract(share.value, '$[0]')"
        }
        Engine::Postgres => {
            "json_array_elements(cast(batches.shares as json)) as share (value) \
             where cast(share.value->>0 as bigint)"
        }
    };
    let select = format!(
        "select id, batch, body, key_id in {keys} and (batch is null or exists \
         (select 1 from batches, {extents} in (0, ?1) and batches.id = batch and batches.key_id = answers.key_id)) \
         from answers where id > ?2 and body is not null and sound(answers.intact) order by id limit ?3"
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query((organisation.0, after, SLICE_ROWS))?;
    let mut slice = Slice::default();
    let (mut looked_at, mut last, mut bytes) = (0, after, 0);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        last = row.get(0)?;
        let batch: Option<[u8; 16]> = row.get(1)?;
        let may_mention: bool = row.get(3)?;
        let body = row.blob(2)?;
        bytes += body.len();
        if batch.is_some_and(|batch| of_person.contains(&batch))
            || may_mention && is_mentioned(&String::from_utf8_lossy(&unpack(body)?), address)
        {
            slice.found.push(last);
        }
        if bytes >= FOUND_BYTES {
            break;
        }
    }
    let is_end = looked_at < SLICE_ROWS && bytes < FOUND_BYTES;
    slice.next = (!is_end).then_some(last);
    Ok(slice)
}

/// Erases some responses. Returns how many. The rows remain, so that their requests are not executed again.
pub(crate) fn erase(connection: &Connection, answers: &[i64]) -> Result<u64, Fault> {
    let update = "update answers set fingerprint = ?2, status = 0, content_type = '', headers = '[]', body = null \
                  where id = ?1 and body is not null and sound(answers.intact)";
    let mut update = connection.prepare_cached(update)?;
    let mut erased = 0;
    for id in answers {
        erased += update.execute((id, [0; 32]))? as u64;
    }
    Ok(erased)
}
