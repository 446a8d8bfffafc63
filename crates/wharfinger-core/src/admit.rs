//! What a submission does to the order that holds its key: a pure decision, made inside the store's transaction.

use crate::outcome::State;
use crate::problem::Code;

/// What a submitted order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Create the order, or bring the existing one up to date.
    Upsert,
    /// Create the order as a draft or placed; an existing one is in the way.
    Create {
        /// Whether it is to be completed later.
        draft: bool,
    },
    /// Place an existing draft, adding to what it says.
    Complete,
    /// Add to what an existing order says.
    Amend,
}

impl Intent {
    /// The state a new order begins in.
    #[must_use]
    pub fn initial_state(self) -> State {
        match self {
            Self::Create { draft: true } => State::Draft,
            Self::Create { draft: false } | Self::Upsert | Self::Complete | Self::Amend => {
                State::Pending
            }
        }
    }

    /// Whether it adds to what an existing order says, rather than being an order itself.
    #[must_use]
    pub fn is_addition(self) -> bool {
        match self {
            Self::Complete | Self::Amend => true,
            Self::Create { .. } | Self::Upsert => false,
        }
    }
}

/// What becomes of the good orders of a batch where others are not good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// They are kept: each order is judged alone.
    #[default]
    Partial,
    /// They are withheld: the batch is taken whole or not at all.
    AllOrNothing,
}

/// What the store knows of the order that holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Where the order stands.
    pub state: State,
    /// The content hash of its latest revision.
    pub hash: u128,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Store a new order, in this state.
    Create(State),
    /// Store a new revision; the order is then in this state.
    Update(State),
    /// Store nothing and say yes again.
    Unchanged,
    /// Store nothing and say why.
    Refuse(Code),
}

/// Decides what a submission does.
///
/// Precedence: a creating submission finds any existing order in its way; then a final state turns
/// the submission down, whatever it says; only then is the content compared.
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

/// A move that is asked for outside a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The order is taken on.
    Process,
    /// The order is called off.
    Cancel {
        /// Whether its key may be used for a new order.
        release_key: bool,
    },
}

/// Decides whether an order may make a move: the state it is then in, or why not.
///
/// # Errors
/// The code of the final state that the order is in already, or that a draft is not placed yet.
pub fn decide_move(state: State, wanted: Move) -> Result<State, Code> {
    match (state, wanted) {
        (State::Processed, _) => Err(Code::AlreadyProcessed),
        (State::Cancelled, _) => Err(Code::AlreadyCancelled),
        (State::Draft | State::Pending, Move::Cancel { .. }) => Ok(State::Cancelled),
        (State::Pending, Move::Process) => Ok(State::Processed),
        (State::Draft, Move::Process) => Err(Code::NotPlaced),
    }
}

/// Decides whether it may be told how far an order is fulfilled.
///
/// # Errors
/// It is cancelled, or not placed yet.
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

    /// One line a rule: (existing state and whether its content is the same, intent, decision).
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
