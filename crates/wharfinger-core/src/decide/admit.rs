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
            State::Draft | State::Pending if existing.hash == hash => Decision::Unchanged,
            State::Draft | State::Pending => Decision::Update(existing.state),
        },
        Intent::Complete => match existing.state {
            State::Cancelled => Decision::Refuse(Code::AlreadyCancelled),
            State::Draft => Decision::Update(State::Pending),
            State::Pending | State::Processed if existing.hash == hash => Decision::Unchanged,
            State::Pending | State::Processed => Decision::Update(existing.state),
        },
        Intent::Amend => match existing.state {
            State::Cancelled => Decision::Refuse(Code::AlreadyCancelled),
            State::Draft | State::Pending | State::Processed if existing.hash == hash => {
                Decision::Unchanged
            }
            State::Draft | State::Pending | State::Processed => Decision::Update(existing.state),
        },
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
}

/// Decides a state change. Returns the order's new state.
///
/// # Errors
/// The code of the final state that the order is already in, or [`Code::NotPlaced`] if a draft is to be processed.
pub fn decide_move(state: State, wanted: Move) -> Result<State, Code> {
    match (state, wanted) {
        (State::Processed, _) => Err(Code::AlreadyProcessed),
        (State::Cancelled, _) => Err(Code::AlreadyCancelled),
        (State::Draft | State::Pending, Move::Cancel { .. }) => Ok(State::Cancelled),
        (State::Pending, Move::Process) => Ok(State::Processed),
        (State::Draft, Move::Process) => Err(Code::NotPlaced),
    }
}

/// Decides whether an order in this state accepts a fulfilment report.
///
/// # Errors
/// The order is cancelled, or is a draft.
pub fn decide_fulfilment(state: State) -> Result<(), Code> {
    match state {
        State::Draft => Err(Code::NotPlaced),
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
    fn every_rule_of_the_table() {
        use Decision::{Create, Refuse, Unchanged, Update};
        use State::{Cancelled, Draft, Pending, Processed};
        let draft = Intent::Create { draft: true };
        let table = [
            (None, Intent::Upsert, Create(Pending)),
            (None, CREATE, Create(Pending)),
            (None, draft, Create(Draft)),
            (None, Intent::Complete, Refuse(Code::UnknownOrder)),
            (None, Intent::Amend, Refuse(Code::UnknownOrder)),
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
    fn only_orders_that_are_placed_and_not_cancelled_are_fulfilled() {
        let table = [
            (State::Draft, Err(Code::NotPlaced)),
            (State::Pending, Ok(())),
            (State::Processed, Ok(())),
            (State::Cancelled, Err(Code::AlreadyCancelled)),
        ];
        for (state, decision) in table {
            assert_eq!(decide_fulfilment(state), decision, "{state:?}");
        }
    }
}
