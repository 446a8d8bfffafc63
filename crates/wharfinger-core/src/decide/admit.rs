//! Decides what a submission does to the order that holds its key. Pure: the store calls it inside its transaction.

use crate::order::outcome::State;
use crate::order::problem::Code;

/// What a submission asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Create the order, or update an existing one.
    Upsert,
    /// Create the order, as a draft or as a placed order. An existing order causes a refusal.
    Create {
        /// Whether the order is created as a draft, to be completed later.
        draft: bool,
    },
    /// Place an existing draft and add to its content.
    Complete,
    /// Add to the content of an existing order.
    Amend,
}

impl Intent {
    /// The state of a newly created order.
    #[must_use]
    pub fn initial_state(self) -> State {
        match self {
            Self::Create { draft: true } => State::Draft,
            Self::Create { draft: false } | Self::Upsert | Self::Complete | Self::Amend => {
                State::Pending
            }
        }
    }

    /// Whether the submission adds to an existing order rather than being an order itself.
    #[must_use]
    pub fn is_addition(self) -> bool {
        match self {
            Self::Complete | Self::Amend => true,
            Self::Create { .. } | Self::Upsert => false,
        }
    }
}

/// Whether valid orders are stored when others of the batch are rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// They are stored: each order is judged alone.
    #[default]
    Partial,
    /// They are withheld: the batch is stored as a whole or not at all.
    AllOrNothing,
}

/// What the store knows of the order that holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// The order's state.
    pub state: State,
    /// The content hash of its latest revision.
    pub hash: u128,
}

/// What the store does with a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Store a new order in this state.
    Create(State),
    /// Store a new revision. The order is then in this state.
    Update(State),
    /// Store nothing and report success.
    Unchanged,
    /// Store nothing and reject the submission with this code.
    Refuse(Code),
}

/// Decides what a submission does.
///
/// Precedence: an intent that only creates is refused if the order exists. Then a final state refuses the submission,
/// whatever its content. Only then is the content compared.
#[must_use]
pub fn decide(existing: Option<Existing>, intent: Intent, hash: u128) -> Decision {
    let Some(existing) = existing else {
        return match intent {
            Intent::Upsert | Intent::Create { .. } => Decision::Create(intent.initial_state()),
            Intent::Complete | Intent::Amend => Decision::Refuse(Code::UnknownOrder),
        };
    };
    match intent {
        Intent::Create { .. } => Decision::Refuse(Code::NumberExists),
        Intent::Upsert => match existing.state {
            State::Processed => Decision::Refuse(Code::AlreadyProcessed),
            State::Cancelled => Decision::Refuse(Code::AlreadyCancelled),
            State::Draft | State::Held | State::Pending if existing.hash == hash => {
                Decision::Unchanged
            }
            State::Draft | State::Held | State::Pending => Decision::Update(existing.state),
        },
        Intent::Complete => match existing.state {
            State::Cancelled => Decision::Refuse(Code::AlreadyCancelled),
            State::Draft => Decision::Update(State::Pending),
            State::Held | State::Pending | State::Processed if existing.hash == hash => {
                Decision::Unchanged
            }
            State::Held | State::Pending | State::Processed => Decision::Update(existing.state),
        },
        Intent::Amend => match existing.state {
            State::Cancelled => Decision::Refuse(Code::AlreadyCancelled),
            State::Draft | State::Held | State::Pending | State::Processed
                if existing.hash == hash =>
            {
                Decision::Unchanged
            }
            State::Draft | State::Held | State::Pending | State::Processed => {
                Decision::Update(existing.state)
            }
        },
    }
}

/// The state of an order that a submission creates or changes, once the rules of its organisation were asked.
///
/// `state` is that of the [`Decision`]. Drafts are not placed yet, and processed orders have gone on: rules do not hold them.
#[must_use]
pub fn ruled(state: State, is_held: bool) -> State {
    match state {
        State::Held | State::Pending if is_held => State::Held,
        State::Held | State::Pending => State::Pending,
        State::Draft | State::Processed | State::Cancelled => state,
    }
}

/// A state change that is requested outside a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Mark the order as processed.
    Process,
    /// Cancel the order.
    Cancel {
        /// Whether the order key becomes free for a new order.
        release_key: bool,
    },
    /// Let a held order go on.
    Release,
    /// Cancel a held order. Its key stays taken.
    Refuse,
}

/// Decides a state change. Returns the order's new state.
///
/// # Errors
/// The code of the final state that the order is already in; [`Code::NotPlaced`] or [`Code::Held`] if a draft or a held order is to
/// be processed; [`Code::NotHeld`] if an order is to be released or refused that is not held.
pub fn decide_move(state: State, wanted: Move) -> Result<State, Code> {
    match (state, wanted) {
        (State::Processed, _) => Err(Code::AlreadyProcessed),
        (State::Cancelled, _) => Err(Code::AlreadyCancelled),
        (State::Draft | State::Held | State::Pending, Move::Cancel { .. })
        | (State::Held, Move::Refuse) => Ok(State::Cancelled),
        (State::Pending, Move::Process) => Ok(State::Processed),
        (State::Held, Move::Release) => Ok(State::Pending),
        (State::Draft, Move::Process) => Err(Code::NotPlaced),
        (State::Held, Move::Process) => Err(Code::Held),
        (State::Draft | State::Pending, Move::Release | Move::Refuse) => Err(Code::NotHeld),
    }
}

/// Decides whether an order in this state accepts a fulfilment report.
///
/// # Errors
/// The order is cancelled, held, or a draft.
pub fn decide_fulfilment(state: State) -> Result<(), Code> {
    match state {
        State::Draft => Err(Code::NotPlaced),
        State::Held => Err(Code::Held),
        State::Pending | State::Processed => Ok(()),
        State::Cancelled => Err(Code::AlreadyCancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Intent = Intent::Create { draft: false };

    /// One line per rule: (existing state and whether the content is the same, intent, decision).
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table with a row for each rule")]
    fn every_rule_of_the_table() {
        use Decision::{Create, Refuse, Unchanged, Update};
        use State::{Cancelled, Draft, Held, Pending, Processed};
        let draft = Intent::Create { draft: true };
        let table = [
            (None, Intent::Upsert, Create(Pending)),
            (None, CREATE, Create(Pending)),
            (None, draft, Create(Draft)),
            (None, Intent::Complete, Refuse(Code::UnknownOrder)),
            (None, Intent::Amend, Refuse(Code::UnknownOrder)),
            (Some((Held, true)), Intent::Upsert, Unchanged),
            (Some((Held, false)), Intent::Upsert, Update(Held)),
            (Some((Held, true)), CREATE, Refuse(Code::NumberExists)),
            (Some((Held, true)), Intent::Complete, Unchanged),
            (Some((Held, false)), Intent::Complete, Update(Held)),
            (Some((Held, true)), Intent::Amend, Unchanged),
            (Some((Held, false)), Intent::Amend, Update(Held)),
            (Some((Draft, false)), Intent::Amend, Update(Draft)),
            (Some((Pending, true)), Intent::Amend, Unchanged),
            (Some((Pending, false)), Intent::Amend, Update(Pending)),
            (Some((Processed, false)), Intent::Amend, Update(Processed)),
            (
                Some((Cancelled, true)),
                Intent::Amend,
                Refuse(Code::AlreadyCancelled),
            ),
            (Some((Pending, true)), Intent::Upsert, Unchanged),
            (Some((Pending, false)), Intent::Upsert, Update(Pending)),
            (Some((Draft, true)), Intent::Upsert, Unchanged),
            (Some((Draft, false)), Intent::Upsert, Update(Draft)),
            (
                Some((Processed, true)),
                Intent::Upsert,
                Refuse(Code::AlreadyProcessed),
            ),
            (
                Some((Processed, false)),
                Intent::Upsert,
                Refuse(Code::AlreadyProcessed),
            ),
            (
                Some((Cancelled, true)),
                Intent::Upsert,
                Refuse(Code::AlreadyCancelled),
            ),
            (
                Some((Cancelled, false)),
                Intent::Upsert,
                Refuse(Code::AlreadyCancelled),
            ),
            (Some((Pending, true)), CREATE, Refuse(Code::NumberExists)),
            (Some((Cancelled, false)), draft, Refuse(Code::NumberExists)),
            (Some((Draft, true)), Intent::Complete, Update(Pending)),
            (Some((Draft, false)), Intent::Complete, Update(Pending)),
            (Some((Pending, true)), Intent::Complete, Unchanged),
            (Some((Pending, false)), Intent::Complete, Update(Pending)),
            (
                Some((Processed, false)),
                Intent::Complete,
                Update(Processed),
            ),
            (
                Some((Cancelled, true)),
                Intent::Complete,
                Refuse(Code::AlreadyCancelled),
            ),
        ];
        for (existing, intent, expected) in table {
            let existing = existing.map(|(state, same)| Existing {
                state,
                hash: u128::from(!same),
            });
            let decision = decide(existing, intent, 0);
            assert_eq!(decision, expected, "{existing:?} {intent:?}");
        }
    }

    #[test]
    fn final_states_do_not_move() {
        let cancel = Move::Cancel { release_key: true };
        assert_eq!(decide_move(State::Pending, cancel), Ok(State::Cancelled));
        assert_eq!(decide_move(State::Draft, cancel), Ok(State::Cancelled));
        assert_eq!(
            decide_move(State::Pending, Move::Process),
            Ok(State::Processed)
        );
        assert_eq!(
            decide_move(State::Draft, Move::Process),
            Err(Code::NotPlaced)
        );
        assert_eq!(
            decide_move(State::Processed, cancel),
            Err(Code::AlreadyProcessed)
        );
        assert_eq!(
            decide_move(State::Cancelled, Move::Process),
            Err(Code::AlreadyCancelled)
        );
    }

    #[test]
    fn held_orders_wait_for_a_person() {
        let cancel = Move::Cancel { release_key: false };
        assert_eq!(decide_move(State::Held, cancel), Ok(State::Cancelled));
        assert_eq!(decide_move(State::Held, Move::Process), Err(Code::Held));
        assert_eq!(decide_move(State::Held, Move::Release), Ok(State::Pending));
        assert_eq!(decide_move(State::Held, Move::Refuse), Ok(State::Cancelled));
        for wanted in [Move::Release, Move::Refuse] {
            for (state, code) in [
                (State::Draft, Code::NotHeld),
                (State::Pending, Code::NotHeld),
                (State::Processed, Code::AlreadyProcessed),
                (State::Cancelled, Code::AlreadyCancelled),
            ] {
                assert_eq!(decide_move(state, wanted), Err(code), "{state:?}");
            }
        }
    }

    #[test]
    fn rules_hold_orders_that_are_placed_and_not_processed() {
        for state in State::ALL {
            let (held, free) = (ruled(state, true), ruled(state, false));
            match state {
                State::Held | State::Pending => {
                    assert_eq!((held, free), (State::Held, State::Pending));
                }
                State::Draft | State::Processed | State::Cancelled => {
                    assert_eq!((held, free), (state, state));
                }
            }
        }
    }

    #[test]
    fn only_orders_that_are_placed_and_not_cancelled_are_fulfilled() {
        let table = [
            (State::Draft, Err(Code::NotPlaced)),
            (State::Held, Err(Code::Held)),
            (State::Pending, Ok(())),
            (State::Processed, Ok(())),
            (State::Cancelled, Err(Code::AlreadyCancelled)),
        ];
        for (state, decision) in table {
            assert_eq!(decide_fulfilment(state), decision, "{state:?}");
        }
    }
}
