//! What a write transaction leaves when it has written everything.

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use crate::store::journal::end::JournalEnd;
use crate::store::journal::stamps::Drawn;
use crate::store::stock::overlay::Kept;

/// What the writer must know of a transaction after its commit.
pub(crate) struct Finished {
    /// The time of its changes, in milliseconds.
    pub now_ms: i64,
    /// The time that the clock went back from since the commit before, if it did.
    pub back_from_ms: Option<i64>,
    /// The epoch of this process, if it has begun.
    pub epoch: Option<i64>,
    /// The stamp of its blocks, if it has drawn one.
    pub drawn: Option<Drawn>,
    /// How many recent changes it leaves to be merged.
    pub owed: usize,
    /// A batch whose receipt it wrote, if any.
    pub batch: Option<BatchId>,
    /// Cached catalogue data and dialect numbers, for the next transaction.
    pub kept: Kept,
    /// The organisations to whose journals it appended, and the new ends of their journals.
    pub grown: Vec<(OrganisationId, JournalEnd)>,
}
