//! The number of an organisation's orders in each state, for each dialect, as its counters have them.

use wharfinger_core::order::outcome::State;

use crate::store::format::dialect_id::DialectId;
use crate::store::format::varint::{Damage, read_number, write_number};

/// More orders than an organisation can have: entry addresses leave 42 bits for its entries.
const ORDERS_END: i64 = 1 << 42;

/// The number that a state is stored as. Stores from before orders could be held have the first four.
pub(crate) fn state_number(state: State) -> u8 {
    match state {
        State::Draft => 0,
        State::Pending => 1,
        State::Processed => 2,
        State::Cancelled => 3,
        State::Held => HELD,
    }
}

/// The number of [`State::Held`].
const HELD: u8 = 4;
/// The states whose numbers are stored for each dialect. The number of held orders follows only if there are any, behind a zero,
/// which is no dialect.
const ALWAYS_STORED: usize = HELD as usize;

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

    /// Adds a change to a change.
    pub(crate) fn add(&mut self, change: &Self) {
        for (sum, count) in self.0.iter_mut().zip(change.0) {
            *sum += count;
        }
    }
}

/// The counts of each dialect that has orders, sorted by its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatesByDialect(Vec<(DialectId, StateCounts)>);

impl StatesByDialect {
    /// No orders.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// The counts of each dialect that has orders.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(DialectId, StateCounts)> {
        self.0.iter()
    }

    /// The counts of a dialect.
    pub(crate) fn of(&self, dialect: DialectId) -> StateCounts {
        let found = self.0.binary_search_by_key(&dialect, |(id, _)| *id);
        found.map_or_else(|_| StateCounts::default(), |at| self.0[at].1)
    }

    /// Changes the counts of a dialect.
    ///
    /// # Errors
    /// A count would be below zero, or above what an organisation can have.
    pub(crate) fn change(
        &mut self,
        dialect: DialectId,
        change: &StateCounts,
    ) -> Result<(), Damage> {
        let found = self.0.binary_search_by_key(&dialect, |(id, _)| *id);
        let at = found.unwrap_or_else(|at| {
            self.0.insert(at, (dialect, StateCounts::default()));
            at
        });
        let counts = &mut self.0[at].1;
        for (count, change) in counts.0.iter_mut().zip(change.0) {
            let changed = count.checked_add(change);
            let changed = changed.filter(|count| (0..ORDERS_END).contains(count));
            *count = changed.ok_or(Damage("the orders of a state were miscounted"))?;
        }
        if *counts == StateCounts::default() {
            self.0.remove(at);
        }
        Ok(())
    }

    /// The stored form: for each dialect its number and its counts.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (dialect, counts) in &self.0 {
            write_number(&mut out, dialect.0.cast_unsigned());
            for count in &counts.0[..ALWAYS_STORED] {
                write_number(&mut out, count.cast_unsigned());
            }
            let held = counts.0[ALWAYS_STORED];
            if held > 0 {
                out.push(0);
                write_number(&mut out, held.cast_unsigned());
            }
        }
        out
    }

    /// Decodes the result of [`Self::encode`].
    ///
    /// # Errors
    /// It cannot be such a result.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Damage> {
        let mut all = Vec::<(DialectId, StateCounts)>::new();
        while !bytes.is_empty() {
            let dialect = DialectId(read_number(&mut bytes)?.cast_signed());
            let before = all.last().map_or(DialectId::NEW, |(id, _)| *id);
            if dialect <= before {
                return Err(Damage("counts of orders are in a wrong order"));
            }
            let mut counts = StateCounts::default();
            for count in &mut counts.0[..ALWAYS_STORED] {
                *count = read_count_of_orders(&mut bytes)?;
            }
            if let Some((&0, rest)) = bytes.split_first() {
                bytes = rest;
                let held = read_count_of_orders(&mut bytes)?;
                if held == 0 {
                    return Err(Damage("no held orders are counted"));
                }
                counts.0[ALWAYS_STORED] = held;
            }
            if counts == StateCounts::default() {
                return Err(Damage("there are counts of a dialect without orders"));
            }
            all.push((dialect, counts));
        }
        Ok(Self(all))
    }
}

fn read_count_of_orders(bytes: &mut &[u8]) -> Result<i64, Damage> {
    let count = read_number(bytes)?.cast_signed();
    if (0..ORDERS_END).contains(&count) {
        Ok(count)
    } else {
        Err(Damage("a count of orders is out of range"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Changes that leave no count below zero.
    fn changes() -> impl Strategy<Value = Vec<(i64, [i64; 5])>> {
        let counts = prop_oneof![Just([0; 5]), [0..300_i64, 0..3, 0..3, 0..1 << 40, 0..3]];
        prop::collection::vec((1..200_i64, counts), 0..20)
    }

    fn summed(changes: &[(i64, [i64; 5])]) -> StatesByDialect {
        let mut states = StatesByDialect::default();
        for &(dialect, counts) in changes {
            let change = StateCounts(counts);
            assert_eq!(states.change(DialectId(dialect), &change), Ok(()));
        }
        states
    }

    proptest! {
        #[test]
        fn counts_are_the_sums_of_changes_and_come_back(changes in changes()) {
            // No sum reaches the limit.
            let changes = &changes[..changes.len().min(3)];
            let states = summed(changes);
            let mut sums = BTreeMap::<i64, StateCounts>::new();
            for (dialect, counts) in changes {
                sums.entry(*dialect).or_default().add(&StateCounts(*counts));
            }
            sums.retain(|_, counts| *counts != StateCounts::default());
            let found = states.iter().map(|(dialect, counts)| (dialect.0, *counts));
            prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), sums.clone());
            for dialect in 1..200 {
                let expected = sums.get(&dialect).copied().unwrap_or_default();
                prop_assert_eq!(states.of(DialectId(dialect)), expected);
            }
            prop_assert_eq!(StatesByDialect::decode(&states.encode()), Ok(states));
        }

        #[test]
        fn dialects_whose_orders_are_gone_leave_nothing(changes in changes()) {
            let changes = &changes[..changes.len().min(3)];
            let mut states = summed(changes);
            for (dialect, counts) in changes {
                let back = StateCounts(counts.map(|count| -count));
                prop_assert_eq!(states.change(DialectId(*dialect), &back), Ok(()));
            }
            prop_assert_eq!(states.encode(), Vec::<u8>::new());
        }

        #[test]
        fn bytes_are_damaged_or_those_of_counts(bytes in prop::collection::vec(0..4_u8, 0..20)) {
            if let Ok(states) = StatesByDialect::decode(&bytes) {
                prop_assert_eq!(states.encode(), bytes);
            }
        }

        #[test]
        fn damaged_bytes_do_no_harm(bytes: Vec<u8>) {
            if let Ok(states) = StatesByDialect::decode(&bytes) {
                let sums = states.iter().map(|(_, counts)| counts.sum(&State::ALL));
                prop_assert!(sums.min() > Some(0) || bytes.is_empty());
            }
        }
    }

    #[test]
    fn miscounted_orders_are_damage() {
        let mut states = summed(&[(1, [0, 2, 0, 0, 0]), (2, [0, 1, 0, 0, 0])]);
        for change in [
            [0, -2, 0, 0, 0],
            [-1, 0, 0, 0, 0],
            [0, i64::MIN, 0, 0, 0],
            [0, i64::MAX, 0, 0, 0],
            [0, 0, 0, ORDERS_END, 0],
            [0, 0, 0, 0, -1],
        ] {
            let changed = states.clone().change(DialectId(2), &StateCounts(change));
            assert!(changed.is_err(), "{change:?}");
        }
        let move_all = StateCounts([0, -2, 2, 0, 0]);
        assert_eq!(states.change(DialectId(1), &move_all), Ok(()));
        assert_eq!(states.encode(), [1, 0, 0, 2, 0, 2, 0, 1, 0, 0]);
        let hold_all = StateCounts([0, 0, -2, 0, 2]);
        assert_eq!(states.change(DialectId(1), &hold_all), Ok(()));
        assert_eq!(states.encode(), [1, 0, 0, 0, 0, 0, 2, 2, 0, 1, 0, 0]);
    }

    #[test]
    fn damage_is_told() {
        let too_many = [&[1, 0, 0, 0][..], &[0x80; 6], &[1]].concat();
        for bytes in [
            &[1, 0, 1, 0][..],
            &[1, 0, 0, 0, 0],
            &[0, 0, 1, 0, 0],
            &[1, 0, 1, 0, 0, 1, 0, 1, 0, 0],
            &[2, 0, 1, 0, 0, 1, 0, 1, 0, 0],
            &[1, 0, 1, 0, 0, 0x80],
            &[1, 0, 1, 0, 0, 0, 0],
            &[1, 0, 1, 0, 0, 0],
            &too_many,
        ] {
            assert!(StatesByDialect::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
