//! Orders of an enforced catalogue: which lines are accepted, what stock they take, and from which warehouses they ship.

use wharfinger_core::decide::admit::{Decision, decide, ruled};
use wharfinger_core::decide::catalogue::{self, Admission, Demand, Split};
use wharfinger_core::dialect::Number;
use wharfinger_core::limits::problems_reported_max;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::outcome::{Outcome, State};
use wharfinger_core::order::problem::Problem;

use super::decide::{Decide, refused};
use super::sub_orders::SubOrderText;
use super::txn::DecisionTxn;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::index::orders::OrderRow;
use crate::store::journal::entry_outcomes::{Effect, EntryOutcome};
use crate::store::journal::read::Journal;
use crate::store::prepare::Row;
use crate::store::read::orders::shown_texts;
use crate::store::stock::product_cache::are_active;

/// What sub-orders share with their order.
struct Shared {
    /// The texts of the order, oldest first.
    texts: Vec<String>,
    /// The hash of the order's e-mail address.
    email: EmailHash,
}

impl<T: DecisionTxn> Decide<'_, T> {
    /// Decides on an order that its organisation's catalogue must accept, and takes the stock that it gets.
    pub(crate) fn decide_by_catalogue(
        &mut self,
        row: &Row,
        demand: &Demand,
    ) -> Result<(EntryOutcome, Outcome), Fault> {
        let connection = self.connection;
        let organisation = self.key_space.organisation;
        let overlay = self.txn.overlay();
        let decided = overlay.decide(connection, organisation, demand)?;
        let (lines, attached) = match decided {
            Ok(decided) => decided,
            Err(problems) => return self.refuse(row, problems),
        };
        let kept = Admission {
            lines,
            customer: None,
            split: None,
        };
        self.hold = self.judge_admitted(row, &kept)?;
        let lines = kept.lines;
        let (entry_outcome, mut outcome) = self.decide_by_itself(row)?;
        let Outcome::Accepted(taken) = &mut outcome else {
            return Ok((entry_outcome, outcome));
        };
        let addr = row.addr(self.first);
        let overlay = self.txn.overlay();
        overlay.take(addr, &lines);
        let customer = overlay.attach(connection, organisation, (&demand.customer, attached))?;
        let mut kept = Admission {
            lines,
            customer,
            split: None,
        };
        if row.intent.initial_state() != State::Draft {
            kept = self.split(row, (taken.order, taken.number), kept, |deciding| {
                Ok(Shared {
                    texts: vec![deciding.texts.of(deciding.group, row)?.to_owned()],
                    email: deciding.group.email(row),
                })
            })?;
        }
        taken.sub_orders = kept.numbers().into();
        self.admissions.push((addr, kept));
        Ok((entry_outcome, outcome))
    }

    /// Refuses an order that the catalogue does not accept. A conflict on its number is reported first.
    fn refuse(
        &mut self,
        row: &Row,
        problems: Vec<Problem>,
    ) -> Result<(EntryOutcome, Outcome), Fault> {
        if row.number != Number::Next {
            let key = self.submission.text(row.key);
            let found = self.txn.by_key(self.key_space, key)?;
            let existing = found.map(|order| order.existing());
            if let Decision::Refuse(code) = decide(existing, row.intent, row.hash) {
                return Ok(refused(code));
            }
        }
        // Only so many problems of a batch are reported.
        let mut reported = problems;
        reported.truncate(problems_reported_max(self.problems_reported));
        self.problems_reported += reported.len();
        Ok((EntryOutcome::Refused, Outcome::Rejected(reported.into())))
    }

    /// The numbers of an order and its sub-orders, when the order is completed.
    ///
    /// If that places the order, it is split now. Lines whose product is no longer active are back-ordered first.
    pub(crate) fn complete_by_catalogue(
        &mut self,
        row: &Row,
        order: &OrderRow,
        is_placed: bool,
    ) -> Result<Box<[u64]>, Fault> {
        let connection = self.connection;
        let Some(kept) = self.txn.admission(order.id)? else {
            return Ok(Box::default());
        };
        if !is_placed {
            return Ok(kept.numbers().into());
        }
        let is_active = are_active(connection, &kept.lines)?;
        let placed = catalogue::place(&kept.lines, &is_active);
        let mut back = kept.lines;
        for (before, after) in back.iter_mut().zip(&placed) {
            before.taken -= after.taken;
        }
        let overlay = self.txn.overlay();
        overlay.give_back(connection, order.id, &back)?;
        let kept = Admission {
            lines: placed,
            ..kept
        };
        let origin = self.order_id(order.id)?;
        let kept = self.split(row, (origin, order.number), kept, |deciding| {
            let mut journal = Journal::new(connection);
            let mut texts = Vec::new();
            for addr in shown_texts(&mut journal, order)?.into_iter().rev() {
                texts.push(journal.text(addr)?.to_owned());
            }
            texts.push(deciding.texts.of(deciding.group, row)?.to_owned());
            let email = journal.email(order.id)?;
            Ok(Shared { texts, email })
        })?;
        self.txn.replace_admission(order.id, &kept)?;
        Ok(kept.numbers().into())
    }

    /// Splits an order by warehouse and stores its sub-orders. Returns the admission of the order itself.
    ///
    /// Most orders have no sub-orders.
    fn split(
        &mut self,
        row: &Row,
        (origin, number): (OrderId, Option<u64>),
        kept: Admission,
        shared: impl FnOnce(&mut Self) -> Result<Shared, Fault>,
    ) -> Result<Admission, Fault> {
        let mut by_warehouse = catalogue::sub_orders(kept.lines).into_iter();
        let mut first = Admission {
            lines: by_warehouse.next().unwrap_or_default(),
            ..kept
        };
        if by_warehouse.len() == 0 {
            return Ok(first);
        }
        let shared = shared(self)?;
        let mut numbers: Vec<u64> = number.into_iter().collect();
        for lines in by_warehouse {
            let sub_order = Admission {
                lines,
                customer: first.customer,
                split: Some(Split {
                    origin,
                    numbers: Vec::new(),
                }),
            };
            numbers.push(self.store_sub_order(row, &shared, sub_order)?);
        }
        first.split = Some(Split { origin, numbers });
        Ok(first)
    }

    /// Stores a sub-order as an order of its own. Returns its number.
    fn store_sub_order(
        &mut self,
        row: &Row,
        shared: &Shared,
        sub_order: Admission,
    ) -> Result<u64, Fault> {
        let order = self.sub_orders.next_addr();
        let state = ruled(State::Pending, self.hold.is_some());
        let held = state == State::Held;
        let number = self.insert_with_next_number(order, state, row.hash)?;
        *self.created.of(state) += 1;
        let key = number.to_string();
        let mut latest = order;
        let mut revision = 0;
        for text in &shared.texts {
            let addr = self.sub_orders.next_addr();
            revision += 1;
            let entry_outcome = if revision == 1 {
                EntryOutcome::Accepted {
                    number: Some(number),
                    held,
                }
            } else {
                EntryOutcome::Updated {
                    order,
                    previous: latest,
                    revision,
                    amendment: true,
                    effect: if held { Effect::Held } else { Effect::None },
                }
            };
            self.note_hold(addr, state);
            let entry = SubOrderText {
                index: row.index,
                key: &key,
                email: if revision == 1 {
                    shared.email
                } else {
                    EmailHash::NONE
                },
                text,
            };
            self.sub_orders.push(&entry, entry_outcome)?;
            latest = addr;
        }
        if revision > 1 {
            let before = OrderRow::new(order, state, row.hash, Some(number));
            let revised = OrderRow {
                latest,
                revision,
                ..before
            };
            self.txn.replace(self.key_space, &key, (&before, revised))?;
        }
        self.admissions.push((order, sub_order));
        Ok(number)
    }
}
