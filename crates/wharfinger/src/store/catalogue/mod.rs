//! Products and customers: what organisations load, and what they read back.
//!
//! May import: `write` and the rooms below it.

pub(super) mod customers;
pub(super) mod load;
pub(super) mod products;
