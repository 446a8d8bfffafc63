//! Admission of a batch: decide on each valid order, write the index, then the journal and the receipt.

use wharfinger_core::decide::admit::Policy;
use wharfinger_core::order::outcome::{Counts, Outcome};
use wharfinger_core::order::problem::Problems;
use wharfinger_core::rules::BatchWork;

use super::decide::Decide;
use super::dry_run::{dry_run, is_refused};
use super::txn::StoredOrders;
use super::{import_progress, mending};
use crate::clock;
use crate::runtime::traces;
use crate::store::Store;
use crate::store::api::Admitted;
use crate::store::api::{MEND_ORDER, StoreError};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;
use crate::store::index::key_space::KeySpace;
use crate::store::journal::batches::Batches;
use crate::store::journal::block::Block;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::write::{NewBlock, Origin};
use crate::store::journal::{admissions, holds};
use crate::store::prepare::{Group, GroupTexts, Row, Submission};
use crate::store::receipts::encoding::{Builder, Chunk, Kind, ListedOrder};
use crate::store::receipts::extents::{self, BatchExtent};
use crate::store::receipts::rejections;
use crate::store::receipts::write::NewReceipt;
use crate::store::stats::OfBatch;
use crate::store::write::job::Task;
use crate::store::write::open_block::may_share;
use crate::store::write::txn::WriteTxn;
use std::sync::Arc;

impl Store {
    /// Stores a batch in one transaction: orders, revisions, receipt, outcomes and events. Returns one outcome for each order of
    /// the submission that was judged valid, in batch order.
    pub async fn admit_batch(&self, mut submission: Submission) -> Result<Admitted, StoreError> {
        self.disk.check()?;
        traces::note_batch(submission.batch);
        let save_reply = submission.save_reply.take();
        let submission = Arc::new(submission);
        // See `Asked::answer`.
        let kept = Arc::clone(&submission);
        let task = Task::admitting(&submission);
        let admit = move |txn: &mut WriteTxn<'_>| admit(txn, &submission);
        // A batch always leaves its receipt.
        let always = |_: &[Outcome]| true;
        let done = self.change(task, save_reply, always, admit).await;
        drop(kept);
        done.map(|(outcomes, reply)| Admitted { outcomes, reply })
    }
}

/// Admits a batch. Returns one outcome for each order that was judged valid, in batch order.
pub(crate) fn admit(
    txn: &mut WriteTxn<'_>,
    submission: &Submission,
) -> Result<Vec<Outcome>, Fault> {
    mending::refuse_if_mended(txn, submission)?;
    let dialect = txn.dialect(submission.dialect)?;
    let mut admission = Admission {
        submission,
        dialect,
        outcomes: vec![Outcome::Rejected(Problems::default()); submission.good],
        not_taken: Vec::new(),
        extents: Vec::new(),
        work: BatchWork::in_turn(),
    };
    if submission.policy == Policy::AllOrNothing {
        if submission.has_demands() {
            txn.write_overlay()?;
        }
        let connection = txn.connection;
        admission.outcomes = dry_run((&mut *txn, connection), submission, dialect)?;
        if is_refused(submission, &admission.outcomes) {
            admission.refuse(txn)?;
            return Ok(admission.outcomes);
        }
    }
    for group in &submission.groups {
        admission.admit_group(txn, group)?;
    }
    let rejected = submission.rejected.iter().chain(&admission.not_taken);
    mending::close(txn, submission, &admission.outcomes, rejected)?;
    admission.write_receipt(txn)?;
    if submission.operation == MEND_ORDER {
        note_mended(txn, submission, &admission.outcomes)?;
    }
    Ok(admission.outcomes)
}

/// Notes for the audit log that a person has replaced the text of an order.
fn note_mended(
    txn: &mut WriteTxn<'_>,
    submission: &Submission,
    outcomes: &[Outcome],
) -> Result<(), Fault> {
    let by = ("order.mended", submission.key_id.as_str());
    for group in &submission.groups {
        let anywhere = BlockId::new(group.organisation, 0).entry(0);
        for row in &group.rows {
            if let Outcome::Updated(taken) = &outcomes[row.valid.at()] {
                txn.note_change(by, anywhere, Some(taken.order))?;
            }
        }
    }
    Ok(())
}

/// A batch being admitted.
struct Admission<'s> {
    submission: &'s Submission,
    dialect: DialectId,
    outcomes: Vec<Outcome>,
    /// Orders that were rejected or withheld during admission.
    not_taken: Vec<Chunk>,
    /// The extents and counts of each organisation, for the receipt.
    extents: Vec<BatchExtent>,
    /// What rules may still do for the batch.
    work: BatchWork,
}

impl Admission<'_> {
    fn admit_group(&mut self, txn: &mut WriteTxn<'_>, group: &Group) -> Result<(), Fault> {
        let key_space = KeySpace::new(group.organisation, self.dialect);
        let orders = (self.submission, group);
        let first = txn.first_addr(&key_space, orders)?;
        let connection = txn.connection;
        txn.index.expect(group.rows.len());
        let work = &mut self.work;
        let decide = Decide::new((&mut *txn, connection), &key_space, orders, first, work);
        let decided = decide.group(&mut self.outcomes)?;
        txn.index.expect(0);
        let (mut entry_outcomes, sub_orders) = (decided.entry_outcomes, decided.sub_orders);
        admissions::write(connection, &decided.admissions)?;
        holds::write(connection, &decided.holds)?;
        txn.order_states.created(&key_space, &decided.created);
        let rows = group.rows.iter().zip(&entry_outcomes);
        let refused = rows.filter(|(_, entry_outcome)| **entry_outcome == EntryOutcome::Refused);
        self.keep_not_taken(group, Kind::Rejected, refused.map(|(row, _)| row))?;
        let (sub_order_blocks, sub_order_outcomes) = sub_orders.finish();
        let counts = count(&entry_outcomes);
        if may_share(self.submission, group) {
            txn.share(
                group,
                (self.submission.batch, self.dialect),
                &entry_outcomes,
            )?;
            self.note_share(group, first.block(), 1, counts);
            return Ok(());
        }
        entry_outcomes.extend(sub_order_outcomes);
        self.write_blocks(
            txn,
            group,
            (
                group
                    .blocks
                    .iter()
                    .map(Arc::as_ref)
                    .chain(&sub_order_blocks),
                &entry_outcomes,
            ),
            counts,
        )
    }

    /// Writes only the receipt. For an all-or-nothing batch that is refused.
    fn refuse(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
        for group in &self.submission.groups {
            let is_withheld = |row: &&Row| self.outcomes[row.valid.at()] == Outcome::Withheld;
            let (withheld, refused): (Vec<&Row>, Vec<&Row>) =
                group.rows.iter().partition(is_withheld);
            self.keep_not_taken(group, Kind::Rejected, refused.iter().copied())?;
            self.keep_not_taken(group, Kind::Withheld, withheld.iter().copied())?;
            self.write_blocks(txn, group, (&[], &[]), Counts::default())?;
            if let Some(share) = self.extents.last_mut() {
                share.counts.rejected += refused.len() as u64;
                share.counts.withheld += withheld.len() as u64;
            }
        }
        self.write_receipt(txn)
    }

    fn write_blocks<'b>(
        &mut self,
        txn: &mut WriteTxn<'_>,
        group: &Group,
        (blocks, mut entry_outcomes): (impl IntoIterator<Item = &'b Block>, &[EntryOutcome]),
        counts: Counts,
    ) -> Result<(), Fault> {
        // If no order is accepted, a block without entries still records in the feed that the batch was received.
        let nothing = Block::default();
        let mut blocks: Vec<_> = blocks.into_iter().collect();
        if blocks.is_empty() {
            blocks.push(&nothing);
        }
        let first = txn.next_block(group.organisation)?;
        for (at, &block) in blocks.iter().enumerate() {
            let (of_block, rest) = entry_outcomes.split_at(block.entries);
            entry_outcomes = rest;
            let batches = Batches::one(self.submission.batch, block.entries, at == 0);
            let new = NewBlock {
                origin: Origin::Batches(&batches),
                dialect: self.dialect,
                entry_outcomes: of_block,
                indexes: &block.indexes,
                packed: Some(block),
            };
            txn.append(group.organisation, &new)?;
        }
        self.note_share(group, first, blocks.len(), counts);
        Ok(())
    }

    /// Records for the receipt where the orders of a group are stored, and the counts of their outcomes.
    fn note_share(&mut self, group: &Group, first: BlockId, blocks: usize, mut counts: Counts) {
        counts.rejected += group.rejected;
        self.extents.push(BatchExtent {
            organisation: Some(group.organisation),
            first: first.number(),
            blocks: u32::try_from(blocks).unwrap_or(u32::MAX),
            counts,
            warned: group.warned,
        });
    }

    /// Stores orders that were not accepted next to the receipt. Rejected orders keep their texts.
    fn keep_not_taken<'r>(
        &mut self,
        group: &Group,
        kind: Kind,
        rows: impl Iterator<Item = &'r Row>,
    ) -> Result<(), Fault> {
        let mut builder = Builder::new(Some(group.organisation), kind);
        let mut texts = GroupTexts::default();
        for row in rows {
            let mut listed = ListedOrder {
                index: row.index,
                line: self.submission.line(row),
                name: row.name.map(|name| self.submission.text(name)),
                key: Some(self.submission.text(row.key)).filter(|key| !key.is_empty()),
                text: "",
                problems: &[],
                warnings: &[],
            };
            if let Outcome::Rejected(problems) = &self.outcomes[row.valid.at()] {
                listed.text = texts.of(group, row)?;
                listed.problems = problems;
            }
            builder.push(listed);
        }
        self.not_taken.extend(builder.finish());
        Ok(())
    }

    /// Counts the outcomes and the causes of rejections in the statistics.
    fn count(&self, txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
        let submission = self.submission;
        if txn.is_counted_later(submission.batch)? {
            return Ok(());
        }
        let of = OfBatch {
            key_id: &submission.key_id,
            dialect: self.dialect,
            received_at_ms: submission.received_at_ms,
        };
        let counts = self.extents.iter();
        let counts = counts.map(|share| (share.organisation, share.counts));
        txn.stats.count(of, counts);
        let chunks = submission.rejected.iter().chain(&self.not_taken);
        let causes = chunks.map(|chunk| (chunk.organisation, &chunk.causes));
        txn.stats.reject(of, submission.batch, causes);
        Ok(())
    }

    fn write_receipt(&mut self, txn: &mut WriteTxn<'_>) -> Result<(), Fault> {
        let submission = self.submission;
        let chunks = submission.rejected.iter().chain(&self.not_taken);
        let chunks = chunks.chain(&submission.warned);
        rejections::write(txn.connection, submission.batch, chunks)?;
        if submission.rejected_of_nobody > 0 {
            self.extents.push(BatchExtent {
                organisation: None,
                first: 0,
                blocks: 0,
                counts: Counts {
                    rejected: submission.rejected_of_nobody,
                    ..Counts::default()
                },
                warned: submission.warned_of_nobody,
            });
        }
        if let Some(step) = &submission.import {
            let counts = self.extents.iter().map(|share| share.counts).sum();
            import_progress::advance(txn, &submission.key_id, step, counts)?;
        }
        self.count(txn)?;
        let now_ms = clock::now_ms();
        txn.note_receipt(NewReceipt {
            batch: submission.batch,
            key_id: submission.key_id.clone(),
            dialect: self.dialect,
            operation: submission.operation,
            received_at_ms: submission.received_at_ms,
            duration_ms: now_ms.saturating_sub(submission.received_at_ms).max(0),
            import: submission.import.as_ref().map(|step| step.id),
            mends: submission.mends,
            file_name: submission.file_name.clone(),
            extents: extents::to_json(&self.extents),
        });
        Ok(())
    }
}

fn count(entry_outcomes: &[EntryOutcome]) -> Counts {
    let mut counts = Counts::default();
    for entry_outcome in entry_outcomes {
        match entry_outcome {
            EntryOutcome::Accepted { .. } => counts.accepted += 1,
            EntryOutcome::Updated { .. } => counts.updated += 1,
            EntryOutcome::Unchanged { .. } => counts.unchanged += 1,
            EntryOutcome::Refused => counts.rejected += 1,
            // A batch writes no transitions, reports or purges.
            EntryOutcome::Purged
            | EntryOutcome::Transition { .. }
            | EntryOutcome::Fulfilled { .. } => {}
        }
    }
    counts
}
