//! Writing receipts: all receipts of a transaction in one statement, which is one round trip on PostgreSQL.

use uuid::Uuid;
use wharfinger_core::order::ids::BatchId;

use super::files;
use crate::store::engine::driver::{Connection, Insert, ToValue, Value};
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
    /// The batch whose rejected orders it sends again.
    pub mends: Option<BatchId>,
    /// The name of the file that it was read from.
    pub file_name: Option<String>,
    /// Its extent in each organisation, as [`crate::store::receipts::extents::from_json`] reads it.
    pub extents: String,
}

static INSERT: Insert<8> = Insert::new(
    "batches",
    [
        ("id", "bytea"),
        ("key_id", "text"),
        ("dialect", "bigint"),
        ("operation", "text"),
        ("received_at_ms", "bigint"),
        ("duration_ms", "bigint"),
        ("import", "bytea"),
        ("shares", "text"),
    ],
    "",
);

static INSERT_MENDED: Insert<3> = Insert::new(
    "mended_batches",
    [("batch", "bytea"), ("key_id", "text"), ("mended", "bytea")],
    "",
);

/// Writes receipts.
pub(crate) fn write(connection: &Connection, receipts: &[NewReceipt]) -> Result<(), Fault> {
    let ids = Vec::from_iter(receipts.iter().map(|receipt| receipt.batch.to_bytes()));
    let rows = receipts.iter().zip(&ids).map(|(receipt, id)| {
        [
            id.to_value(),
            receipt.key_id.to_value(),
            receipt.dialect.to_value(),
            receipt.operation.to_value(),
            receipt.received_at_ms.to_value(),
            receipt.duration_ms.to_value(),
            match &receipt.import {
                Some(import) => Value::Blob(import.as_bytes()),
                None => Value::Null,
            },
            receipt.extents.to_value(),
        ]
    });
    connection.insert_all(&INSERT, rows)?;
    if receipts.iter().any(|receipt| receipt.mends.is_some()) {
        write_mended(connection, receipts)?;
    }
    let named = receipts.iter().filter_map(|receipt| {
        let name = receipt.file_name.as_deref()?;
        Some((receipt.batch, receipt.key_id.as_str(), name))
    });
    files::write(connection, named)
}

/// Writes which batches the receipts mend.
fn write_mended(connection: &Connection, receipts: &[NewReceipt]) -> Result<(), Fault> {
    let mended = receipts.iter().filter_map(|receipt| {
        let mended = receipt.mends?;
        Some((receipt, receipt.batch.to_bytes(), mended.to_bytes()))
    });
    let mended = Vec::from_iter(mended);
    let rows = mended.iter().map(|(receipt, batch, mended)| {
        [
            batch.to_value(),
            receipt.key_id.to_value(),
            mended.to_value(),
        ]
    });
    Ok(connection.insert_all(&INSERT_MENDED, rows)?)
}
