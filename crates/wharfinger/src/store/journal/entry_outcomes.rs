//! The outcome of each entry of a block, run-length encoded. Outcomes are written after the decisions, next to the packed entries.

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
}

impl Transition {
    /// The event of this transition.
    pub(crate) fn event_kind(self) -> EventKind {
        match self {
            Self::Processed => EventKind::OrderProcessed,
            Self::Cancelled | Self::Released => EventKind::OrderCancelled,
        }
    }
}

impl EntryOutcome {
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
                EntryOutcome::Accepted { number: None }
                | EntryOutcome::Refused
                | EntryOutcome::Purged => {}
                EntryOutcome::Accepted {
                    number: Some(number),
                } => {
                    write_signed(&mut out, number.wrapping_sub(last_number).cast_signed());
                    last_number = number;
                }
                EntryOutcome::Updated {
                    order,
                    previous,
                    revision,
                    amendment: _,
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
        EntryOutcome::Accepted { number: None } => ACCEPTED,
        EntryOutcome::Accepted { number: Some(_) } => NUMBERED,
        EntryOutcome::Updated {
            amendment: false, ..
        } => UPDATED,
        EntryOutcome::Updated {
            amendment: true, ..
        } => AMENDED,
        EntryOutcome::Unchanged { .. } => UNCHANGED,
        EntryOutcome::Refused => REFUSED,
        EntryOutcome::Transition { to, .. } => match to {
            Transition::Processed => PROCESSED,
            Transition::Cancelled => CANCELLED,
            Transition::Released => RELEASED,
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
        ACCEPTED => Ok(EntryOutcome::Accepted { number: None }),
        NUMBERED => {
            let distance = read_signed(bytes)?.cast_unsigned();
            before.number = before.number.wrapping_add(distance);
            Ok(EntryOutcome::Accepted {
                number: Some(before.number),
            })
        }
        REFUSED => Ok(EntryOutcome::Refused),
        PURGED => Ok(EntryOutcome::Purged),
        UPDATED | AMENDED => {
            let (order, previous) = read_change(bytes, before)?;
            Ok(EntryOutcome::Updated {
                order,
                previous,
                revision: read_revision(bytes)?,
                amendment: kind == AMENDED,
            })
        }
        UNCHANGED => Ok(EntryOutcome::Unchanged {
            order: read_order(bytes, before)?,
            revision: read_revision(bytes)?,
        }),
        PROCESSED => moved(read_change(bytes, before)?, Transition::Processed),
        CANCELLED => moved(read_change(bytes, before)?, Transition::Cancelled),
        RELEASED => moved(read_change(bytes, before)?, Transition::Released),
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

    fn any_entry_outcome() -> impl Strategy<Value = EntryOutcome> {
        let addr = || (0..i64::MAX).prop_map(EntryAddr);
        prop_oneof![
            any::<Option<u64>>().prop_map(|number| EntryOutcome::Accepted { number }),
            Just(EntryOutcome::Refused),
            Just(EntryOutcome::Purged),
            (addr(), addr(), any::<u32>(), any::<bool>()).prop_map(
                |(order, previous, revision, amendment)| EntryOutcome::Updated {
                    order,
                    previous,
                    revision,
                    amendment,
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
                    Just(Transition::Released)
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
            encode(&[EntryOutcome::Accepted { number: None }; 1000]).len(),
            3
        );
    }
}
