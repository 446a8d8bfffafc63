//! Decisions on the valid orders of one organisation, and their effect on the index. Real runs and dry runs decide by this code.

use wharfinger_core::decide::admit::{Decision, Intent, decide, ruled};
use wharfinger_core::decide::catalogue::Admission;
use wharfinger_core::dialect::Number;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::outcome::{Outcome, State, Taken};
use wharfinger_core::order::problem::{Code, Problem};
use wharfinger_core::rules::{BatchWork, Hold};

use super::sub_orders::SubOrderBlocks;
use super::txn::DecisionTxn;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::{OrderRow, PREFETCHED_MAX};
use crate::store::journal::entry_outcomes::{Effect, EntryOutcome};
use crate::store::journal::holds::About;
use crate::store::journal::state_counts::StateCounts;
use crate::store::prepare::{Group, GroupIndex, GroupTexts, Row, Submission};
use crate::store::write::txn::FEW_ORDERS;

/// The state while one organisation's orders are decided on.
pub(crate) struct Decide<'d, T> {
    pub txn: &'d mut T,
    pub connection: &'d Connection,
    pub key_space: &'d KeySpace,
    pub submission: &'d Submission,
    pub group: &'d Group,
    /// The entry address of the group's first order.
    pub first: EntryAddr,
    /// New orders by state.
    pub created: StateCounts,
    /// The entries of sub-orders.
    pub sub_orders: SubOrderBlocks,
    /// What a catalogue decided on orders, by entry address.
    pub admissions: Vec<(EntryAddr, Admission)>,
    /// Problems with a catalogue that were reported so far.
    pub problems_reported: usize,
    /// The texts of the group, decompressed on demand.
    pub texts: GroupTexts,
    /// The outcome of each order's entry, as far as decided.
    pub entry_outcomes: Vec<EntryOutcome>,
    /// What rules may still do for the batch.
    pub work: &'d mut BatchWork,
    /// Why a rule holds the order that is being decided on.
    pub hold: Option<Hold>,
    /// Why orders are held, by the address of the entry that holds them.
    pub holds: Vec<(EntryAddr, About)>,
}

/// The decisions on one organisation's orders, as far as the index does not hold them.
pub(crate) struct Decided {
    /// The outcome of each order's entry.
    pub entry_outcomes: Vec<EntryOutcome>,
    /// New orders by state.
    pub created: StateCounts,
    /// The entries of sub-orders.
    pub sub_orders: SubOrderBlocks,
    /// What a catalogue decided on orders, by entry address.
    pub admissions: Vec<(EntryAddr, Admission)>,
    /// Why orders are held, by the address of the entry that holds them.
    pub holds: Vec<(EntryAddr, About)>,
}

impl<'d, T: DecisionTxn> Decide<'d, T> {
    /// Decides on a group whose first entry gets the address `first`.
    pub(crate) fn new(
        (txn, connection): (&'d mut T, &'d Connection),
        key_space: &'d KeySpace,
        (submission, group): (&'d Submission, &'d Group),
        first: EntryAddr,
        work: &'d mut BatchWork,
    ) -> Self {
        Self {
            txn,
            connection,
            key_space,
            submission,
            group,
            first,
            created: StateCounts::default(),
            sub_orders: SubOrderBlocks::new(first.block().plus(group.blocks.len())),
            admissions: Vec::new(),
            problems_reported: 0,
            texts: GroupTexts::default(),
            entry_outcomes: vec![EntryOutcome::Refused; group.rows.len()],
            work,
            hold: None,
            holds: Vec::new(),
        }
    }

    /// Decides on all orders of the group. Sets their elements of `outcomes`, which has one for each valid order of the batch.
    pub(crate) fn group(mut self, outcomes: &mut [Outcome]) -> Result<Decided, Fault> {
        let group = self.group;
        for steps in group.steps.chunks(PREFETCHED_MAX) {
            self.prefetch(steps)?;
            for &step in steps {
                let row = &group.rows[step.at()];
                let (entry_outcome, outcome) = self.decide(row)?;
                self.entry_outcomes[step.at()] = entry_outcome;
                outcomes[row.valid.at()] = outcome;
            }
        }
        let mut admissions = self.admissions;
        admissions.sort_by_key(|(addr, _)| *addr);
        Ok(Decided {
            entry_outcomes: self.entry_outcomes,
            holds: self.holds,
            created: self.created,
            sub_orders: self.sub_orders,
            admissions,
        })
    }

    /// Prefetches the index pages of orders that are then decided on one by one.
    fn prefetch(&mut self, steps: &[GroupIndex]) -> Result<(), Fault> {
        if !self.txn.can_prefetch() {
            return Ok(());
        }
        let (submission, group) = (self.submission, self.group);
        let has_numbers = |step: &GroupIndex| group.rows[step.at()].number == Number::Next;
        if group.rows.len() <= FEW_ORDERS && !steps.iter().any(has_numbers) {
            // Prefetched for all organisations of the transaction together.
            return Ok(());
        }
        let rows = steps.iter().map(|&step| &group.rows[step.at()]);
        let (numbered, named): (Vec<&Row>, Vec<&Row>) =
            rows.partition(|row| row.number == Number::Next);
        let keys = named.iter().map(|row| submission.text(row.key));
        self.txn.prefetch(self.key_space, keys)?;
        // The numbers that these orders will get, unless some are taken.
        let next = *self.txn.next_number(self.key_space.organisation)?;
        let numbers = (next..)
            .take(numbered.len())
            .map(|number| number.to_string());
        let numbers: Vec<String> = numbers.collect();
        let keys = numbers.iter().map(String::as_str);
        self.txn.prefetch(self.key_space, keys)
    }

    /// The index row of an order if it is new. `None` if it cannot be created, or if its number is assigned later.
    fn as_new(&self, row: &Row) -> Option<OrderRow> {
        let number = match row.number {
            Number::None => None,
            Number::Given(number) => Some(number),
            Number::Next => return None,
        };
        match decide(None, row.intent, row.hash) {
            Decision::Create(state) => {
                let state = ruled(state, self.hold.is_some());
                Some(OrderRow::new(row.addr(self.first), state, row.hash, number))
            }
            Decision::Update(_) | Decision::Unchanged | Decision::Refuse(_) => None,
        }
    }

    /// Decides on an order and writes its index row.
    fn decide(&mut self, row: &Row) -> Result<(EntryOutcome, Outcome), Fault> {
        self.hold = self.group.hold(row).cloned();
        match self.submission.demand(row) {
            Some(demand) => self.decide_by_catalogue(row, demand),
            None => self.decide_by_itself(row),
        }
    }

    /// As [`Self::decide`], without regard to a catalogue.
    pub(crate) fn decide_by_itself(&mut self, row: &Row) -> Result<(EntryOutcome, Outcome), Fault> {
        if row.number == Number::Next {
            return self.create_with_next_number(row);
        }
        let key = self.submission.text(row.key);
        // Most orders are new. The insert is tried first, and the index reports whether the key is taken.
        if let Some(order) = self.as_new(row)
            && self.txn.insert(self.key_space, key, order)?
        {
            return Ok(self.accepted(row, order.state, order.number));
        }
        let found = self.txn.by_key(self.key_space, key)?;
        self.settle(row, found)
    }

    /// Decides on an order, given the order that holds its key, and writes its index row.
    fn settle(
        &mut self,
        row: &Row,
        found: Option<OrderRow>,
    ) -> Result<(EntryOutcome, Outcome), Fault> {
        if let (Some(seen), Some(order)) = (self.submission.of_revision, &found)
            && order.revision != seen
        {
            // The only order of its batch: nothing is written yet.
            return Err(Fault::Refused(format!(
                "the order has revision {} by now, not {seen}; nothing was stored",
                order.revision
            )));
        }
        let existing = found.map(|order| order.existing());
        match (decide(existing, row.intent, row.hash), found) {
            (Decision::Update(state), Some(order)) => self.update(row, &order, state),
            (Decision::Unchanged, Some(order)) => self.unchanged(row, &order),
            (Decision::Refuse(code), _) => Ok(refused(code)),
            (Decision::Create(_) | Decision::Update(_) | Decision::Unchanged, _) => {
                Err(Fault::Damaged(format!(
                    "order {} is in the index but cannot be found there",
                    self.submission.text(row.key)
                )))
            }
        }
    }

    /// Stores a new order under the next free number.
    fn create_with_next_number(&mut self, row: &Row) -> Result<(EntryOutcome, Outcome), Fault> {
        let state = match decide(None, row.intent, row.hash) {
            Decision::Create(state) => ruled(state, self.hold.is_some()),
            Decision::Refuse(code) => return Ok(refused(code)),
            Decision::Update(_) | Decision::Unchanged => {
                return Err(Fault::Damaged("there is nothing yet to change".into()));
            }
        };
        let number = self.insert_with_next_number(row.addr(self.first), state, row.hash)?;
        Ok(self.accepted(row, state, Some(number)))
    }

    /// Writes the index row of a new order under the next free number. Returns the number.
    pub(crate) fn insert_with_next_number(
        &mut self,
        id: EntryAddr,
        state: State,
        hash: u128,
    ) -> Result<u64, Fault> {
        let mut number = *self.txn.next_number(self.key_space.organisation)?;
        loop {
            let order = OrderRow::new(id, state, hash, Some(number));
            let key = number.to_string();
            if self.txn.insert(self.key_space, &key, order)? {
                break;
            }
            number += 1;
        }
        *self.txn.next_number(self.key_space.organisation)? = number + 1;
        Ok(number)
    }

    fn accepted(
        &mut self,
        row: &Row,
        state: State,
        number: Option<u64>,
    ) -> (EntryOutcome, Outcome) {
        *self.created.of(state) += 1;
        let taken = Taken {
            order: self.submission.batch.order(row.index),
            number,
            revision: 1,
            sub_orders: Box::default(),
            held: self.note_hold(row.addr(self.first), state),
        };
        let held = state == State::Held;
        (
            EntryOutcome::Accepted { number, held },
            Outcome::Accepted(taken),
        )
    }

    fn update(
        &mut self,
        row: &Row,
        order: &OrderRow,
        state: State,
    ) -> Result<(EntryOutcome, Outcome), Fault> {
        if row.intent.is_addition() {
            self.hold = self.judge_addition(row, order, state)?;
        } else if order.number.is_some() {
            self.judge_mended(row, order)?;
        }
        let state = ruled(state, self.hold.is_some());
        let revised = OrderRow {
            state,
            latest: row.addr(self.first),
            revision: order.revision + 1,
            hash: row.hash,
            ..*order
        };
        let key = self.submission.text(row.key);
        self.txn.replace(self.key_space, key, (order, revised))?;
        let entry_outcome = EntryOutcome::Updated {
            order: order.id,
            previous: order.latest,
            revision: revised.revision,
            amendment: row.intent.is_addition(),
            effect: match (order.state, state) {
                (_, State::Held) => Effect::Held,
                (State::Held, _) => Effect::Released,
                _ => Effect::None,
            },
        };
        let mut taken = self.taken(&revised)?;
        taken.held = self.note_hold(revised.latest, state);
        if row.intent == Intent::Complete {
            let is_placed = order.state == State::Draft;
            taken.sub_orders = self.complete_by_catalogue(row, order, is_placed)?;
        }
        Ok((entry_outcome, Outcome::Updated(taken)))
    }

    fn unchanged(&mut self, row: &Row, order: &OrderRow) -> Result<(EntryOutcome, Outcome), Fault> {
        let entry_outcome = EntryOutcome::Unchanged {
            order: order.id,
            revision: order.revision,
        };
        let mut taken = self.taken(order)?;
        taken.held = self.held_by(order)?;
        if row.intent == Intent::Complete {
            taken.sub_orders = self.complete_by_catalogue(row, order, false)?;
        }
        Ok((entry_outcome, Outcome::Unchanged(taken)))
    }

    fn taken(&mut self, order: &OrderRow) -> Result<Taken, Fault> {
        Ok(Taken {
            order: self.order_id(order.id)?,
            number: order.number,
            revision: order.revision,
            sub_orders: Box::default(),
            held: None,
        })
    }

    /// The id of an order. The order may be in this batch, whose blocks are not written yet.
    ///
    /// # Errors
    /// The batch has created the order as a sub-order. The entry of a later change would have a lower address than the order.
    pub(crate) fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        if order < self.first || order.block().organisation() != self.key_space.organisation {
            return self.txn.order_id(order);
        }
        match self.own_row(order) {
            Some(at) => Ok(self.submission.batch.order(self.group.rows[at].index)),
            None => Err(Fault::Refused(
                "a batch cannot change the sub-orders that it creates".into(),
            )),
        }
    }
}

impl<T: DecisionTxn> Decide<'_, T> {
    /// The position among the group's orders of the one whose entry has this address.
    pub(crate) fn own_row(&self, addr: EntryAddr) -> Option<usize> {
        let rows = &self.group.rows;
        let at = rows.partition_point(|row| row.addr(self.first) < addr);
        rows.get(at).filter(|row| row.addr(self.first) == addr)?;
        Some(at)
    }
}

/// The decision that an order is rejected with one problem.
pub(crate) fn refused(code: Code) -> (EntryOutcome, Outcome) {
    let outcome = Outcome::Rejected([Problem::with_order(code)].into());
    (EntryOutcome::Refused, outcome)
}
