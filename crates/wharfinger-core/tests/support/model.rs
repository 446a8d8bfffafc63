//! A store in memory that is too simple to be wrong: the measure of what a real one does.

use std::collections::HashMap;

use wharfinger_core::admit::{self, Decision, Existing, Intent, Move};
use wharfinger_core::dialect::{Draft, Number, OrderQuery, Slot, StoredOrder, Verdict};
use wharfinger_core::ids::{BatchId, OrganisationId};
use wharfinger_core::outcome::{Outcome, Taken};
use wharfinger_core::problem::{Code, Problem};

/// The time of everything that happens here: 2026-01-01T00:00:00Z.
const NOW_MS: i64 = 1_767_225_600_000;

/// Whose an order is, and the dialect it came in.
type Shelf = (OrganisationId, &'static str);

/// Every order, in the order of creation.
#[derive(Clone, Default)]
pub(crate) struct Model {
    orders: Vec<Kept>,
    last_numbers: HashMap<Shelf, u64>,
    batches: u64,
}

#[derive(Clone)]
struct Kept {
    shelf: Shelf,
    order: StoredOrder,
    hash: u128,
    /// Whether the order still has its key; another may have taken it where not.
    holds_key: bool,
}

impl Model {
    /// The id of one more batch.
    pub(crate) fn next_batch(&mut self) -> BatchId {
        self.batches += 1;
        BatchId::new(NOW_MS.unsigned_abs(), self.batches << 32)
    }

    /// Admits a batch, slot by slot; outcome *i* answers slot *i*.
    pub(crate) fn admit(
        &mut self,
        dialect: &'static str,
        batch: BatchId,
        slots: &[Slot<'_>],
    ) -> Result<Vec<Outcome>, String> {
        let mut outcomes = Vec::new();
        for (slot, index) in slots.iter().zip(0..) {
            outcomes.push(match &slot.verdict {
                Verdict::Good(draft) => self.admit_one(dialect, batch, index, slot, draft)?,
                Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                    Outcome::Rejected(problems.clone())
                }
            });
        }
        Ok(outcomes)
    }

    fn admit_one(
        &mut self,
        dialect: &'static str,
        batch: BatchId,
        index: u32,
        slot: &Slot<'_>,
        draft: &Draft,
    ) -> Result<Outcome, String> {
        let organisation = slot.organisation;
        let shelf = (
            organisation.ok_or("a good slot without an organisation")?,
            dialect,
        );
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
                    // The number will do: nothing here asks for the code.
                    organisation: shelf.0.0.to_string(),
                    key,
                    number,
                    state,
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
                if draft.intent != Intent::Complete {
                    kept.order.texts.clear();
                }
                kept.order.texts.push(slot.raw.to_owned());
                Outcome::Updated(taken(&kept.order))
            }
            (Decision::Unchanged, Some(kept)) => Outcome::Unchanged(taken(&kept.order)),
            (Decision::Refuse(code), _) => Outcome::Rejected(vec![Problem::with_order(code)]),
            (Decision::Update(_) | Decision::Unchanged, None) => {
                return Err("an order that is not there was changed".into());
            }
        })
    }

    /// Moves the order that holds a key.
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
        Ok(())
    }

    /// The order that holds a key.
    pub(crate) fn order(
        &mut self,
        organisation: OrganisationId,
        dialect: &'static str,
        key: &str,
    ) -> Option<StoredOrder> {
        let kept = self.holder((organisation, dialect), key)?;
        Some(kept.order.clone())
    }

    /// Orders read back, and how many match in all.
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

    /// The next number of the counter; numbers that were given explicitly are passed over.
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
        parts: Box::default(),
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
