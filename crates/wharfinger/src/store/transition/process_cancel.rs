//! Processing and cancelling orders. Transitions are blocks of the journal without texts, as are reports of fulfilment.

use std::collections::BTreeMap;

use wharfinger_core::decide::admit::{Move, decide_move};
use wharfinger_core::order::ids::{OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::Code;

use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::api::TransitionedById;
use crate::store::api::TransitionedByKey;
use crate::store::api::{TransitionById, TransitionByKey, TransitionRefused, TransitionResult};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::{BlockId, ENTRIES_MAX, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::{Holds, OrderRow, PREFETCHED_MAX};
use crate::store::journal::entry_outcomes::{EntryOutcome, Transition};
use crate::store::journal::holds::{self, About};
use crate::store::journal::read::Journal;
use crate::store::journal::write::{NewBlock, Origin};
use crate::store::read::locate::{Located, Locator};
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

/// Whether any order changed state. Only then is the response saved.
fn is_any_moved<S, E>(results: &[Result<S, E>]) -> bool {
    results.iter().any(Result::is_ok)
}

impl Store {
    /// Processes or cancels orders by key, in one transaction. Returns one result per key, in order.
    pub async fn transition_by_key(
        &self,
        mut request: TransitionByKey,
    ) -> Result<TransitionedByKey, StoreError> {
        let task = Task::on(request.keys.len(), [request.organisation]);
        let save_reply = request.save_reply.take();
        let transition_by_key = move |txn: &mut WriteTxn<'_>| transition_by_key(txn, &request);
        let done = self
            .change(task, save_reply, is_any_moved, transition_by_key)
            .await;
        done.map(|(results, reply)| TransitionedByKey { results, reply })
    }

    /// Processes or cancels orders by id, in one transaction. Returns one result per id, in order.
    pub async fn transition_by_id(
        &self,
        mut request: TransitionById,
    ) -> Result<TransitionedById, StoreError> {
        let save_reply = request.save_reply.take();
        let (ids, reach) = (request.ids.clone(), request.reach.clone());
        let locate = move |connection: &Connection| locate(connection, &ids, &reach);
        let located = self.readers.read(locate).await?;
        let organisations = located.iter().flatten().map(Located::organisation);
        let task = Task::on(located.len(), organisations);
        let move_located = move |txn: &mut WriteTxn<'_>| move_located(txn, &request, &located);
        let done = self
            .change(task, save_reply, is_any_moved, move_located)
            .await;
        done.map(|(results, reply)| TransitionedById { results, reply })
    }
}

/// Processes or cancels orders of one organisation and dialect by key. Each order succeeds or fails independently.
pub(crate) fn transition_by_key(
    txn: &mut WriteTxn<'_>,
    request: &TransitionByKey,
) -> Result<Vec<Result<(), Code>>, Fault> {
    let Some(dialect) = txn.known_dialect(request.dialect)? else {
        return Ok(vec![Err(Code::UnknownOrder); request.keys.len()]);
    };
    let key_space = KeySpace::new(request.organisation, dialect);
    let mut transitions = Transitions::new(txn, &key_space, &request.key_id);
    let keys = request.keys.iter().map(String::as_str);
    transitions
        .txn
        .index
        .prefetch([(key_space.clone(), keys)])?;
    let mut results = Vec::with_capacity(request.keys.len());
    for key in &request.keys {
        let Some(order) = transitions.txn.index.by_key(&key_space, key)? else {
            let was_held = transitions.txn.index.was_released(&key_space, key)?;
            results.push(Err(if was_held {
                Code::AlreadyCancelled
            } else {
                Code::UnknownOrder
            }));
            continue;
        };
        let moved = transitions.move_order((key, None), &order, (request.wanted, None))?;
        results.push(moved.map(|_| ()));
    }
    transitions.write()?;
    Ok(results)
}

/// Finds orders by id, in the order of the ids. Runs outside the writer, because the location of an order never changes.
pub(crate) fn locate(
    connection: &Connection,
    ids: &[OrderId],
    reach: &OrgAccess,
) -> Result<Vec<Option<Located>>, Fault> {
    let mut journal = Journal::new(connection);
    let mut locator = Locator::new(connection, reach);
    let find = |&id: &OrderId| locator.find(&mut journal, id);
    ids.iter().map(find).collect()
}

/// Processes or cancels orders that [`locate`] found. Each order succeeds or fails independently.
pub(crate) fn move_located(
    txn: &mut WriteTxn<'_>,
    request: &TransitionById,
    orders: &[Option<Located>],
) -> Result<Vec<TransitionResult>, Fault> {
    let unknown = TransitionRefused {
        code: Code::UnknownOrder,
        state: None,
    };
    let mut results = vec![Err(unknown); orders.len()];
    let mut groups = BTreeMap::<(OrganisationId, DialectId), Vec<(usize, &Located)>>::new();
    for (at, order) in orders.iter().enumerate() {
        if let Some(order) = order {
            let of = (order.organisation(), order.dialect);
            groups.entry(of).or_default().push((at, order));
        }
    }
    for ((organisation, dialect), orders) in groups {
        let key_space = KeySpace::new(organisation, dialect);
        let mut transitions = Transitions::new(txn, &key_space, &request.key_id);
        for orders in orders.chunks(PREFETCHED_MAX) {
            let keys = orders.iter().map(|(_, order)| order.key.as_str());
            transitions
                .txn
                .index
                .prefetch([(key_space.clone(), keys)])?;
            for (at, order) in orders {
                let row = transitions
                    .txn
                    .index
                    .at(&key_space, &order.key, order.addr)?;
                // It was found before the write transaction, and may have been purged since.
                let Some((row, _)) = row else { continue };
                let of = (order.key.as_str(), request.ids.get(*at).copied());
                let wanted = (request.wanted, request.note.as_deref());
                let moved = transitions.move_order(of, &row, wanted)?;
                results[*at] = moved.map_err(|code| TransitionRefused {
                    code,
                    state: Some(row.state),
                });
            }
        }
        transitions.write()?;
    }
    Ok(results)
}

/// State transitions, or fulfilment reports, of one organisation and dialect.
pub(crate) struct Transitions<'m, 'w> {
    txn: &'m mut WriteTxn<'w>,
    key_space: &'m KeySpace,
    key_id: &'m str,
    /// Reads the admissions of orders, which no transition changes.
    journal: Journal<'w>,
    /// Entries that are not written yet: fewer than a block.
    entry_outcomes: Vec<EntryOutcome>,
}

impl<'m, 'w> Transitions<'m, 'w> {
    pub(crate) fn new(txn: &'m mut WriteTxn<'w>, key_space: &'m KeySpace, key_id: &'m str) -> Self {
        Self {
            journal: Journal::new(txn.connection),
            txn,
            key_space,
            key_id,
            entry_outcomes: Vec::new(),
        }
    }

    /// Changes the state of the order with this key, and this id if it is known. A note is stored beside the change. Returns its new
    /// state, or why it cannot change.
    fn move_order(
        &mut self,
        (key, id): (&str, Option<OrderId>),
        order: &OrderRow,
        (wanted, note): (Move, Option<&str>),
    ) -> Result<Result<State, Code>, Fault> {
        let state = match decide_move(order.state, wanted) {
            Err(code) => return Ok(Err(code)),
            Ok(state) => state,
        };
        let to = transition_of(wanted);
        let at = self.push(EntryOutcome::Transition {
            order: order.id,
            previous: order.changed.unwrap_or(order.id),
            to,
        })?;
        let txn = &mut *self.txn;
        txn.note_change((to.event_kind().name(), self.key_id), order.id, id)?;
        if state == State::Cancelled
            && let Some(kept) = self.journal.admission(order.id)?
        {
            let connection = txn.connection;
            txn.overlay.give_back(connection, order.id, &kept.lines)?;
        }
        let held = (order.id, Holds::Key);
        txn.index.change(self.key_space, key, held, |row| {
            row.state = state;
            row.changed = Some(at);
        })?;
        if to == Transition::Released {
            txn.index.release(self.key_space, key, order.id)?;
        }
        txn.order_states
            .moved(self.key_space, order.id, order.state, state);
        if let Some(note) = note {
            let note = About::Note(note.to_owned());
            holds::write(self.txn.connection, &[(at, note)])?;
        }
        Ok(Ok(state))
    }

    /// Queues an entry. Returns the address that it will have.
    pub(crate) fn push(&mut self, entry_outcome: EntryOutcome) -> Result<EntryAddr, Fault> {
        if self.entry_outcomes.len() == ENTRIES_MAX {
            self.write()?;
        }
        let organisation = self.key_space.organisation;
        let block = BlockId::new(organisation, self.txn.counters(organisation)?.block);
        let addr = block.entry(self.entry_outcomes.len());
        self.entry_outcomes.push(entry_outcome);
        Ok(addr)
    }

    /// Writes the queued entries as the organisation's next block.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        if self.entry_outcomes.is_empty() {
            return Ok(());
        }
        let block = NewBlock {
            origin: Origin::Transitions {
                key_id: self.key_id,
            },
            dialect: self.key_space.dialect,
            entry_outcomes: &self.entry_outcomes,
            indexes: &[],
            packed: None,
        };
        self.txn.append(self.key_space.organisation, &block)?;
        self.entry_outcomes.clear();
        Ok(())
    }
}

fn transition_of(wanted: Move) -> Transition {
    match wanted {
        Move::Cancel { release_key: true } => Transition::Released,
        Move::Cancel { release_key: false } => Transition::Cancelled,
        Move::Refuse => Transition::HoldRefused,
        Move::Release => Transition::HoldReleased,
        Move::Process => Transition::Processed,
    }
}
