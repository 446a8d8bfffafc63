//! Requests and answers about products and customers.

use wharfinger_core::admit::Policy;
use wharfinger_core::catalogue::load::LineProblem;
use wharfinger_core::catalogue::{Customer, Product};
use wharfinger_core::dialect::Reply;
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::outcome::BatchStatus;

use super::Remember;

/// Lines to be loaded, in one transaction, one after the other.
#[derive(Debug)]
pub struct Load<L> {
    /// Whose catalogue it is.
    pub organisation: OrganisationId,
    /// The lines, as they were read.
    pub lines: Vec<L>,
    /// How many more lines there were, which could not be read.
    pub unreadable: usize,
    /// What becomes of good lines where others are not good.
    pub policy: Policy,
    /// Who loads them: a key's id or [`crate::store::api::COMMAND_LINE`].
    pub who: String,
    /// The entry of the audit log that an earlier load of the same command has made: this one adds its counts to it.
    pub entry: Option<i64>,
    /// Whether to keep the answer.
    pub remember: Option<Remember<LoadedLines>>,
}

/// What became of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedLines {
    /// One outcome a line, in order.
    pub outcomes: Vec<LineOutcome>,
    /// The entry of the audit log; none as long as nothing was loaded.
    pub entry: Option<i64>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineOutcome {
    /// It made something new.
    Created,
    /// It changed what was there.
    Updated,
    /// All was as it says already.
    Unchanged,
    /// It goes against what is there.
    Refused(LineProblem),
    /// It is good, but others are not, and they are loaded all or none.
    Withheld,
}

impl LineOutcome {
    /// Its name as users read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Refused(_) => "rejected",
            Self::Withheld => "withheld",
        }
    }
}

/// How many lines this or that became of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// New ones.
    pub created: u64,
    /// Those that changed something.
    pub updated: u64,
    /// Those that said what was so already.
    pub unchanged: u64,
    /// Those that could not be read, or were refused.
    pub rejected: u64,
    /// Those that were good, for nothing.
    pub withheld: u64,
}

impl LoadCounts {
    /// Counts outcomes.
    pub fn add(&mut self, outcomes: &[LineOutcome]) {
        for outcome in outcomes {
            match outcome {
                LineOutcome::Created => self.created += 1,
                LineOutcome::Updated => self.updated += 1,
                LineOutcome::Unchanged => self.unchanged += 1,
                LineOutcome::Refused(_) => self.rejected += 1,
                LineOutcome::Withheld => self.withheld += 1,
            }
        }
    }

    /// What became of all of them together.
    #[must_use]
    pub fn status(&self) -> BatchStatus {
        match (self.taken(), self.rejected + self.withheld) {
            (0, _) => BatchStatus::Rejected,
            (_, 0) => BatchStatus::Complete,
            (_, _) => BatchStatus::Partial,
        }
    }

    /// Lines that were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }
}

/// What a load did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What became of its lines.
    pub lines: LoadedLines,
    /// The answer that was kept, if that was asked for and anything was loaded.
    pub reply: Option<Reply>,
}

/// Which products to read. What is given must all fit.
#[derive(Clone, Debug)]
pub struct ReadProducts {
    /// Whose.
    pub organisation: OrganisationId,
    /// Only that of this id.
    pub id: Option<u64>,
    /// Only that of this code of the seller's.
    pub sku: Option<String>,
    /// Only that of this bar code.
    pub ean: Option<String>,
    /// Go on behind this one.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: usize,
}

/// A page of products, in the order in which they were first loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductPage {
    /// The products; the stock of each is what is on hand at this moment.
    pub products: Vec<Product>,
    /// What [`ReadProducts::after`] is for the next page; none at the end.
    pub next: Option<i64>,
}

/// Which customers to read. What is given must all fit.
#[derive(Clone, Debug)]
pub struct ReadCustomers {
    /// Whose.
    pub organisation: OrganisationId,
    /// Only that of this number.
    pub id: Option<u64>,
    /// Only that of this address, in its normal form.
    pub email: Option<String>,
    /// Go on behind the customer of this number.
    pub after: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A page of customers, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerPage {
    /// The customers.
    pub customers: Vec<Customer>,
    /// What [`ReadCustomers::after`] is for the next page; none at the end.
    pub next: Option<u64>,
}
