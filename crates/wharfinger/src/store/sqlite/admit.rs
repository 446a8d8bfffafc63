//! A batch's transaction: decide on each good order, write the index, then the journal and the receipt.

use rusqlite::params;
use wharfinger_core::admit::{Decision, Existing, Intent, decide};
use wharfinger_core::dialect::Number;
use wharfinger_core::outcome::{Counts, Outcome, State, Taken};
use wharfinger_core::problem::{Code, Problem};

use super::fault::Fault;
use super::imports;
use super::rows::{NewOrder, OrderRow, ROWS_TOGETHER, Scope};
use super::standing::Tally;
use super::work::{NewBlock, NewReceipt, Origin, Work};
use crate::store::block::{Block, Frame};
use crate::store::place::{BlockId, Place};
use crate::store::prepare::{Group, Row, Submission};
use crate::store::rejected::{self, Part, Told};
use crate::store::slots::Mark;

/// Admits a batch: what became of its good orders, in the order of the batch.
pub(super) fn admit(work: &mut Work<'_>, submission: &Submission) -> Result<Vec<Outcome>, Fault> {
    let dialect = work.dialect(submission.dialect)?;
    let mut admission = Admission {
        submission,
        dialect,
        outcomes: vec![Outcome::Rejected(Vec::new()); submission.good],
        rejected: Vec::new(),
        parts: Vec::new(),
    };
    for group in &submission.groups {
        admission.admit_group(work, group)?;
    }
    admission.write_receipt(work)?;
    Ok(admission.outcomes)
}

/// A batch being admitted.
struct Admission<'s> {
    submission: &'s Submission,
    dialect: i64,
    outcomes: Vec<Outcome>,
    /// Orders that were turned down here.
    rejected: Vec<Part>,
    /// For the receipt: organisation, its first block, how many blocks.
    parts: Vec<(u32, u32, u32)>,
}

impl Admission<'_> {
    fn admit_group(&mut self, work: &mut Work<'_>, group: &Group) -> Result<(), Fault> {
        let first = BlockId::new(group.organisation, work.counters(group.organisation)?.block);
        let scope = Scope::new(group.organisation, self.dialect);
        let mut marks = vec![Mark::Refused; group.rows.len()];
        let mut deciding = Deciding {
            work,
            scope: &scope,
            submission: self.submission,
            group,
            first,
            created: Tally::default(),
        };
        for steps in group.steps.chunks(ROWS_TOGETHER) {
            let tried = deciding.insert_together(steps)?;
            for &step in steps {
                let row = &group.rows[step as usize];
                let (mark, outcome) = match tried {
                    Tried::AllNew => deciding.stored(row)?,
                    Tried::SomeKnown => deciding.decide_after_trial(row)?,
                    Tried::Not => deciding.decide(row)?,
                };
                marks[step as usize] = mark;
                self.outcomes[row.answer as usize] = outcome;
            }
        }
        let created = deciding.created;
        work.standing.created(&scope, &created);
        self.keep_refused(group, &marks)?;
        self.write_blocks(work, group, &marks)
    }

    fn write_blocks(
        &mut self,
        work: &mut Work<'_>,
        group: &Group,
        mut marks: &[Mark],
    ) -> Result<(), Fault> {
        // Where all orders are faulty, a block without entries still tells that the batch was received.
        let nothing = [Block::default()];
        let blocks = if group.blocks.is_empty() {
            &nothing[..]
        } else {
            &group.blocks
        };
        let first = work.counters(group.organisation)?.block;
        for (at, block) in blocks.iter().enumerate() {
            let (of_block, rest) = marks.split_at(block.entries);
            marks = rest;
            let has_alive = of_block.iter().any(|mark| mark.is_alive());
            let origin = Origin::Batch {
                id: self.submission.batch,
                is_first: at == 0,
            };
            let new = NewBlock {
                origin,
                dialect: self.dialect,
                marks: of_block,
                indexes: &block.indexes,
                packed: has_alive.then_some(block),
            };
            work.append(group.organisation, &new)?;
        }
        let count = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
        self.parts.push((group.organisation.0, first, count));
        Ok(())
    }

    /// Keeps the text of the orders that were turned down here, for the receipt.
    fn keep_refused(&mut self, group: &Group, marks: &[Mark]) -> Result<(), Fault> {
        let refused = group.rows.iter().zip(marks);
        let refused = refused.filter(|(_, mark)| **mark == Mark::Refused);
        let mut builder = rejected::Builder::new(Some(group.organisation));
        let mut frame = Frame::default();
        let mut frame_block = None;
        for (row, _) in refused {
            let ordinal = row.ordinal as usize;
            if frame_block != Some(row.block) || frame.text(ordinal).is_none() {
                frame = Frame::read(&group.blocks[row.block as usize].texts, ordinal)?;
                frame_block = Some(row.block);
            }
            let Outcome::Rejected(problems) = &self.outcomes[row.answer as usize] else {
                continue;
            };
            builder.push(Told {
                index: row.index,
                name: row.name.map(|name| self.submission.text(name)),
                key: Some(self.submission.text(row.key)).filter(|key| !key.is_empty()),
                text: frame.text(ordinal).unwrap_or_default(),
                problems,
            });
        }
        self.rejected.extend(builder.finish());
        Ok(())
    }

    fn write_receipt(&self, work: &mut Work<'_>) -> Result<(), Fault> {
        let batch = self.submission.batch.to_bytes();
        let insert =
            "insert into rejections (batch, organisation, part, orders) values (?1, ?2, ?3, ?4)";
        let parts = self.submission.rejected.iter().chain(&self.rejected);
        for (at, part) in (0_i64..).zip(parts) {
            let organisation = part.organisation.map_or(0, |organisation| organisation.0);
            work.connection.prepare_cached(insert)?.execute(params![
                batch,
                organisation,
                at,
                part.packed
            ])?;
        }
        let mut counts = Counts::of(&self.outcomes);
        counts.rejected += self.submission.rejected_count();
        let parts = serde_json::to_string(&self.parts).expect("numbers are always JSON");
        if let Some(step) = &self.submission.import {
            imports::advance(work, &self.submission.key_id, step, counts)?;
        }
        work.write_receipt(&NewReceipt {
            batch: self.submission.batch,
            key_id: &self.submission.key_id,
            dialect: self.dialect,
            operation: self.submission.operation,
            received_at_ms: self.submission.received_at_ms,
            counts,
            parts: &parts,
        })
    }
}

/// One organisation's orders being decided on.
struct Deciding<'d, 'w> {
    work: &'d mut Work<'w>,
    scope: &'d Scope,
    submission: &'d Submission,
    group: &'d Group,
    first: BlockId,
    /// New orders by state.
    created: Tally,
}

/// What came of storing some orders together, as if all were new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    /// They were.
    AllNew,
    /// Those that were new are stored; the keys of the others are taken.
    SomeKnown,
    /// It was not tried: they are too few, or are to be given numbers.
    Not,
}

impl<'d> Deciding<'d, '_> {
    /// Tries to store orders with one statement. Most orders are new, and a statement of their own costs each as much again.
    fn insert_together(&mut self, steps: &[u32]) -> Result<Tried, Fault> {
        if steps.len() < ROWS_TOGETHER {
            return Ok(Tried::Not);
        }
        let mut orders = Vec::with_capacity(ROWS_TOGETHER);
        for &step in steps {
            match self.as_new(&self.group.rows[step as usize]) {
                Some(order) => orders.push(order),
                None => return Ok(Tried::Not),
            }
        }
        let stored = self.work.rows.insert_together(self.scope, &orders)?;
        Ok(if stored == orders.len() {
            Tried::AllNew
        } else {
            Tried::SomeKnown
        })
    }

    /// What is to be stored of an order if it is new; none where it cannot be, or its number is yet to be found.
    fn as_new(&self, row: &Row) -> Option<NewOrder<'d>> {
        let number = match row.number {
            Number::None => None,
            Number::Given(number) => Some(number),
            Number::Next => return None,
        };
        match decide(None, row.intent, row.hash) {
            Decision::Create(state) => Some(NewOrder {
                id: row.place(self.first),
                key: self.submission.text(row.key),
                state,
                hash: row.hash,
                number,
            }),
            Decision::Update(_) | Decision::Unchanged | Decision::Refuse(_) => None,
        }
    }

    /// Decides on an order that was tried with others, whose key is taken, if only by the order itself.
    fn decide_after_trial(&mut self, row: &Row) -> Result<(Mark, Outcome), Fault> {
        let key = self.submission.text(row.key);
        let found = self.work.rows.by_key(self.scope, key)?;
        if found.is_some_and(|order| order.id == row.place(self.first)) {
            return self.stored(row);
        }
        self.settle(row, found)
    }

    /// Decides on an order, and writes its row.
    fn decide(&mut self, row: &Row) -> Result<(Mark, Outcome), Fault> {
        if row.number == Number::Next {
            return self.create_with_next_number(row);
        }
        // Most orders are new: that is tried first, and the index itself says whether it is so.
        if let Some(order) = self.as_new(row)
            && self.work.rows.insert(self.scope, &order)?
        {
            return self.stored(row);
        }
        let key = self.submission.text(row.key);
        let found = self.work.rows.by_key(self.scope, key)?;
        self.settle(row, found)
    }

    /// Decides on an order, knowing what holds its key, and writes its row.
    fn settle(&mut self, row: &Row, found: Option<OrderRow>) -> Result<(Mark, Outcome), Fault> {
        let existing = found.map(|order| Existing {
            state: order.state,
            hash: order.hash,
        });
        match (decide(existing, row.intent, row.hash), found) {
            (Decision::Update(state), Some(order)) => self.update(row, &order, state),
            (Decision::Unchanged, Some(order)) => self.unchanged(&order),
            (Decision::Refuse(code), _) => Ok(refused(code)),
            (Decision::Create(_) | Decision::Update(_) | Decision::Unchanged, _) => {
                Err(Fault::Damaged(format!(
                    "order {} is in the index and cannot be found there",
                    self.submission.text(row.key)
                )))
            }
        }
    }

    /// Stores a new order under the next number that is not taken yet.
    fn create_with_next_number(&mut self, row: &Row) -> Result<(Mark, Outcome), Fault> {
        let state = match decide(None, row.intent, row.hash) {
            Decision::Create(state) => state,
            Decision::Refuse(code) => return Ok(refused(code)),
            Decision::Update(_) | Decision::Unchanged => {
                return Err(Fault::Damaged("there is nothing yet to change".into()));
            }
        };
        let mut number = self.work.counters(self.scope.organisation)?.number;
        loop {
            let order = NewOrder {
                id: row.place(self.first),
                key: &number.to_string(),
                state,
                hash: row.hash,
                number: Some(number),
            };
            if self.work.rows.insert(self.scope, &order)? {
                break;
            }
            number += 1;
        }
        self.work.counters(self.scope.organisation)?.number = number + 1;
        Ok(self.accepted(row, state, Some(number)))
    }

    /// What became of an order that was stored as [`Self::as_new`] has it.
    fn stored(&mut self, row: &Row) -> Result<(Mark, Outcome), Fault> {
        match self.as_new(row) {
            Some(order) => Ok(self.accepted(row, order.state, order.number)),
            None => Err(Fault::Damaged("an order was stored that is not new".into())),
        }
    }

    fn accepted(&mut self, row: &Row, state: State, number: Option<u64>) -> (Mark, Outcome) {
        *self.created.of(state) += 1;
        let taken = Taken {
            order: self.submission.batch.order(row.index),
            number,
            revision: 1,
        };
        (Mark::Accepted { number }, Outcome::Accepted(taken))
    }

    fn update(
        &mut self,
        row: &Row,
        order: &OrderRow,
        state: State,
    ) -> Result<(Mark, Outcome), Fault> {
        let revised = OrderRow {
            state,
            latest: row.place(self.first),
            revision: order.revision + 1,
            hash: row.hash,
            ..*order
        };
        let key = self.submission.text(row.key);
        self.work.rows.revise(self.scope, key, &revised)?;
        if state != order.state {
            let standing = &mut self.work.standing;
            standing.moved(self.scope, order.id, order.state, state);
        }
        let mark = Mark::Updated {
            order: order.id,
            previous: order.latest,
            revision: revised.revision,
            amendment: row.intent == Intent::Complete,
        };
        Ok((mark, Outcome::Updated(self.taken(&revised)?)))
    }

    fn unchanged(&mut self, order: &OrderRow) -> Result<(Mark, Outcome), Fault> {
        let mark = Mark::Unchanged {
            order: order.id,
            revision: order.revision,
        };
        Ok((mark, Outcome::Unchanged(self.taken(order)?)))
    }

    fn taken(&mut self, order: &OrderRow) -> Result<Taken, Fault> {
        Ok(Taken {
            order: self.order_id(order.id)?,
            number: order.number,
            revision: order.revision,
        })
    }

    /// The id of an order, which may be of this very batch: its block is then not written yet.
    fn order_id(&mut self, order: Place) -> Result<wharfinger_core::ids::OrderId, Fault> {
        if order.block() < self.first || order.block().organisation() != self.scope.organisation {
            return self.work.order_id(order);
        }
        let is_order = |row: &&Row| row.place(self.first) == order;
        let at = self
            .group
            .rows
            .partition_point(|row| row.place(self.first) < order);
        match self.group.rows.get(at).filter(is_order) {
            Some(row) => Ok(self.submission.batch.order(row.index)),
            None => Err(Fault::Damaged(
                "an order lies where nothing is written yet".into(),
            )),
        }
    }
}

fn refused(code: Code) -> (Mark, Outcome) {
    let problems = vec![Problem::with_order(code)];
    (Mark::Refused, Outcome::Rejected(problems))
}
