//! Taking in a batch: decide on each order, write index, journal and receipt.
//!
//! May import: `read` and the rooms below it.

pub(super) mod batch;
pub(super) mod decide;
pub(super) mod dry_run;
pub(super) mod import_progress;
pub(super) mod split;
pub(super) mod sub_orders;
