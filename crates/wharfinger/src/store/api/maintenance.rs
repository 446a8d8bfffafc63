//! Maintenance of a whole store: purges, erasures of a person, and checks.

use wharfinger_core::dialect::Reply;
use wharfinger_core::ids::OrganisationId;

use super::Remember;

/// Who is to be erased.
#[derive(Debug)]
pub struct EraseCustomer {
    /// From whose orders; those of other organisations stay.
    pub organisation: OrganisationId,
    /// The e-mail address, in any spelling.
    pub email: String,
    /// Who asks: the id of a key, or [`COMMAND_LINE`](super::COMMAND_LINE).
    pub who: String,
    /// Whether to write the database file anew whatever its size; a small one is in any case. Nobody else writes meanwhile.
    pub compact: bool,
    /// Whether to keep the answer.
    pub remember: Option<Remember<Erasure>>,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Orders of which only the figures are left, with those of an erasure that was broken off.
    pub orders: u64,
    /// How many of them were open, and were called off.
    pub cancelled: u64,
    /// Customers that orders could be attached to: one at most.
    pub customers: u64,
    /// Rejected orders whose texts are gone.
    pub rejected: u64,
    /// Kept answers that are gone.
    pub answers: u64,
    /// Whether the database file was written anew. Where it was not, short rows that were moved within it may have left copies.
    pub compacted: bool,
}

/// A person that was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedCustomer {
    /// What was.
    pub erasure: Erasure,
    /// The answer that was kept, if that was asked for.
    pub reply: Option<Reply>,
}

/// What a purge removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Of each organisation that has ever had an order.
    pub organisations: Vec<PurgedOf>,
    /// Batches whose receipts went, since none of their orders was left.
    pub batches: u64,
}

/// What a purge removed of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgedOf {
    /// Whose.
    pub organisation: OrganisationId,
    /// Orders.
    pub orders: u64,
    /// Events of these orders.
    pub events: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Orders looked at.
    pub orders: u64,
    /// Revisions looked at.
    pub revisions: u64,
    /// Batches looked at.
    pub batches: u64,
    /// Events looked at.
    pub events: u64,
    /// What is wrong, a sentence each; at most a hundred.
    pub faults: Vec<String>,
}
