//! Receipts: one row per batch, and the orders that were rejected or have warnings.
//!
//! May import: `index`, `journal`, `engine`, `api`, `format`.

pub(super) mod closed;
pub(super) mod encoding;
pub(super) mod extents;
pub(super) mod files;
pub(super) mod mending;
pub(super) mod mentions;
pub(super) mod read;
pub(super) mod rejection_list;
pub(super) mod rejections;
pub(super) mod results;
pub(super) mod write;
