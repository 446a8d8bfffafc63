//! Transitions of orders: process, cancel, and reports of fulfilment.
//!
//! May import: `read` and the rooms below it.

pub(super) mod fulfilment;
pub(super) mod process_cancel;
