//! The parameters of a submission.

use crate::dialect::query::Query;
use crate::dialect::{Head, Operation, SubmitOptions};
use crate::order::failure::RequestFailure;

/// Reads the options of a submission.
pub(super) fn submit_options(
    operation: &Operation,
    head: &Head<'_>,
) -> Result<SubmitOptions, RequestFailure> {
    let query = Query::new(head, operation)?;
    let (policy, results) = (query.policy()?, query.results()?);
    let written_in = query.get("dialect").map(str::to_owned);
    Ok(SubmitOptions {
        written_in,
        policy,
        results,
    })
}
