//! An in-memory model of the store. It is too simple to be wrong and defines what a real store must do.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use wharfinger_core::decide::admit::{self, Decision, Existing, Move};
use wharfinger_core::decide::catalogue::{self, Admission, Split};
use wharfinger_core::dialect::{Draft, Number, OrderQuery, Slot, StoredOrder, Verdict};
use wharfinger_core::order::ids::{BatchId, OrganisationId, is_sub_order, sub_order_index};
use wharfinger_core::order::outcome::{Outcome, State, Taken};
use wharfinger_core::order::problem::{Code, Problem};

use super::case::ORGANISATIONS;
use super::shelves::Shelves;

/// The time of every event here: 2026-01-01T00:00:00Z.
const NOW_MS: i64 = 1_767_225_600_000;

/// The organisation and dialect of an order.
type Shelf = (OrganisationId, &'static str);

/// All orders, in order of creation.
#[derive(Clone, Default)]
pub(crate) struct Model {
    orders: Vec<Kept>,
    last_numbers: HashMap<Shelf, u64>,
    batches: u64,
    /// The stock of the one enforced catalogue.
    shelves: Shelves,
}

#[derive(Clone)]
struct Kept {
    shelf: Shelf,
    order: StoredOrder,
    hash: u128,
    /// Whether the order still holds its key. If not, another order may have taken it.
    holds_key: bool,
}

/// The context of one order of a batch.
#[derive(Clone, Copy)]
struct Of<'o> {
    dialect: &'static str,
    batch: BatchId,
    index: u32,
    slot: &'o Slot<'o>,
    draft: &'o Draft,
}

impl Model {
    /// Returns the id of another batch.
    pub(crate) fn next_batch(&mut self) -> BatchId {
        self.batches += 1;
        BatchId::new(NOW_MS.unsigned_abs(), self.batches << 32)
    }

    /// Admits a batch, slot by slot. Outcome *i* belongs to slot *i*.
    pub(crate) fn admit(
        &mut self,
        dialect: &'static str,
        batch: BatchId,
        slots: &[Slot<'_>],
    ) -> Result<Vec<Outcome>, String> {
        let mut outcomes = Vec::new();
        let first = self.orders.len();
        for (slot, index) in slots.iter().zip(0..) {
            outcomes.push(match &slot.verdict {
                Verdict::Good(draft) => {
                    let of = Of {
                        dialect,
                        batch,
                        index,
                        slot,
                        draft,
                    };
                    self.admit_one(&of)?
                }
                Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                    Outcome::Rejected(problems.clone())
                }
            });
        }
        // Parts follow all orders of their batch.
        self.orders[first..].sort_by_key(|kept| kept.order.id.index().is_some_and(is_sub_order));
        Ok(outcomes)
    }

    fn admit_one(&mut self, of: &Of<'_>) -> Result<Outcome, String> {
        let before = self.clone();
        let decided = of.draft.demand.as_ref().map(|demand| {
            let decided = self.shelves.decide(demand);
            (decided, &demand.customer)
        });
        let outcome = self.admit_by_itself(of)?;
        let id = match &outcome {
            Outcome::Accepted(taken) | Outcome::Updated(taken) | Outcome::Unchanged(taken) => {
                taken.order
            }
            Outcome::Rejected(_) | Outcome::Withheld => return Ok(outcome),
        };
        let at = self.orders.iter().position(|kept| kept.order.id == id);
        let at = at.ok_or("an order that was taken is not there")?;
        match decided {
            Some((Err(problems), _)) => {
                *self = before;
                return Ok(Outcome::Rejected(problems.into()));
            }
            Some((Ok((lines, attached)), attach)) => {
                self.shelves.take(&lines);
                let customer = self.shelves.attach(attach, attached);
                self.orders[at].order.admission = Some(Admission {
                    lines,
                    customer,
                    split: None,
                });
            }
            None => {}
        }
        self.split(at, of);
        let taken = taken(&self.orders[at].order);
        Ok(match outcome {
            Outcome::Accepted(_) => Outcome::Accepted(taken),
            Outcome::Updated(_) => Outcome::Updated(taken),
            Outcome::Unchanged(_) => Outcome::Unchanged(taken),
            Outcome::Rejected(_) | Outcome::Withheld => outcome,
        })
    }

    /// Splits an order that was just placed.
    fn split(&mut self, at: usize, of: &Of<'_>) {
        let whole = self.orders[at].clone();
        let Some(admission) = &whole.order.admission else {
            return;
        };
        let parts = catalogue::sub_orders(admission.lines.clone());
        if whole.order.state == State::Draft || admission.split.is_some() || parts.len() < 2 {
            return;
        }
        let origin = whole.order.id;
        let mut numbers: Vec<u64> = whole.order.number.into_iter().collect();
        let mut entry = 0;
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_default();
        for lines in parts {
            let mut part = whole.clone();
            let number = self.next_number(whole.shelf);
            numbers.push(number);
            let index = sub_order_index(of.index, entry).expect("there are few");
            entry += whole.order.texts.len();
            part.order.id = of.batch.order(index);
            part.order.number = Some(number);
            part.order.key = number.to_string();
            part.order.admission = Some(Admission {
                lines,
                customer: admission.customer,
                split: Some(Split {
                    origin,
                    numbers: Vec::new(),
                }),
            });
            self.orders.push(part);
        }
        self.orders[at].order.admission = Some(Admission {
            lines: first,
            customer: admission.customer,
            split: Some(Split { origin, numbers }),
        });
    }

    /// Admits an order, regardless of the catalogue.
    fn admit_by_itself(&mut self, of: &Of<'_>) -> Result<Outcome, String> {
        let Of {
            dialect,
            batch,
            index,
            slot,
            draft,
        } = *of;
        let owner = slot.organisation;
        let owner = owner.ok_or("a good slot without an organisation")?;
        let shelf = (owner, dialect);
        let (number, key) = match draft.number {
            Number::None => {
                let key = slot.key.as_deref().ok_or("a good slot without a key")?;
                (None, key.to_owned())
            }
            Number::Given(number) => (Some(number), number.to_string()),
            Number::Next => {
                let number = self.next_number(shelf);
                (Some(number), number.to_string())
            }
        };
        let existing = self.holder(shelf, &key);
        let known = existing.as_ref().map(|kept| Existing {
            state: kept.order.state,
            hash: kept.hash,
        });
        let decision = admit::decide(known, draft.intent, draft.hash);
        Ok(match (decision, existing) {
            (Decision::Create(state), _) => {
                let order = StoredOrder {
                    id: batch.order(index),
                    organisation: code(shelf.0).to_owned(),
                    time_zone: TimeZone::UTC,
                    key,
                    number,
                    state,
                    held: None,
                    revision: 1,
                    created_at_ms: NOW_MS,
                    updated_at_ms: NOW_MS,
                    texts: vec![slot.raw.to_owned()],
                    fulfilment: None,
                    admission: None,
                };
                let taken = taken(&order);
                self.orders.push(Kept {
                    shelf,
                    order,
                    hash: draft.hash,
                    holds_key: true,
                });
                Outcome::Accepted(taken)
            }
            (Decision::Update(state), Some(kept)) => {
                kept.hash = draft.hash;
                kept.order.state = state;
                kept.order.revision += 1;
                if !draft.intent.is_addition() {
                    kept.order.texts.clear();
                }
                kept.order.texts.push(slot.raw.to_owned());
                Outcome::Updated(taken(&kept.order))
            }
            (Decision::Unchanged, Some(kept)) => Outcome::Unchanged(taken(&kept.order)),
            (Decision::Refuse(code), _) => Outcome::Rejected([Problem::with_order(code)].into()),
            (Decision::Update(_) | Decision::Unchanged, None) => {
                return Err("an order that is not there was changed".into());
            }
        })
    }

    /// Changes the state of the order that holds a key.
    pub(crate) fn move_order(
        &mut self,
        organisation: OrganisationId,
        dialect: &'static str,
        key: &str,
        wanted: Move,
    ) -> Result<(), Code> {
        let shelf = (organisation, dialect);
        let was_released = self
            .orders
            .iter()
            .any(|kept| kept.shelf == shelf && kept.order.key == key && !kept.holds_key);
        let Some(kept) = self.holder(shelf, key) else {
            return Err(if was_released {
                Code::AlreadyCancelled
            } else {
                Code::UnknownOrder
            });
        };
        kept.order.state = admit::decide_move(kept.order.state, wanted)?;
        if wanted == (Move::Cancel { release_key: true }) {
            kept.holds_key = false;
        }
        if let (State::Cancelled, Some(admission)) = (kept.order.state, &kept.order.admission) {
            let lines = admission.lines.clone();
            self.shelves.give_back(&lines);
        }
        Ok(())
    }

    /// Returns the order that holds a key.
    pub(crate) fn order(
        &mut self,
        organisation: OrganisationId,
        dialect: &'static str,
        key: &str,
    ) -> Option<StoredOrder> {
        let kept = self.holder((organisation, dialect), key)?;
        Some(kept.order.clone())
    }

    /// Returns the orders of a page, and the total number of matches.
    pub(crate) fn orders(
        &self,
        organisation: OrganisationId,
        dialect: &'static str,
        query: &OrderQuery,
    ) -> (Vec<StoredOrder>, u64) {
        let mut found = Vec::new();
        for kept in &self.orders {
            if kept.shelf == (organisation, dialect) && matches(&kept.order, query) {
                found.push(kept.order.clone());
            }
        }
        if query.newest_first {
            found.reverse();
        }
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let total = query.count_max.map_or(0, |count_max| count.min(count_max));
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let page = found.into_iter().skip(offset).take(limit);
        (page.collect(), total)
    }

    fn holder(&mut self, shelf: Shelf, key: &str) -> Option<&mut Kept> {
        let mut kept = self.orders.iter_mut();
        kept.find(|kept| kept.shelf == shelf && kept.holds_key && kept.order.key == key)
    }

    /// Returns the counter's next number. Skips numbers that were given explicitly.
    fn next_number(&mut self, shelf: Shelf) -> u64 {
        let mut number = self.last_numbers.get(&shelf).copied().unwrap_or_default() + 1;
        while self.holder(shelf, &number.to_string()).is_some() {
            number += 1;
        }
        self.last_numbers.insert(shelf, number);
        number
    }
}

fn taken(order: &StoredOrder) -> Taken {
    Taken {
        order: order.id,
        number: order.number,
        revision: order.revision,
        held: None,
        sub_orders: order
            .admission
            .as_ref()
            .map_or(&[][..], Admission::numbers)
            .into(),
    }
}

fn matches(order: &StoredOrder, query: &OrderQuery) -> bool {
    let keys = query.keys.as_ref();
    let created = order.created_at_ms;
    keys.is_none_or(|keys| keys.contains(&order.key))
        && query.states.contains(&order.state)
        && query.created_from_ms.is_none_or(|from| from <= created)
        && query.created_to_ms.is_none_or(|to| created <= to)
        && query.keep.as_ref().is_none_or(|keep| keep(order))
}

/// The code of an organisation. Organisations are numbered from 1.
fn code(organisation: OrganisationId) -> &'static str {
    let index = organisation
        .0
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    let known = index.and_then(|index| ORGANISATIONS.get(index));
    known.map_or("", |(code, _)| code)
}
