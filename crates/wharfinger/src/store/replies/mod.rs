//! Saved responses: the reply to a request with an `Idempotency-Key`, stored in the transaction of its change.
//!
//! May import: `receipts` and the rooms below it.

pub(super) mod read;
pub(super) mod write;
