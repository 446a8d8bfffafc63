//! Rejections that are closed: mended by another order, or dismissed.

use wharfinger_core::order::ids::OrganisationId;

use super::deltas::{Deltas, OfBatch};
use crate::store::api::RecordedProblem;
use crate::store::format::dialect_id::DialectId;
use crate::store::receipts::causes::Causes;

/// A rejected order that was mended or dismissed.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the routes of rejections are to use it")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedRejection<'r> {
    /// The API key that sent the batch in which it was rejected.
    pub key_id: &'r str,
    /// Its organisation, if that is known.
    pub organisation: Option<OrganisationId>,
    /// The dialect of that batch.
    pub dialect: DialectId,
    /// When that batch was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// Why the order was rejected, as its receipt has it.
    pub errors: &'r [RecordedProblem],
}

impl Deltas {
    /// Counts a rejected order as closed, for each cause of its rejection. Call it in the transaction that closes the rejection,
    /// once for each rejection.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the routes of rejections are to use it")
    )]
    pub(crate) fn close_rejection(&mut self, closed: &ClosedRejection<'_>) {
        let of = OfBatch {
            key_id: closed.key_id,
            dialect: closed.dialect,
            received_at_ms: closed.received_at_ms,
        };
        let mut causes = Causes::default();
        for error in closed.errors {
            causes.note(0, &error.code, &error.pointer);
        }
        self.close(of, closed.organisation, &causes);
    }
}
