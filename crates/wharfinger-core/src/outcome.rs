//! What became of one order of a batch.

use crate::ids::OrderId;
use crate::problem::Problems;

/// Where an order stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Prepared, not placed.
    Draft,
    /// Placed, waiting to be taken on.
    Pending,
    /// Taken on; final.
    Processed,
    /// Called off; final.
    Cancelled,
}

impl State {
    /// Every state, in the order of an order's life.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Pending, Self::Processed, Self::Cancelled];

    /// Whether the order is still to be taken on: its state is not final.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Draft | Self::Pending => true,
            Self::Processed | Self::Cancelled => false,
        }
    }

    /// The state's name as users read and write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an order was withheld, for people.
pub const WITHHELD: &str =
    "another order of the batch was rejected, and the batch was to be taken whole";

/// A stored order as an outcome tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The order's id, the same for all its revisions.
    pub order: OrderId,
    /// The order number, where the dialect numbers its orders.
    pub number: Option<u64>,
    /// 1 when first accepted, plus one for each change.
    pub revision: u32,
    /// Where it was split: the numbers of all parts, its own first.
    pub parts: Box<[u64]>,
}

/// What became of one order. Outcome *i* of a batch answers its slot *i*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// New, and stored.
    Accepted(Taken),
    /// Known, and changed by this submission.
    Updated(Taken),
    /// Known, and the same content again.
    Unchanged(Taken),
    /// Turned down, for all of these reasons.
    Rejected(Problems),
    /// Good, and not stored, since its batch was to be taken whole or not at all and another order of it was turned down.
    Withheld,
}

impl Outcome {
    /// Whether the order was answered with a yes.
    #[must_use]
    pub fn taken(&self) -> Option<&Taken> {
        match self {
            Self::Accepted(taken) | Self::Updated(taken) | Self::Unchanged(taken) => Some(taken),
            Self::Rejected(_) | Self::Withheld => None,
        }
    }

    /// The outcome's name as users read it.
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
    /// Orders sent again as they were.
    pub unchanged: u64,
    /// Orders turned down.
    pub rejected: u64,
    /// Good orders of a batch that was to be taken whole or not at all, and was not taken.
    pub withheld: u64,
}

impl Counts {
    /// Counts one more outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Accepted(_) => self.accepted += 1,
            Outcome::Updated(_) => self.updated += 1,
            Outcome::Unchanged(_) => self.unchanged += 1,
            Outcome::Rejected(_) => self.rejected += 1,
            Outcome::Withheld => self.withheld += 1,
        }
    }

    /// The counts of all of `outcomes`.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            counts.add(outcome);
        }
        counts
    }

    /// How many orders there were.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.taken() + self.rejected + self.withheld
    }

    /// What became of the batch.
    #[must_use]
    pub fn status(&self) -> BatchStatus {
        match (self.taken(), self.rejected + self.withheld) {
            (0, _) => BatchStatus::Rejected,
            (_, 0) => BatchStatus::Complete,
            (_, _) => BatchStatus::Partial,
        }
    }

    /// How many orders were answered with a yes.
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

/// What became of a batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatus {
    /// Every order was taken.
    Complete,
    /// Some were.
    Partial,
    /// None was.
    Rejected,
}

impl BatchStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Complete, Self::Partial, Self::Rejected];

    /// The status as users read and write it.
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
