//! The outcome of a batch without writing it: for dry runs, and before an all-or-nothing batch.

use std::borrow::Cow;
use std::collections::HashMap;

use wharfinger_core::admit::{Decision, Existing, Intent, Policy, decide};
use wharfinger_core::catalogue::{self, Demand};
use wharfinger_core::dialect::Number;
use wharfinger_core::ids::{OrderId, OrganisationId};
use wharfinger_core::limits::problems_told_max;
use wharfinger_core::outcome::{Outcome, State, Taken};
use wharfinger_core::problem::{Code, Problem};

use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::Lookup;
use crate::store::journal::admissions;
use crate::store::journal::dialects::find_dialect;
use crate::store::journal::end::read_counters;
use crate::store::journal::order_ids::OrderIds;
use crate::store::prepare::{Group, Row, Submission};
use crate::store::stock::overlay::CatalogueOverlay;

impl Store {
    /// Dry run: what [`Self::admit_batch`] would answer now. It stores nothing and does not wait for the writer. Ids and numbers
    /// are those that would be given.
    pub async fn try_batch(&self, submission: Submission) -> Result<Vec<Outcome>, StoreError> {
        let read = move |connection: &Connection| {
            let next_number = |organisation| Ok(read_counters(connection, organisation)?.number);
            plan(connection, &submission, next_number)
        };
        self.readers.read(read).await
    }
}

/// The outcomes of the valid orders of a batch, decided on the stored orders and the earlier orders of the batch.
/// `next_number` returns the first order number that an organisation has not assigned yet.
pub(crate) fn plan(
    connection: &Connection,
    submission: &Submission,
    mut next_number: impl FnMut(OrganisationId) -> Result<u64, Fault>,
) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = vec![Outcome::Withheld; submission.good];
    let dialect = find_dialect(connection, submission.dialect)?;
    let mut overlay = CatalogueOverlay::default();
    for group in &submission.groups {
        let mut planning = Planning {
            connection,
            submission,
            // A dialect without a number has no stored orders.
            key_space: dialect.map(|dialect| KeySpace::new(group.organisation, dialect)),
            lookup: Lookup::new(connection),
            order_ids: OrderIds::default(),
            organisation: group.organisation,
            overlay,
            problems_told: 0,
            changed: HashMap::new(),
            next_number: next_number(group.organisation)?,
        };
        planning.decide_group(group, &mut outcomes)?;
        overlay = planning.overlay;
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

/// The state while one organisation's orders are decided on.
struct Planning<'p> {
    connection: &'p Connection,
    submission: &'p Submission,
    key_space: Option<KeySpace>,
    lookup: Lookup<'p>,
    order_ids: OrderIds,
    organisation: OrganisationId,
    /// The stock and customers after the batch's earlier orders.
    overlay: CatalogueOverlay,
    /// Problems with a catalogue that were reported so far.
    problems_told: usize,
    /// The orders that the batch's earlier orders would have created or changed, by key.
    changed: HashMap<Cow<'p, str>, Known>,
    next_number: u64,
}

/// An existing order, as a decision sees it.
#[derive(Clone)]
struct Known {
    /// Its entry address, if it is stored and the batch has not changed it.
    place: Option<EntryAddr>,
    state: State,
    hash: u128,
    taken: Taken,
}

impl Known {
    fn existing(&self) -> Existing {
        Existing {
            state: self.state,
            hash: self.hash,
        }
    }
}

impl<'p> Planning<'p> {
    fn decide_group(&mut self, group: &Group, outcomes: &mut [Outcome]) -> Result<(), Fault> {
        for &step in &group.steps {
            let row = &group.rows[step as usize];
            outcomes[row.answer as usize] = match self.submission.demand(row) {
                Some(demand) => self.decide_by_catalogue(row, demand)?,
                None => self.decide_by_itself(row)?,
            };
        }
        Ok(())
    }

    /// Decides on an order that its organisation's catalogue must accept.
    fn decide_by_catalogue(&mut self, row: &Row, demand: &Demand) -> Result<Outcome, Fault> {
        let (connection, organisation) = (self.connection, self.organisation);
        let (lines, attached) = match self.overlay.decide(connection, organisation, demand)? {
            Ok(decided) => decided,
            Err(problems) => return self.refuse(row, problems),
        };
        let mut outcome = self.decide_by_itself(row)?;
        if let Outcome::Accepted(taken) = &mut outcome {
            // It is not stored and has no entry address.
            let order = BlockId::new(organisation, 0).entry(0);
            self.overlay.take(order, &lines);
            let customer = (&demand.customer, attached);
            self.overlay.attach(connection, organisation, customer)?;
            if row.intent.initial_state() != State::Draft {
                taken.parts = self.number_parts(row, taken, catalogue::parts(lines).len())?;
            }
        }
        Ok(outcome)
    }

    /// Refuses an order that the catalogue does not accept. A conflict on its number is reported first.
    fn refuse(&mut self, row: &Row, problems: Vec<Problem>) -> Result<Outcome, Fault> {
        if row.number != Number::Next {
            let known = self.find(self.submission.text(row.key))?;
            let existing = known.as_ref().map(Known::existing);
            if let Decision::Refuse(code) = decide(existing, row.intent, row.hash) {
                return Ok(refused(code));
            }
        }
        let told = told(problems, &mut self.problems_told);
        Ok(Outcome::Rejected(told.into()))
    }

    /// The numbers of an order and its sub-orders, when a stored order is completed that a catalogue has accepted.
    fn completed_parts(
        &mut self,
        row: &Row,
        taken: &Taken,
        (order, before): (EntryAddr, State),
    ) -> Result<Box<[u64]>, Fault> {
        match admissions::read(self.connection, order)? {
            None => Ok(Box::default()),
            Some(kept) if before == State::Draft => {
                self.number_parts(row, taken, catalogue::parts(kept.lines).len())
            }
            Some(kept) => Ok(kept.numbers().into()),
        }
    }

    /// The numbers of an order and its sub-orders, if it would be split. Empty if not.
    fn number_parts(
        &mut self,
        row: &Row,
        first: &Taken,
        parts: usize,
    ) -> Result<Box<[u64]>, Fault> {
        if parts < 2 {
            return Ok(Box::default());
        }
        let mut numbers: Vec<u64> = first.number.into_iter().collect();
        for _ in 1..parts {
            let (number, key) = self.free_number()?;
            self.next_number = number + 1;
            let part = Taken {
                number: Some(number),
                ..first.clone()
            };
            self.change(row, Cow::Owned(key), State::Pending, part);
            numbers.push(number);
        }
        Ok(numbers.into())
    }

    /// Decides on an order without regard to a catalogue.
    fn decide_by_itself(&mut self, row: &Row) -> Result<Outcome, Fault> {
        match row.number {
            Number::Next => self.decide_with_next_number(row),
            Number::None | Number::Given(_) => {
                let key = self.submission.text(row.key);
                let known = self.find(key)?;
                let before = known.as_ref().map(|known| (known.place, known.state));
                let mut outcome = self.decide(row, Cow::Borrowed(key), known, given(row.number));
                if let (Intent::Complete, Some((Some(place), state))) = (row.intent, before)
                    && let Outcome::Updated(taken) | Outcome::Unchanged(taken) = &mut outcome
                {
                    taken.parts = self.completed_parts(row, taken, (place, state))?;
                }
                Ok(outcome)
            }
        }
    }

    fn decide_with_next_number(&mut self, row: &Row) -> Result<Outcome, Fault> {
        let (number, key) = self.free_number()?;
        let outcome = self.decide(row, Cow::Owned(key), None, Some(number));
        if outcome.taken().is_some() {
            self.next_number = number + 1;
        }
        Ok(outcome)
    }

    /// The next number that no order has, and its key.
    fn free_number(&mut self) -> Result<(u64, String), Fault> {
        let mut number = self.next_number;
        let mut key = number.to_string();
        while self.find(&key)?.is_some() {
            number += 1;
            key = number.to_string();
        }
        Ok((number, key))
    }

    fn decide(
        &mut self,
        row: &Row,
        key: Cow<'p, str>,
        known: Option<Known>,
        number: Option<u64>,
    ) -> Outcome {
        let existing = known.as_ref().map(Known::existing);
        let new = Taken {
            order: self.submission.batch.order(row.index),
            number,
            revision: 1,
            parts: Box::default(),
        };
        let before = known.map_or_else(|| new.clone(), |known| known.taken);
        match decide(existing, row.intent, row.hash) {
            Decision::Create(state) => {
                self.change(row, key, state, new.clone());
                Outcome::Accepted(new)
            }
            Decision::Update(state) => {
                let revision = before.revision + 1;
                let taken = Taken { revision, ..before };
                self.change(row, key, state, taken.clone());
                Outcome::Updated(taken)
            }
            Decision::Unchanged => Outcome::Unchanged(before),
            Decision::Refuse(code) => refused(code),
        }
    }

    fn change(&mut self, row: &Row, key: Cow<'p, str>, state: State, taken: Taken) {
        let hash = row.hash;
        let known = Known {
            place: None,
            state,
            hash,
            taken,
        };
        self.changed.insert(key, known);
    }

    /// The order that would hold a key after the batch's earlier orders.
    fn find(&mut self, key: &str) -> Result<Option<Known>, Fault> {
        if let Some(known) = self.changed.get(key) {
            return Ok(Some(known.clone()));
        }
        let Some(key_space) = &self.key_space else {
            return Ok(None);
        };
        let Some(order) = self.lookup.by_key(key_space, key)? else {
            return Ok(None);
        };
        let id: OrderId = self.order_ids.get(self.connection, order.id)?;
        Ok(Some(Known {
            place: Some(order.id),
            state: order.state,
            hash: order.hash,
            taken: Taken {
                order: id,
                number: order.number,
                revision: order.revision,
                parts: Box::default(),
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

/// Truncates an order's problems to the number that may be reported, after those of earlier orders.
pub(crate) fn told(mut problems: Vec<Problem>, told_before: &mut usize) -> Vec<Problem> {
    problems.truncate(problems_told_max(*told_before));
    *told_before += problems.len();
    problems
}

/// The outcome of an order that is rejected with one problem.
pub(crate) fn refused(code: Code) -> Outcome {
    Outcome::Rejected([Problem::with_order(code)].into())
}
