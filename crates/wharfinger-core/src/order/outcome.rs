//! The outcome of one order of a batch, and counts of outcomes.

use std::sync::Arc;

use crate::order::ids::OrderId;
use crate::order::problem::Problems;

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not placed yet.
    Draft,
    /// Placed, but held for a person by a rule of its organisation.
    Held,
    /// Placed, but not processed yet.
    Pending,
    /// Processed. Final.
    Processed,
    /// Cancelled. Final.
    Cancelled,
}

impl State {
    /// All states, in the order of an order's life.
    pub const ALL: [Self; 5] = [
        Self::Draft,
        Self::Held,
        Self::Pending,
        Self::Processed,
        Self::Cancelled,
    ];

    /// Whether the state is not final.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Draft | Self::Held | Self::Pending => true,
            Self::Processed | Self::Cancelled => false,
        }
    }

    /// The names of all states.
    pub const NAMES: [&'static str; 5] = ["draft", "held", "pending", "processed", "cancelled"];

    /// The state with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state's name in requests and responses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Held => "held",
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an order was withheld, as a sentence for people.
pub const WITHHELD: &str = "another order of the all-or-nothing batch was rejected";

/// A stored order, as its outcome reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The order id, the same for all revisions.
    pub order: OrderId,
    /// The order number, if the dialect numbers its orders.
    pub number: Option<u64>,
    /// 1 when first accepted, plus one for each change.
    pub revision: u32,
    /// For a split order, the numbers of all sub-orders, its own first.
    pub sub_orders: Box<[u64]>,
    /// The name of the rule that holds the order, if one does.
    pub held: Option<Arc<str>>,
}

/// The outcome of one order. Outcome *i* of a batch belongs to slot *i*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The order is new and stored.
    Accepted(Taken),
    /// The order was known, and this submission changed it.
    Updated(Taken),
    /// The order was known, with the same content.
    Unchanged(Taken),
    /// The order was rejected for these reasons.
    Rejected(Problems),
    /// The order is valid but not stored: its batch is all-or-nothing, and another order was rejected.
    Withheld,
}

impl Outcome {
    /// The stored order, unless the order was rejected or withheld.
    #[must_use]
    pub fn taken(&self) -> Option<&Taken> {
        match self {
            Self::Accepted(taken) | Self::Updated(taken) | Self::Unchanged(taken) => Some(taken),
            Self::Rejected(_) | Self::Withheld => None,
        }
    }

    /// The outcome's name in responses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Updated(_) => "updated",
            Self::Unchanged(_) => "unchanged",
            Self::Rejected(_) => "rejected",
            Self::Withheld => "withheld",
        }
    }
}

/// How many orders of a batch had each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New orders.
    pub accepted: u64,
    /// Changed orders.
    pub updated: u64,
    /// Orders resubmitted with the same content.
    pub unchanged: u64,
    /// Rejected orders.
    pub rejected: u64,
    /// Valid orders of an all-or-nothing batch in which another order was rejected.
    pub withheld: u64,
}

impl Counts {
    /// Counts one outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Accepted(_) => self.accepted += 1,
            Outcome::Updated(_) => self.updated += 1,
            Outcome::Unchanged(_) => self.unchanged += 1,
            Outcome::Rejected(_) => self.rejected += 1,
            Outcome::Withheld => self.withheld += 1,
        }
    }

    /// Counts `outcomes`.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            counts.add(outcome);
        }
        counts
    }

    /// The number of orders in the batch.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.taken() + self.rejected + self.withheld
    }

    /// The status of the batch.
    #[must_use]
    pub fn status(&self) -> BatchStatus {
        BatchStatus::of(self.taken(), self.rejected + self.withheld)
    }

    /// The number of orders accepted, updated or unchanged.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.accepted + self.updated + self.unchanged
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.accepted += more.accepted;
        self.updated += more.updated;
        self.unchanged += more.unchanged;
        self.rejected += more.rejected;
        self.withheld += more.withheld;
    }
}

/// The status of a batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatus {
    /// No order was rejected or withheld, and there was at least one.
    Complete,
    /// Some orders were accepted, updated or unchanged; others were not.
    Partial,
    /// No order was accepted, updated or unchanged. A batch without orders has this status too.
    Rejected,
}

impl BatchStatus {
    /// All statuses.
    pub const ALL: [Self; 3] = [Self::Complete, Self::Partial, Self::Rejected];

    /// The status of a batch of which so many orders were taken, and so many were rejected or withheld.
    #[must_use]
    pub fn of(taken: u64, not_taken: u64) -> Self {
        match (taken, not_taken) {
            (0, _) => Self::Rejected,
            (_, 0) => Self::Complete,
            (_, _) => Self::Partial,
        }
    }

    /// The status's name in requests and responses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
        }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, more| {
            sum += more;
            sum
        })
    }
}
