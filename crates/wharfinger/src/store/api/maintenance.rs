//! Maintenance of a whole store: purges, erasures of a person, and checks.

use uuid::Uuid;
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::ids::OrganisationId;

use super::SaveReply;

/// The person to erase.
#[derive(Debug)]
pub struct EraseCustomer {
    /// The organisation. Orders of other organisations are unchanged.
    pub organisation: OrganisationId,
    /// The e-mail address, in any spelling.
    pub email: String,
    /// Who requests the erasure: the id of a key, or [`COMMAND_LINE`](super::COMMAND_LINE).
    pub who: String,
    /// Whether to rewrite the database file even if it is large. A small file is always rewritten. Writes wait meanwhile.
    pub compact: bool,
    /// How to save the response, if it should be saved.
    pub save_reply: Option<SaveReply<Erasure>>,
}

/// The result of an erasure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Orders reduced to their retained fields, including those of an interrupted erasure that was resumed.
    pub orders: u64,
    /// How many of them were open and are now cancelled.
    pub cancelled: u64,
    /// Erased customer records: at most one.
    pub customers: u64,
    /// Rejected orders whose texts were erased.
    pub rejected: u64,
    /// Saved responses that were erased.
    pub answers: u64,
    /// Attempts to deliver events of the organisation whose answers were erased.
    pub attempts: u64,
    /// The destinations that have got events of the organisation. What they were sent cannot be erased here.
    pub delivered_to: Vec<Uuid>,
    /// Whether the database file was rewritten. If not, copies of short rows that were moved within the file may remain.
    pub compacted: bool,
}

/// The result of an erasure, with the saved response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedCustomer {
    /// The result.
    pub erasure: Erasure,
    /// The saved response, if one was requested.
    pub reply: Option<Reply>,
}

/// The result of a purge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// The result for each organisation that has ever had an order.
    pub organisations: Vec<PurgedOf>,
    /// Deleted receipts: those of batches without any remaining order.
    pub batches: u64,
    /// Deleted entries of the audit log: those about changes of orders.
    pub audit: u64,
}

/// The result of a purge for one organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgedOf {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The number of purged orders.
    pub orders: u64,
    /// The number of their events.
    pub events: u64,
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The number of checked orders.
    pub orders: u64,
    /// The number of checked revisions.
    pub revisions: u64,
    /// The number of checked batches.
    pub batches: u64,
    /// The number of checked events.
    pub events: u64,
    /// The faults found, one sentence each. At most 100.
    pub faults: Vec<String>,
}
