//! The outcome of each entry of a block, run-length encoded. Outcomes are written after the decisions, next to the packed entries.

use wharfinger_core::order::outcome::State;

use crate::store::api::EventKind;
use crate::store::format::entry_addr::{ENTRIES_MAX, EntryAddr};
use crate::store::format::varint::{
    Damage, read_count, read_number, read_signed, write_number, write_signed,
};

/// The outcome of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryOutcome {
    /// A new order. Its identity is the address of this entry.
    Accepted {
        /// The order number, if it has one. The number is then also its key.
        number: Option<u64>,
        /// Whether a rule holds it.
        held: bool,
    },
    /// A new revision of an order.
    Updated {
        /// The order: the address of its first revision.
        order: EntryAddr,
        /// The address of the previous revision.
        previous: EntryAddr,
        /// The number of this revision.
        revision: u32,
        /// Whether the text adds to the previous content instead of replacing it.
        amendment: bool,
        /// What the rules of the organisation make of it.
        effect: Effect,
    },
    /// The same content as the order's latest revision.
    Unchanged {
        /// The order.
        order: EntryAddr,
        /// The latest revision at that time.
        revision: u32,
    },
    /// Rejected. The reason is stored with the rejections of the batch.
    Refused,
    /// Purged: the entry belonged to a purged order, or was rejected and is as old as purged orders.
    Purged,
    /// A transition of an order. Not an entry of a batch.
    Transition {
        /// The order.
        order: EntryAddr,
        /// The previous change that is not a revision. If there was none, the order itself.
        previous: EntryAddr,
        /// The transition.
        to: Transition,
    },
    /// A report of how far an order is fulfilled. Not an entry of a batch.
    Fulfilled {
        /// The order.
        order: EntryAddr,
        /// The previous change that is not a revision. If there was none, the order itself.
        previous: EntryAddr,
    },
}

/// A change of an order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Processed.
    Processed,
    /// Cancelled.
    Cancelled,
    /// Cancelled, and its key released.
    Released,
    /// Released by a person from being held.
    HoldReleased,
    /// Held, and refused by a person: cancelled.
    HoldRefused,
}

/// What the rules of an organisation make of a new revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// They do not change the state of the order, which is not held.
    None,
    /// The order is held, whether or not it was held before.
    Held,
    /// The order was held, and goes on.
    Released,
}

impl Effect {
    /// The event of a revision with this effect.
    pub(crate) fn event_kind(self) -> EventKind {
        match self {
            Self::None => EventKind::OrderUpdated,
            Self::Held => EventKind::OrderHeld,
            Self::Released => EventKind::OrderReleased,
        }
    }
}

impl Transition {
    /// The state that it leads to.
    pub(crate) fn state(self) -> State {
        match self {
            Self::Processed => State::Processed,
            Self::Cancelled | Self::Released | Self::HoldRefused => State::Cancelled,
            Self::HoldReleased => State::Pending,
        }
    }

    /// The event of this transition.
    pub(crate) fn event_kind(self) -> EventKind {
        match self {
            Self::Processed => EventKind::OrderProcessed,
            Self::Cancelled | Self::Released => EventKind::OrderCancelled,
            Self::HoldReleased => EventKind::OrderReleased,
            Self::HoldRefused => EventKind::OrderRefused,
        }
    }
}

impl EntryOutcome {
    /// Whether the entry is a revision that is held by a rule.
    pub(crate) fn is_held(self) -> bool {
        match self {
            Self::Accepted { held, .. } => held,
            Self::Updated { effect, .. } => effect == Effect::Held,
            Self::Unchanged { .. }
            | Self::Refused
            | Self::Purged
            | Self::Transition { .. }
            | Self::Fulfilled { .. } => false,
        }
    }

    /// Whether the table of holds may have a row of the entry.
    pub(crate) fn has_about(self) -> bool {
        match self {
            Self::Transition { to, .. } => {
                matches!(to, Transition::HoldReleased | Transition::HoldRefused)
            }
            Self::Accepted { .. }
            | Self::Updated { .. }
            | Self::Unchanged { .. }
            | Self::Refused
            | Self::Purged
            | Self::Fulfilled { .. } => self.is_held(),
        }
    }

    /// Whether the entry's text is a revision of an order.
    pub(crate) fn is_alive(self) -> bool {
        match self {
            Self::Accepted { .. } | Self::Updated { .. } => true,
            Self::Unchanged { .. }
            | Self::Refused
            | Self::Purged
            | Self::Transition { .. }
            | Self::Fulfilled { .. } => false,
        }
    }

    /// Whether the entry changes an order without a text of its own.
    pub(crate) fn is_change(self) -> bool {
        match self {
            Self::Transition { .. } | Self::Fulfilled { .. } => true,
            Self::Accepted { .. }
            | Self::Updated { .. }
            | Self::Unchanged { .. }
            | Self::Refused
            | Self::Purged => false,
        }
    }

    /// The order of an entry at this address. `None` if the entry was rejected or purged.
    pub(crate) fn order(self, addr: EntryAddr) -> Option<EntryAddr> {
        match self {
            Self::Accepted { .. } => Some(addr),
            Self::Updated { order, .. }
            | Self::Unchanged { order, .. }
            | Self::Transition { order, .. }
            | Self::Fulfilled { order, .. } => Some(order),
            Self::Refused | Self::Purged => None,
        }
    }

    /// Whether the entry is an event of the feed.
    pub(crate) fn is_event(self) -> bool {
        self.is_alive() || self.is_change()
    }
}

const ACCEPTED: u64 = 0;
const UPDATED: u64 = 1;
const AMENDED: u64 = 2;
const UNCHANGED: u64 = 3;
const REFUSED: u64 = 4;
const PROCESSED: u64 = 5;
const CANCELLED: u64 = 6;
const RELEASED: u64 = 7;
const NUMBERED: u64 = 8;
const FULFILLED: u64 = 9;
const PURGED: u64 = 10;
const HELD: u64 = 11;
const NUMBERED_HELD: u64 = 12;
const UPDATED_HELD: u64 = 13;
const AMENDED_HELD: u64 = 14;
const UPDATED_RELEASED: u64 = 15;
const AMENDED_RELEASED: u64 = 16;
const HOLD_RELEASED: u64 = 17;
const HOLD_REFUSED: u64 = 18;

/// Encodes outcomes as runs of the same kind: the kind, the length, then the fields of each outcome. Orders and numbers are
/// encoded as differences from the previous one: orders sent together are often changed together, and numbers count up.
pub(crate) fn encode(entry_outcomes: &[EntryOutcome]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut last, mut last_number) = (0, 0);
    for run in entry_outcomes.chunk_by(|left, right| kind(*left) == kind(*right)) {
        write_number(&mut out, kind(run[0]));
        write_number(&mut out, run.len() as u64);
        for &entry_outcome in run {
            match entry_outcome {
                EntryOutcome::Accepted { number: None, .. }
                | EntryOutcome::Refused
                | EntryOutcome::Purged => {}
                EntryOutcome::Accepted {
                    number: Some(number),
                    ..
                } => {
                    write_signed(&mut out, number.wrapping_sub(last_number).cast_signed());
                    last_number = number;
                }
                EntryOutcome::Updated {
                    order,
                    previous,
                    revision,
                    amendment: _,
                    effect: _,
                } => {
                    write_order(&mut out, order, &mut last);
                    write_signed(&mut out, previous.0 - order.0);
                    write_number(&mut out, u64::from(revision));
                }
                EntryOutcome::Unchanged { order, revision } => {
                    write_order(&mut out, order, &mut last);
                    write_number(&mut out, u64::from(revision));
                }
                EntryOutcome::Transition {
                    order,
                    previous,
                    to: _,
                }
                | EntryOutcome::Fulfilled { order, previous } => {
                    write_order(&mut out, order, &mut last);
                    write_signed(&mut out, previous.0 - order.0);
                }
            }
        }
    }
    out
}

fn write_order(out: &mut Vec<u8>, order: EntryAddr, last: &mut i64) {
    write_signed(out, order.0 - *last);
    *last = order.0;
}

fn kind(entry_outcome: EntryOutcome) -> u64 {
    match entry_outcome {
        EntryOutcome::Accepted { number, held } => match (number, held) {
            (None, false) => ACCEPTED,
            (Some(_), false) => NUMBERED,
            (None, true) => HELD,
            (Some(_), true) => NUMBERED_HELD,
        },
        EntryOutcome::Updated {
            amendment, effect, ..
        } => match (amendment, effect) {
            (false, Effect::None) => UPDATED,
            (true, Effect::None) => AMENDED,
            (false, Effect::Held) => UPDATED_HELD,
            (true, Effect::Held) => AMENDED_HELD,
            (false, Effect::Released) => UPDATED_RELEASED,
            (true, Effect::Released) => AMENDED_RELEASED,
        },
        EntryOutcome::Unchanged { .. } => UNCHANGED,
        EntryOutcome::Refused => REFUSED,
        EntryOutcome::Transition { to, .. } => match to {
            Transition::Processed => PROCESSED,
            Transition::Cancelled => CANCELLED,
            Transition::Released => RELEASED,
            Transition::HoldReleased => HOLD_RELEASED,
            Transition::HoldRefused => HOLD_REFUSED,
        },
        EntryOutcome::Fulfilled { .. } => FULFILLED,
        EntryOutcome::Purged => PURGED,
    }
}

/// Decodes the result of [`encode`].
pub(crate) fn decode(mut bytes: &[u8]) -> Result<Vec<EntryOutcome>, Damage> {
    let mut entry_outcomes = Vec::new();
    let mut before = Before::default();
    while !bytes.is_empty() {
        let kind = read_number(&mut bytes)?;
        let length = read_count(&mut bytes)?;
        if length > ENTRIES_MAX - entry_outcomes.len() {
            return Err(Damage("a block has too many entries"));
        }
        entry_outcomes.reserve(length);
        for _ in 0..length {
            entry_outcomes.push(read_entry_outcome(kind, &mut bytes, &mut before)?);
        }
    }
    Ok(entry_outcomes)
}

/// The previous values, to which differences are added.
#[derive(Default)]
struct Before {
    order: i64,
    number: u64,
}

fn read_entry_outcome(
    kind: u64,
    bytes: &mut &[u8],
    before: &mut Before,
) -> Result<EntryOutcome, Damage> {
    let moved = |(order, previous), to| {
        Ok(EntryOutcome::Transition {
            order,
            previous,
            to,
        })
    };
    match kind {
        ACCEPTED | HELD => Ok(EntryOutcome::Accepted {
            number: None,
            held: kind == HELD,
        }),
        NUMBERED | NUMBERED_HELD => {
            let distance = read_signed(bytes)?.cast_unsigned();
            before.number = before.number.wrapping_add(distance);
            Ok(EntryOutcome::Accepted {
                number: Some(before.number),
                held: kind == NUMBERED_HELD,
            })
        }
        REFUSED => Ok(EntryOutcome::Refused),
        PURGED => Ok(EntryOutcome::Purged),
        UPDATED | AMENDED | UPDATED_HELD | AMENDED_HELD | UPDATED_RELEASED | AMENDED_RELEASED => {
            let (order, previous) = read_change(bytes, before)?;
            Ok(EntryOutcome::Updated {
                order,
                previous,
                revision: read_revision(bytes)?,
                amendment: [AMENDED, AMENDED_HELD, AMENDED_RELEASED].contains(&kind),
                effect: match kind {
                    UPDATED_HELD | AMENDED_HELD => Effect::Held,
                    UPDATED_RELEASED | AMENDED_RELEASED => Effect::Released,
                    _ => Effect::None,
                },
            })
        }
        UNCHANGED => Ok(EntryOutcome::Unchanged {
            order: read_order(bytes, before)?,
            revision: read_revision(bytes)?,
        }),
        PROCESSED => moved(read_change(bytes, before)?, Transition::Processed),
        CANCELLED => moved(read_change(bytes, before)?, Transition::Cancelled),
        RELEASED => moved(read_change(bytes, before)?, Transition::Released),
        HOLD_RELEASED => moved(read_change(bytes, before)?, Transition::HoldReleased),
        HOLD_REFUSED => moved(read_change(bytes, before)?, Transition::HoldRefused),
        FULFILLED => {
            let (order, previous) = read_change(bytes, before)?;
            Ok(EntryOutcome::Fulfilled { order, previous })
        }
        _ => Err(Damage("a block entry has an unknown type")),
    }
}

fn read_order(bytes: &mut &[u8], before: &mut Before) -> Result<EntryAddr, Damage> {
    before.order = before.order.wrapping_add(read_signed(bytes)?);
    Ok(EntryAddr(before.order))
}

/// An order, and the entry before in one of its chains.
fn read_change(bytes: &mut &[u8], before: &mut Before) -> Result<(EntryAddr, EntryAddr), Damage> {
    let order = read_order(bytes, before)?;
    let previous = EntryAddr(order.0.wrapping_add(read_signed(bytes)?));
    Ok((order, previous))
}

fn read_revision(bytes: &mut &[u8]) -> Result<u32, Damage> {
    u32::try_from(read_number(bytes)?).map_err(|_| Damage("a revision number is too large"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_effect() -> impl Strategy<Value = Effect> {
        prop_oneof![
            Just(Effect::None),
            Just(Effect::Held),
            Just(Effect::Released)
        ]
    }

    fn any_entry_outcome() -> impl Strategy<Value = EntryOutcome> {
        let addr = || (0..i64::MAX).prop_map(EntryAddr);
        prop_oneof![
            (any::<Option<u64>>(), any::<bool>())
                .prop_map(|(number, held)| EntryOutcome::Accepted { number, held }),
            Just(EntryOutcome::Refused),
            Just(EntryOutcome::Purged),
            (addr(), addr(), any::<u32>(), any::<bool>(), any_effect()).prop_map(
                |(order, previous, revision, amendment, effect)| EntryOutcome::Updated {
                    order,
                    previous,
                    revision,
                    amendment,
                    effect,
                }
            ),
            (addr(), any::<u32>())
                .prop_map(|(order, revision)| EntryOutcome::Unchanged { order, revision }),
            (
                addr(),
                addr(),
                prop_oneof![
                    Just(Transition::Processed),
                    Just(Transition::Cancelled),
                    Just(Transition::Released),
                    Just(Transition::HoldReleased),
                    Just(Transition::HoldRefused)
                ]
            )
                .prop_map(|(order, previous, to)| EntryOutcome::Transition {
                    order,
                    previous,
                    to,
                }),
            (addr(), addr())
                .prop_map(|(order, previous)| EntryOutcome::Fulfilled { order, previous }),
        ]
    }

    proptest! {
        #[test]
        fn entry_outcomes_come_back(entry_outcomes in prop::collection::vec(any_entry_outcome(), 0..100)) {
            prop_assert_eq!(decode(&encode(&entry_outcomes)), Ok(entry_outcomes));
        }

        #[test]
        fn damaged_slots_do_no_harm(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_thousand_new_orders_cost_three_bytes() {
        assert_eq!(
            encode(
                &[EntryOutcome::Accepted {
                    number: None,
                    held: false
                }; 1000]
            )
            .len(),
            3
        );
    }
}
