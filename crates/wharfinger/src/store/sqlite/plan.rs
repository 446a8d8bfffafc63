//! What would become of a batch, decided without writing: for dry runs, and before a batch that is taken whole or not at all.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::Connection;
use wharfinger_core::admit::{Decision, Existing, Policy, decide};
use wharfinger_core::dialect::Number;
use wharfinger_core::ids::{OrderId, OrganisationId};
use wharfinger_core::outcome::{Outcome, State, Taken};
use wharfinger_core::problem::{Code, Problem};

use super::fault::Fault;
use super::ids::OrderIds;
use super::rows::{Lookup, Scope};
use super::work::find_dialect;
use crate::store::prepare::{Group, Row, Submission};

/// What would become of the good orders of a batch, over what is stored and what stands before them in the batch.
/// `next_number` tells the first order number that an organisation has not given yet.
pub(super) fn plan(
    connection: &Connection,
    submission: &Submission,
    mut next_number: impl FnMut(OrganisationId) -> Result<u64, Fault>,
) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = vec![Outcome::Withheld; submission.good];
    let dialect = find_dialect(connection, submission.dialect)?;
    for group in &submission.groups {
        let mut planning = Planning {
            connection,
            submission,
            // Without a number the dialect has no order yet.
            scope: dialect.map(|dialect| Scope::new(group.organisation, dialect)),
            lookup: Lookup::new(connection)?,
            order_ids: OrderIds::default(),
            changed: HashMap::new(),
            next_number: next_number(group.organisation)?,
        };
        planning.decide_group(group, &mut outcomes)?;
    }
    if is_refused(submission, &outcomes) {
        withhold(&mut outcomes);
    }
    Ok(outcomes)
}

/// Whether a batch that is taken whole or not at all is not taken.
pub(super) fn is_refused(submission: &Submission, outcomes: &[Outcome]) -> bool {
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

/// One organisation's orders being decided on.
struct Planning<'p> {
    connection: &'p Connection,
    submission: &'p Submission,
    scope: Option<Scope>,
    lookup: Lookup<'p>,
    order_ids: OrderIds,
    /// The orders that the batch would have changed so far, by key.
    changed: HashMap<Cow<'p, str>, Known>,
    next_number: u64,
}

/// An order as a decision finds it.
#[derive(Clone, Copy)]
struct Known {
    state: State,
    hash: u128,
    taken: Taken,
}

impl<'p> Planning<'p> {
    fn decide_group(&mut self, group: &Group, outcomes: &mut [Outcome]) -> Result<(), Fault> {
        for &step in &group.steps {
            let row = &group.rows[step as usize];
            outcomes[row.answer as usize] = match row.number {
                Number::Next => self.decide_with_next_number(row)?,
                Number::None | Number::Given(_) => {
                    let key = self.submission.text(row.key);
                    let known = self.find(key)?;
                    self.decide(row, Cow::Borrowed(key), known, given(row.number))
                }
            };
        }
        Ok(())
    }

    fn decide_with_next_number(&mut self, row: &Row) -> Result<Outcome, Fault> {
        let mut number = self.next_number;
        let mut key = number.to_string();
        while self.find(&key)?.is_some() {
            number += 1;
            key = number.to_string();
        }
        let outcome = self.decide(row, Cow::Owned(key), None, Some(number));
        if outcome.taken().is_some() {
            self.next_number = number + 1;
        }
        Ok(outcome)
    }

    fn decide(
        &mut self,
        row: &Row,
        key: Cow<'p, str>,
        known: Option<Known>,
        number: Option<u64>,
    ) -> Outcome {
        let existing = known.map(|known| Existing {
            state: known.state,
            hash: known.hash,
        });
        let new = Taken {
            order: self.submission.batch.order(row.index),
            number,
            revision: 1,
        };
        let before = known.map_or(new, |known| known.taken);
        match decide(existing, row.intent, row.hash) {
            Decision::Create(state) => {
                self.change(row, key, state, new);
                Outcome::Accepted(new)
            }
            Decision::Update(state) => {
                let revision = before.revision + 1;
                let taken = Taken { revision, ..before };
                self.change(row, key, state, taken);
                Outcome::Updated(taken)
            }
            Decision::Unchanged => Outcome::Unchanged(before),
            Decision::Refuse(code) => refused(code),
        }
    }

    fn change(&mut self, row: &Row, key: Cow<'p, str>, state: State, taken: Taken) {
        let hash = row.hash;
        self.changed.insert(key, Known { state, hash, taken });
    }

    /// The order that would hold a key.
    fn find(&mut self, key: &str) -> Result<Option<Known>, Fault> {
        if let Some(known) = self.changed.get(key) {
            return Ok(Some(*known));
        }
        let Some(scope) = &self.scope else {
            return Ok(None);
        };
        let Some(order) = self.lookup.by_key(scope, key)? else {
            return Ok(None);
        };
        let id: OrderId = self.order_ids.get(self.connection, order.id)?;
        Ok(Some(Known {
            state: order.state,
            hash: order.hash,
            taken: Taken {
                order: id,
                number: order.number,
                revision: order.revision,
            },
        }))
    }
}

fn given(number: Number) -> Option<u64> {
    match number {
        Number::Given(number) => Some(number),
        Number::None | Number::Next => None,
    }
}

/// The outcome of an order that is turned down.
pub(super) fn refused(code: Code) -> Outcome {
    Outcome::Rejected(vec![Problem::with_order(code)])
}
