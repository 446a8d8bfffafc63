//! The parameters of a submission.

use crate::dialect::{Asked, Head, Operation};
use crate::failure::RequestFailure;
use crate::query::Query;

/// Reads the options of a submission.
pub(super) fn asked(operation: &Operation, head: &Head<'_>) -> Result<Asked, RequestFailure> {
    let query = Query::new(head, operation)?;
    let (policy, results) = (query.policy()?, query.results()?);
    let written_in = query.read("dialect", &super::super::ids(), super::super::find)?;
    Ok(Asked {
        written_in,
        policy,
        results,
    })
}
