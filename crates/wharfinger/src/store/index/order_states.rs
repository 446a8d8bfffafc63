//! Order states: the number of orders in each state, and the open orders of each block. Changes are collected in a transaction and
//! written once. The numbers are among the counters of the organisation.

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::State;

use super::key_space::KeySpace;
use super::open_orders;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::format::id_map::IdMap;
use crate::store::journal::end::read_counters;
use crate::store::journal::state_counts::StateCounts;

/// The changes of order states in a transaction.
#[derive(Default)]
pub(crate) struct OrderStates {
    changes: IdMap<(OrganisationId, DialectId), StateCounts>,
    closed: IdMap<BlockId, (DialectId, Vec<usize>)>,
}

impl OrderStates {
    /// Counts new orders, by state.
    pub(crate) fn created(&mut self, key_space: &KeySpace, created: &StateCounts) {
        self.change(key_space).add(created);
    }

    /// Counts an order's change from one state to another.
    pub(crate) fn moved(&mut self, key_space: &KeySpace, order: EntryAddr, from: State, to: State) {
        let change = self.change(key_space);
        *change.of(from) -= 1;
        *change.of(to) += 1;
        if from.is_open() && !to.is_open() {
            let of_block = || (key_space.dialect, Vec::new());
            let (_, closed) = self.closed.entry(order.block()).or_insert_with(of_block);
            closed.push(order.ordinal());
        }
    }

    /// Counts the removal of an order in a final state.
    pub(crate) fn removed(&mut self, key_space: &KeySpace, state: State) {
        *self.change(key_space).of(state) -= 1;
    }

    fn change(&mut self, key_space: &KeySpace) -> &mut StateCounts {
        let of = (key_space.organisation, key_space.dialect);
        self.changes.entry(of).or_default()
    }

    /// The changes of counts since the last call. Until all jobs are done, they may not fit the stored counts: a batch can
    /// change an order that it has created and not counted yet.
    pub(crate) fn take_changes(&mut self) -> IdMap<(OrganisationId, DialectId), StateCounts> {
        std::mem::take(&mut self.changes)
    }

    /// Writes which orders are closed. The blocks of the transaction must be written before.
    pub(crate) fn write_closed(&self, connection: &Connection) -> Result<(), Fault> {
        for (&block, (dialect, ordinals)) in &self.closed {
            open_orders::close(connection, (block, *dialect), ordinals)?;
        }
        Ok(())
    }
}

/// The number of orders of a key space in each state.
pub(crate) fn read_state_counts(
    connection: &Connection,
    key_space: &KeySpace,
) -> Result<StateCounts, Fault> {
    let counters = read_counters(connection, key_space.organisation)?;
    Ok(counters.states.of(key_space.dialect))
}

/// Whether an organisation has an order in any of these states. `None` stands for all dialects.
pub(crate) fn is_any(
    connection: &Connection,
    organisation: OrganisationId,
    dialect: Option<DialectId>,
    states: &[State],
) -> Result<bool, Fault> {
    let counters = read_counters(connection, organisation)?;
    let mut counted = counters.states.iter();
    Ok(counted.any(|(id, counts)| dialect.is_none_or(|of| of == *id) && counts.sum(states) > 0))
}
