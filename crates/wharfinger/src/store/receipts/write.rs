//! Writing receipts: all receipts of a transaction in one statement, which is one round trip on PostgreSQL.

use tokio_postgres::types::ToSql;
use uuid::Uuid;
use wharfinger_core::order::ids::BatchId;

use crate::store::engine::driver::{Connection, Session, params};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;

/// The receipt of a batch that is to be written.
pub(crate) struct NewReceipt {
    /// The id of the batch.
    pub batch: BatchId,
    /// The API key that sent it.
    pub key_id: String,
    /// The number of the dialect.
    pub dialect: DialectId,
    /// The name of the route.
    pub operation: &'static str,
    /// When it was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// Milliseconds from then until now.
    pub duration_ms: i64,
    /// The import that it is a chunk of.
    pub import: Option<Uuid>,
    /// Its extent in each organisation, as [`crate::store::receipts::extents::from_json`] reads it.
    pub extents: String,
}

const INSERT: &str = "insert into batches \
    (id, key_id, dialect, operation, received_at_ms, duration_ms, import, shares) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const INSERT_TOGETHER: &str = "insert into batches \
    (id, key_id, dialect, operation, received_at_ms, duration_ms, import, shares) \
    select * from unnest(?1::bytea[], ?2::text[], ?3::bigint[], ?4::text[], ?5::bigint[], ?6::bigint[], ?7::bytea[], ?8::text[])";

/// Writes receipts.
pub(crate) fn write(connection: &Connection, receipts: &[NewReceipt]) -> Result<(), Fault> {
    if receipts.is_empty() {
        return Ok(());
    }
    match connection.postgres() {
        Some(session) => write_together(session, receipts),
        None => write_each(connection, receipts),
    }
}

fn write_each(connection: &Connection, receipts: &[NewReceipt]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(INSERT)?;
    for receipt in receipts {
        insert.execute(params![
            receipt.batch.to_bytes(),
            receipt.key_id,
            receipt.dialect,
            receipt.operation,
            receipt.received_at_ms,
            receipt.duration_ms,
            receipt.import.as_ref().map(Uuid::as_bytes),
            receipt.extents,
        ])?;
    }
    Ok(())
}

fn write_together(session: &Session, receipts: &[NewReceipt]) -> Result<(), Fault> {
    let numbers =
        |number: fn(&NewReceipt) -> i64| -> Vec<i64> { receipts.iter().map(number).collect() };
    let texts =
        |text: fn(&NewReceipt) -> &str| -> Vec<&str> { receipts.iter().map(text).collect() };
    let ids = receipts.iter().map(|receipt| receipt.batch.to_bytes());
    let imports = receipts.iter().map(|receipt| receipt.import);
    let values: [&(dyn ToSql + Sync); 8] = [
        &Vec::from_iter(ids.map(Vec::from)),
        &texts(|receipt| &receipt.key_id),
        &numbers(|receipt| receipt.dialect.0),
        &texts(|receipt| receipt.operation),
        &numbers(|receipt| receipt.received_at_ms),
        &numbers(|receipt| receipt.duration_ms),
        &Vec::from_iter(imports.map(|import| import.map(|id| id.as_bytes().to_vec()))),
        &texts(|receipt| &receipt.extents),
    ];
    session.prepare(INSERT_TOGETHER)?.execute_arrays(&values)?;
    Ok(())
}
