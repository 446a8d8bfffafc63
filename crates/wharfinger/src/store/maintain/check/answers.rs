//! Checks the saved responses.

use wharfinger_core::order::ids::BatchId;

use super::Check;
use crate::store::engine::fault::Fault;
use crate::store::replies::read::stored;

/// Checks that each saved response can be read unless it was erased, and that the batch that it answers has a receipt.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let select = "select fingerprint, status, content_type, headers, body, id, \
                  batch is null or exists (select 1 from batches where batches.key_id = answers.key_id and batches.id = batch), batch from answers order by id";
    let mut select = check.connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(())?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(5)?;
        let is_known: bool = row.get(6)?;
        let answer = stored(&row).map_err(|error| Fault::Damaged(error.to_string()));
        let answer = answer.and_then(|answer| answer.read().map(drop));
        check.survive(answer, &format!("saved response {id}"))?;
        if !is_known {
            let batch: [u8; 16] = row.get(7)?;
            let batch = BatchId::from_bytes(batch);
            check.fault(format!(
                "saved response {id}: its batch {batch} has no receipt"
            ));
        }
    }
    Ok(())
}
