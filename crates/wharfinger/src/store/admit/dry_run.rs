//! The outcome of a batch without writing it: for dry runs, and before an all-or-nothing batch.

use wharfinger_core::decide::admit::Policy;
use wharfinger_core::order::outcome::Outcome;
use wharfinger_core::rules::BatchWork;

use super::decide::Decide;
use super::txn::{DryRunTxn, Snapshot, StoredOrders};
use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::index::key_space::KeySpace;
use crate::store::journal::dialects::find_dialect;
use crate::store::prepare::Submission;

impl Store {
    /// Dry run: what [`Self::admit_batch`] would answer now. It stores nothing and does not wait for the writer. Ids and numbers
    /// are those that would be given.
    pub async fn try_batch(&self, submission: Submission) -> Result<Vec<Outcome>, StoreError> {
        let read = move |connection: &Connection| {
            let dialect = find_dialect(connection, submission.dialect)?;
            let mut stored = Snapshot::new(connection, dialect.is_none());
            let dialect = dialect.unwrap_or(DialectId::NEW);
            dry_run((&mut stored, connection), &submission, dialect)
        };
        self.readers.read(read).await
    }
}

/// The outcomes of the valid orders of a batch, decided on the stored orders and the earlier orders of the batch.
pub(crate) fn dry_run<S: StoredOrders>(
    (stored, connection): (&mut S, &Connection),
    submission: &Submission,
    dialect: DialectId,
) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = vec![Outcome::Withheld; submission.good];
    let mut txn = DryRunTxn::new(connection, stored);
    let mut work = BatchWork::in_turn();
    for group in &submission.groups {
        let key_space = KeySpace::new(group.organisation, dialect);
        let orders = (submission, group);
        let first = txn.first_addr(&key_space, orders)?;
        let decide = Decide::new((&mut txn, connection), &key_space, orders, first, &mut work);
        decide.group(&mut outcomes)?;
    }
    if is_refused(submission, &outcomes) {
        withhold(&mut outcomes);
    }
    Ok(outcomes)
}

/// Whether a batch is refused as a whole: it is all-or-nothing, and one of its orders is not accepted.
pub(crate) fn is_refused(submission: &Submission, outcomes: &[Outcome]) -> bool {
    match submission.policy {
        Policy::Partial => false,
        Policy::AllOrNothing => {
            !submission.rejected.is_empty()
                || outcomes.iter().any(|outcome| outcome.taken().is_none())
        }
    }
}

fn withhold(outcomes: &mut [Outcome]) {
    let taken = outcomes
        .iter_mut()
        .filter(|outcome| outcome.taken().is_some());
    for outcome in taken {
        *outcome = Outcome::Withheld;
    }
}
