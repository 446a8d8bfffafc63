//! Rules that hold orders: those that depend on what is stored are evaluated here, the others before the writer's turn.

use std::sync::Arc;

use wharfinger_core::decide::catalogue::Admission;
use wharfinger_core::dialects;
use wharfinger_core::order::outcome::State;
use wharfinger_core::rules::Hold;

use super::decide::Decide;
use super::txn::DecisionTxn;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::index::orders::OrderRow;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::holds::{self, About};
use crate::store::journal::read::Journal;
use crate::store::prepare::Row;

impl<T: DecisionTxn> Decide<'_, T> {
    /// Judges a new order with the prices that the catalogue gave it.
    pub(super) fn judge_admitted(
        &mut self,
        row: &Row,
        admission: &Admission,
    ) -> Result<Option<Hold>, Fault> {
        if self.group.rules.is_none() || row.intent.initial_state() == State::Draft {
            return Ok(None);
        }
        let text = self.texts.of(self.group, row)?.to_owned();
        Ok(self.judge(row, vec![text], Some(admission.clone())))
    }

    /// Judges an order with an addition to its content. `state` is what it would be without rules.
    pub(super) fn judge_addition(
        &mut self,
        row: &Row,
        order: &OrderRow,
        state: State,
    ) -> Result<Option<Hold>, Fault> {
        let may_hold = matches!(state, State::Held | State::Pending);
        if self.group.rules.is_none() || !may_hold {
            return Ok(None);
        }
        let mut texts = self.texts_before(order)?;
        texts.push(self.texts.of(self.group, row)?.to_owned());
        let admission = match order.number {
            Some(_) => self.txn.admission(order.id)?,
            None => None,
        };
        Ok(self.judge(row, texts, admission))
    }

    /// Judges the new text of an order again, if a catalogue has given it prices. Only a person can replace such a text.
    pub(super) fn judge_mended(&mut self, row: &Row, order: &OrderRow) -> Result<(), Fault> {
        if self.group.rules.is_none() {
            return Ok(());
        }
        if let Some(admission) = self.txn.admission(order.id)? {
            let text = self.texts.of(self.group, row)?.to_owned();
            self.hold = self.judge(row, vec![text], Some(admission));
        }
        Ok(())
    }

    fn judge(
        &mut self,
        row: &Row,
        texts: Vec<String>,
        admission: Option<Admission>,
    ) -> Option<Hold> {
        let rules = self.group.rules.as_ref()?;
        let dialect = dialects::find(self.submission.dialect)?;
        let mut subject = rules.subject(self.submission.text(row.key), texts);
        subject.admission = admission;
        rules.find(dialect, &subject, self.work)
    }

    /// The texts that an order consists of, oldest first. Some of them may be in this batch.
    fn texts_before(&mut self, order: &OrderRow) -> Result<Vec<String>, Fault> {
        self.txn.settle_blocks()?;
        let mut journal = Journal::new(self.connection);
        let mut texts = Vec::new();
        let mut addr = order.latest;
        loop {
            let own = self.own_row(addr).filter(|_| addr >= self.first);
            let outcome = if let Some(at) = own {
                let row = &self.group.rows[at];
                texts.push(self.texts.of(self.group, row)?.to_owned());
                self.entry_outcomes[at]
            } else {
                texts.push(journal.text(addr)?.to_owned());
                journal.entry_outcome(addr)?
            };
            let EntryOutcome::Updated {
                previous,
                amendment: true,
                ..
            } = outcome
            else {
                break;
            };
            if previous >= addr {
                break;
            }
            addr = previous;
        }
        texts.reverse();
        Ok(texts)
    }

    /// Notes why the entry at this address holds its order, if it does. Returns the name of the rule.
    pub(super) fn note_hold(&mut self, entry: EntryAddr, state: State) -> Option<Arc<str>> {
        let hold = self.hold.as_ref().filter(|_| state == State::Held)?;
        self.holds.push((entry, About::Hold(hold.clone())));
        Some(hold.rule.as_str().into())
    }

    /// The name of the rule that holds a stored order, if one does.
    pub(super) fn held_by(&self, order: &OrderRow) -> Result<Option<Arc<str>>, Fault> {
        if order.state != State::Held {
            return Ok(None);
        }
        let noted = self
            .holds
            .iter()
            .rev()
            .find(|(entry, _)| *entry == order.latest);
        if let Some((_, About::Hold(hold))) = noted {
            return Ok(Some(hold.rule.as_str().into()));
        }
        let hold = holds::read_hold(self.connection, order.latest)?;
        Ok(Some(hold.rule.into()))
    }
}
