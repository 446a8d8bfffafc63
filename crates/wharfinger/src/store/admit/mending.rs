//! Closing rejected orders: those that a batch mends, in its transaction, and those that somebody dismisses.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wharfinger_core::order::ids::{OrderId, OrganisationId};
use wharfinger_core::order::outcome::Outcome;

use crate::store::Store;
use crate::store::api::{
    Closed, DismissDone, DismissRejection, DismissResult, Dismissed, MendedBy, RecordedOutcome,
    RejectedOrder, StoreError,
};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::journal::dialects::find_dialect;
use crate::store::journal::read::Journal;
use crate::store::prepare::Submission;
use crate::store::receipts::closed::{self, ClosedOfBatch, ClosedRow};
use crate::store::receipts::encoding::Chunk;
use crate::store::receipts::mending::{Mendable, Mending, Which};
use crate::store::receipts::rejection_list::one;
use crate::store::stats::OfBatch;
use crate::store::stats::closing::ClosedRejection;
use crate::store::write::audit::write_audit;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

impl Store {
    /// Dismisses a rejected order that the caller may see.
    pub async fn dismiss_rejection(
        &self,
        request: DismissRejection,
    ) -> Result<DismissDone, StoreError> {
        let task = Task::on_rejections(request.id.batch);
        let DismissRejection {
            id,
            visible,
            key_id,
            note,
            save_reply,
        } = request;
        let dismiss = move |txn: &mut WriteTxn<'_>| {
            let Some(found) = one(txn.connection, id, &visible)? else {
                return Ok(DismissResult::NotFound);
            };
            match found.closed {
                Some(Closed::Mended(by)) => return Ok(DismissResult::Mended(by)),
                Some(Closed::Dismissed(before)) if note.is_some() && note != before.note => {
                    return Ok(DismissResult::Before(before));
                }
                Some(Closed::Dismissed(_)) => return Ok(DismissResult::Dismissed(Box::new(found))),
                None => {}
            }
            let dismissed = Dismissed {
                at_ms: txn.now_ms(),
                key_id: key_id.clone(),
                note: note.clone(),
            };
            let place = (found.recorded.organisation, id.index);
            let row = ClosedRow::Dismissed(dismissed.clone());
            let who = (txn.now_ms(), key_id.as_str());
            closed::write(txn.connection, id.batch, who, [(place, &row)])?;
            if let (Some(dialect), RecordedOutcome::Rejected(rejection)) = (
                find_dialect(txn.connection, &found.dialect)?,
                &found.recorded.outcome,
            ) {
                txn.stats.close_rejection(&ClosedRejection {
                    key_id: &found.key_id,
                    organisation: place.0,
                    dialect,
                    received_at_ms: found.received_at_ms,
                    errors: &rejection.errors,
                });
            }
            let details = json!({"rejection": id.batch.order(id.index).to_string()});
            audit(
                txn,
                (&key_id, "dismissed"),
                place.0,
                &found.key_id,
                &details,
            )?;
            Ok(DismissResult::Dismissed(Box::new(RejectedOrder {
                closed: Some(Closed::Dismissed(dismissed)),
                ..found
            })))
        };
        let is_change = |result: &DismissResult| matches!(result, DismissResult::Dismissed(_));
        self.change(task, save_reply, is_change, dismiss).await
    }
}

/// Refuses a batch that is to mend an order which was mended meanwhile. To be called before anything is written.
pub(super) fn refuse_if_mended(
    txn: &mut WriteTxn<'_>,
    submission: &Submission,
) -> Result<(), Fault> {
    let Some(mending) = &submission.mending else {
        return Ok(());
    };
    let Which::One(mendable) = &mending.which else {
        return Ok(());
    };
    let closed = closed::of_batch(txn.connection, mending.batch)?;
    match closed.get(&(mendable.organisation, mendable.index)) {
        Some(ClosedRow::Mended(by, organisation)) => {
            // The caller sees the organisations that it sends orders of.
            let mut groups = submission.groups.iter();
            let is_seen = groups.any(|group| group.organisation == *organisation);
            Err(Fault::Refused(mended_by(is_seen.then_some(*by))))
        }
        Some(ClosedRow::Dismissed(_)) | None => Ok(()),
    }
}

/// Why a rejected order cannot be mended or dismissed.
pub(crate) fn mended_by(by: Option<MendedBy>) -> String {
    match by {
        Some(MendedBy { batch, order }) => {
            format!("the rejected order was mended before, by order {order} of batch {batch}")
        }
        None => "the rejected order was mended before, by an order that this key cannot see".into(),
    }
}

/// Closes the rejected orders that the accepted orders of a batch mend.
pub(super) fn close<'s>(
    txn: &mut WriteTxn<'_>,
    submission: &Submission,
    outcomes: &[Outcome],
    rejected: impl Iterator<Item = &'s Chunk>,
) -> Result<(), Fault> {
    let Some(mending) = &submission.mending else {
        return Ok(());
    };
    let found = mended(submission, mending, outcomes);
    if let (Which::One(mendable), true) = (&mending.which, found.is_empty()) {
        let stays_open = mending.batch.order(mendable.index);
        return dismiss_again(txn, submission, stays_open, rejected);
    }
    // A purge may have taken the batch meanwhile.
    if found.is_empty() || !has_receipt(txn.connection, mending)? {
        return Ok(());
    }
    let before = closed::of_batch(txn.connection, mending.batch)?;
    let is_mended = |mendable: &Mendable| {
        let row = before.get(&(mendable.organisation, mendable.index));
        matches!(row, Some(ClosedRow::Mended(..)))
    };
    let mut rows = ClosedOfBatch::new();
    let mut counts = BTreeMap::<_, u64>::new();
    let dialect = txn.dialect(submission.dialect)?;
    for (mendable, by, organisation) in found {
        if !is_mended(mendable) {
            let place = (mendable.organisation, mendable.index);
            // A dismissed one was counted as closed before, and so was one that an earlier order of the batch mends.
            if !before.contains_key(&place) && !rows.contains_key(&place) {
                txn.stats.close_rejection(&ClosedRejection {
                    key_id: &mending.sender,
                    organisation: mendable.organisation,
                    dialect,
                    received_at_ms: mending.received_at_ms,
                    errors: &mendable.errors,
                });
            }
            if rows
                .insert(place, ClosedRow::Mended(by, organisation))
                .is_none()
            {
                *counts.entry(mendable.organisation).or_default() += 1;
            }
        }
    }
    let who = (txn.now_ms(), submission.key_id.as_str());
    let of_batch = rows.iter().map(|(place, row)| (*place, row));
    closed::write(txn.connection, mending.batch, who, of_batch)?;
    for (organisation, count) in counts {
        let (action, details) = match &mending.which {
            Which::One(one) => {
                let id = mending.batch.order(one.index).to_string();
                (
                    "resubmitted",
                    json!({"rejection": id, "batch": submission.batch.to_string()}),
                )
            }
            Which::ByKey(_) => {
                let mended = mending.batch.to_string();
                let batch = submission.batch.to_string();
                (
                    "mended",
                    json!({"rejected_in": mended, "batch": batch, "count": count}),
                )
            }
        };
        let who = (submission.key_id.as_str(), action);
        audit(txn, who, organisation, &mending.sender, &details)?;
    }
    Ok(())
}

/// Dismisses the order of a batch that was to mend another one and was rejected again. The other one stays open, so that the
/// order is not open twice.
fn dismiss_again<'s>(
    txn: &mut WriteTxn<'_>,
    submission: &Submission,
    stays_open: OrderId,
    rejected: impl Iterator<Item = &'s Chunk>,
) -> Result<(), Fault> {
    let of = OfBatch {
        key_id: &submission.key_id,
        dialect: txn.dialect(submission.dialect)?,
        received_at_ms: submission.received_at_ms,
    };
    let row = ClosedRow::Dismissed(Dismissed {
        at_ms: txn.now_ms(),
        key_id: submission.key_id.clone(),
        note: Some(format!(
            "Resubmission of rejection {stays_open}, which stays open"
        )),
    });
    let who = (txn.now_ms(), submission.key_id.as_str());
    for chunk in rejected {
        txn.stats.close(of, chunk.organisation, &chunk.causes);
        let place = (chunk.organisation, chunk.first_index);
        closed::write(txn.connection, submission.batch, who, [(place, &row)])?;
    }
    Ok(())
}

/// The rejected orders that are mended, each with the order that does it and its organisation.
fn mended<'m>(
    submission: &Submission,
    mending: &'m Mending,
    outcomes: &[Outcome],
) -> Vec<(&'m Mendable, MendedBy, OrganisationId)> {
    let mut found = Vec::new();
    for group in &submission.groups {
        for row in &group.rows {
            let Some(taken) = outcomes[row.valid.at()].taken() else {
                continue;
            };
            let by = MendedBy {
                batch: submission.batch,
                order: taken.order,
            };
            let key = || submission.text(row.key).to_owned();
            let mendable = match &mending.which {
                Which::One(mendable) => std::slice::from_ref(mendable),
                Which::ByKey(of_keys) => of_keys
                    .get(&(group.organisation, key()))
                    .map_or(&[][..], Vec::as_slice),
            };
            let organisation = group.organisation;
            found.extend(mendable.iter().map(|mendable| (mendable, by, organisation)));
        }
    }
    found
}

fn has_receipt(connection: &Connection, mending: &Mending) -> Result<bool, Fault> {
    let select = "select 1 from batches where id = ?1 and key_id = ?2";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.exists((mending.batch.to_bytes(), mending.sender.as_str()))?)
}

/// Adds an entry to the audit log. It is about the organisation of a rejected order. If that is unknown, it is about the key
/// that sent the order.
fn audit(
    txn: &WriteTxn<'_>,
    (who, action): (&str, &str),
    organisation: Option<OrganisationId>,
    sender: &str,
    details: &Value,
) -> Result<(), Fault> {
    let (action, subject) = match organisation {
        Some(organisation) => {
            let mut journal = Journal::new(txn.connection);
            let code = journal.code(organisation)?.to_owned();
            (format!("rejection.{action}"), code)
        }
        None => (format!("key.rejection_{action}"), sender.to_owned()),
    };
    write_audit(txn, who, &action, &subject, Some(details)).map(drop)
}
