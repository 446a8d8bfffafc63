//! Order states: the number of orders in each state, and the open orders of each block. Changes are collected in a transaction and
//! written once.

use std::collections::HashMap;
use std::ops::Range;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::State;

use super::key_space::KeySpace;
use super::orders::state_number;
use crate::store::engine::driver::{Connection, Insert, OptionalExtension, Value, params};
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::{BlockId, EntryAddr};

static ADD_COUNTS: Insert<4> = Insert::new(
    "tallies",
    [
        ("organisation", "bigint"),
        ("dialect", "bigint"),
        ("state", "bigint"),
        ("orders", "bigint"),
    ],
    "on conflict (organisation, dialect, state) do update set orders = tallies.orders + excluded.orders \
           where sound(tallies.intact)",
);

/// The number of orders in each state, or the change of each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateCounts([i64; State::ALL.len()]);

impl StateCounts {
    /// The number of orders in a state.
    pub(crate) fn of(&mut self, state: State) -> &mut i64 {
        &mut self.0[usize::from(state_number(state))]
    }

    /// The number of orders in any of these states.
    pub(crate) fn sum(&self, states: &[State]) -> i64 {
        let numbers = states.iter().map(|&state| state_number(state));
        numbers.map(|number| self.0[usize::from(number)]).sum()
    }

    /// The numbers that are not zero, each with the number of its state.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (u8, i64)> {
        (0..).zip(self.0).filter(|(_, orders)| *orders != 0)
    }
}

/// The changes of order states in a transaction.
#[derive(Default)]
pub(crate) struct OrderStates {
    changes: HashMap<(OrganisationId, DialectId), StateCounts>,
    closed: HashMap<BlockId, Vec<usize>>,
}

impl OrderStates {
    /// Counts new orders, by state.
    pub(crate) fn created(&mut self, key_space: &KeySpace, created: &StateCounts) {
        let change = self.change(key_space);
        for (sum, count) in change.0.iter_mut().zip(created.0) {
            *sum += count;
        }
    }

    /// Counts an order's change from one state to another.
    pub(crate) fn moved(&mut self, key_space: &KeySpace, order: EntryAddr, from: State, to: State) {
        let change = self.change(key_space);
        *change.of(from) -= 1;
        *change.of(to) += 1;
        if from.is_open() && !to.is_open() {
            let closed = self.closed.entry(order.block()).or_default();
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

    /// Writes all changes. The blocks of the transaction must be written before.
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), Fault> {
        let counted = self
            .changes
            .iter()
            .flat_map(|((organisation, dialect), change)| {
                change.counted().map(|(state, orders)| {
                    [
                        Value::Integer(organisation.0.into()),
                        Value::Integer(dialect.0),
                        Value::Integer(state.into()),
                        Value::Integer(orders),
                    ]
                })
            });
        connection.insert_all(&ADD_COUNTS, counted)?;
        for (&block, ordinals) in &self.closed {
            close(connection, block, ordinals)?;
        }
        Ok(())
    }
}

fn close(connection: &Connection, block: BlockId, closed: &[usize]) -> Result<(), Fault> {
    let mut ordinals = read_open(connection, block)?;
    for &ordinal in closed {
        ordinals.remove(ordinal);
    }
    if ordinals.0.is_empty() {
        let delete = "delete from open_orders where block = ?1 and organisation = ?1 >> 32";
        connection.prepare_cached(delete)?.execute([block.0])?;
    } else {
        let update =
            "update open_orders set ordinals = ?2 where block = ?1 and organisation = ?1 >> 32";
        connection
            .prepare_cached(update)?
            .execute(params![block.0, ordinals.0])?;
    }
    Ok(())
}

/// The open orders whose first revision is in this block.
pub(crate) fn read_open(connection: &Connection, block: BlockId) -> Result<Bitset, Fault> {
    let select = "select ordinals from open_orders where block = ?1 and organisation = ?1 >> 32 and sound(open_orders.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row([block.0], |row| row.get(0)).optional()?;
    Ok(Bitset(found.unwrap_or_default()))
}

/// The first block of a dialect that has open orders, or the last one if `newest_first`.
pub(crate) fn next_open(
    connection: &Connection,
    blocks: Range<BlockId>,
    dialect: DialectId,
    newest_first: bool,
) -> Result<Option<BlockId>, Fault> {
    let direction = if newest_first { "desc" } else { "asc" };
    let select = format!(
        "select block from open_orders where block >= ?1 and block < ?2 and of_organisation(?1 >> 32) and dialect = ?3 \
         order by block {direction} limit 1"
    );
    let mut select = connection.prepare_cached(&select)?;
    let params = (blocks.start.0, blocks.end.0, dialect);
    let found = select.query_row(params, |row| row.get(0)).optional()?;
    Ok(found.map(BlockId))
}

/// The number of orders of a key space in each state.
pub(crate) fn read_state_counts(
    connection: &Connection,
    key_space: &KeySpace,
) -> Result<StateCounts, Fault> {
    let select = "select state, orders from tallies \
                  where organisation = ?1 and dialect = ?2 and sound(tallies.intact)";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query((key_space.organisation.0, key_space.dialect))?;
    let mut state_counts = StateCounts::default();
    while let Some(row) = rows.next()? {
        let state: u8 = row.get(0)?;
        let unknown = || {
            Fault::Damaged(format!(
                "there is an order count for the unknown state {state}"
            ))
        };
        let of_state = state_counts.0.get_mut(usize::from(state));
        *of_state.ok_or_else(unknown)? = row.get(1)?;
    }
    Ok(state_counts)
}

/// Whether an organisation has an order in any of these states. `None` stands for all dialects.
pub(crate) fn is_any(
    connection: &Connection,
    organisation: OrganisationId,
    dialect: Option<DialectId>,
    states: &[State],
) -> Result<bool, Fault> {
    let select = "select state from tallies \
                  where organisation = ?1 and (cast(?2 as bigint) is null or dialect = ?2) \
                  and case when sound(tallies.intact) then orders > 0 end";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query((organisation.0, dialect))?;
    let wanted: Vec<_> = states.iter().map(|&state| state_number(state)).collect();
    while let Some(row) = rows.next()? {
        if wanted.contains(&row.get(0)?) {
            return Ok(true);
        }
    }
    Ok(false)
}
