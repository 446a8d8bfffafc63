//! The parameters of a submission.

use crate::dialect::query::Query;
use crate::dialect::{Head, Operation, SubmitOptions};
use crate::order::failure::RequestFailure;
use crate::order::ids::BatchId;

/// Reads the options of a submission.
pub(super) fn submit_options(
    operation: &Operation,
    head: &Head<'_>,
) -> Result<SubmitOptions, RequestFailure> {
    let query = Query::new(head, operation)?;
    let (policy, results) = (query.policy()?, query.results()?);
    let mends = query.read("mends", "the id of a batch", |text| {
        let id = uuid::Uuid::try_parse(text)
            .ok()
            .filter(|_| text.len() == 36);
        id.map(|id| BatchId::from_bytes(id.into_bytes()))
    })?;
    let written_in = query.get("dialect").map(str::to_owned);
    Ok(SubmitOptions {
        written_in,
        policy,
        results,
        mends,
    })
}
