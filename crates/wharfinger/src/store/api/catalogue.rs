//! Requests and answers about products and customers.

use wharfinger_core::decide::admit::Policy;
use wharfinger_core::decide::catalogue::import::LineProblem;
use wharfinger_core::decide::catalogue::{Customer, Product};
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::BatchStatus;

use super::SaveReply;

/// Lines to load into a catalogue, in order and in one transaction.
#[derive(Debug)]
pub struct Load<L> {
    /// The organisation of the catalogue.
    pub organisation: OrganisationId,
    /// The decoded lines.
    pub lines: Vec<L>,
    /// The number of further lines that could not be decoded.
    pub unreadable: usize,
    /// Whether valid lines are stored when others are rejected.
    pub policy: Policy,
    /// Who loads them: the id of a key, or [`crate::store::api::COMMAND_LINE`].
    pub who: String,
    /// The audit log entry of an earlier load by the same command. The counts are added to it.
    pub entry: Option<i64>,
    /// How to save the response, if it should be saved.
    pub save_reply: Option<SaveReply<LoadedLines>>,
}

/// The outcomes of loaded lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedLines {
    /// One outcome per line, in order.
    pub outcomes: Vec<LineOutcome>,
    /// The audit log entry. `None` until something was loaded.
    pub entry: Option<i64>,
}

/// The outcome of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineOutcome {
    /// The line created a record.
    Created,
    /// The line changed a record.
    Updated,
    /// The record already had these values.
    Unchanged,
    /// The line conflicts with stored data.
    Refused(LineProblem),
    /// The line is valid, but others are not, and the load is all-or-nothing.
    Withheld,
}

impl LineOutcome {
    /// The name, as users read it.
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

/// The number of lines with each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// Lines that created a record.
    pub created: u64,
    /// Lines that changed a record.
    pub updated: u64,
    /// Lines whose record already had these values.
    pub unchanged: u64,
    /// Lines that could not be decoded or were refused.
    pub rejected: u64,
    /// Valid lines that were not stored, because others were rejected.
    pub withheld: u64,
}

impl LoadCounts {
    /// Adds outcomes to the counts.
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

    /// The status of the load as a whole.
    #[must_use]
    pub fn status(&self) -> BatchStatus {
        BatchStatus::of(self.taken(), self.rejected + self.withheld)
    }

    /// The number of accepted lines.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }
}

/// The result of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The outcomes of its lines.
    pub lines: LoadedLines,
    /// The saved response, if one was requested and anything was loaded.
    pub reply: Option<Reply>,
}

/// Which products to read. All conditions must match.
#[derive(Clone, Debug)]
pub struct ReadProducts {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The product with this id.
    pub id: Option<u64>,
    /// The product with this SKU.
    pub sku: Option<String>,
    /// The product with this bar code.
    pub ean: Option<String>,
    /// The cursor: continue after this product.
    pub after: Option<i64>,
    /// The most products to return.
    pub limit: usize,
}

/// A page of products, in the order in which they were first loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductPage {
    /// The products, each with its current stock.
    pub products: Vec<Product>,
    /// The value of [`ReadProducts::after`] for the next page. `None` at the end.
    pub next: Option<i64>,
}

/// Which customers to read. All conditions must match.
#[derive(Clone, Debug)]
pub struct ReadCustomers {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The customer with this number.
    pub id: Option<u64>,
    /// The customer with this address, in normal form.
    pub email: Option<String>,
    /// The cursor: continue after the customer with this number.
    pub after: Option<u64>,
    /// The most customers to return.
    pub limit: usize,
}

/// A page of customers, sorted by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerPage {
    /// The customers.
    pub customers: Vec<Customer>,
    /// The value of [`ReadCustomers::after`] for the next page. `None` at the end.
    pub next: Option<u64>,
}
