//! Parameters of a submission.

use crate::admit::Policy;
use crate::dialect::{Asked, Head, Operation, Results};
use crate::failure::RequestFailure;
use crate::query::Query;

/// What a submission asks for besides taking orders in.
pub(super) fn asked(operation: &Operation, head: &Head<'_>) -> Result<Asked, RequestFailure> {
    let query = Query::new(head, operation)?;
    let policy = query.read("policy", "partial or all_or_nothing", |value| match value {
        "partial" => Some(Policy::Partial),
        "all_or_nothing" => Some(Policy::AllOrNothing),
        _ => None,
    })?;
    let results = query.read("results", "all, rejected or none", |value| match value {
        "all" => Some(Results::All),
        "rejected" => Some(Results::Rejected),
        "none" => Some(Results::None),
        _ => None,
    })?;
    let written_in = query.read("dialect", &super::super::ids(), super::super::find)?;
    Ok(Asked {
        written_in,
        policy: policy.unwrap_or_default(),
        results: results.unwrap_or_default(),
    })
}
