//! Stock and products as decisions need them: the ledger, the product cache, and what a transaction has taken.
//!
//! May import: `replies` and the rooms below it.

pub(super) mod customer_numbers;
pub(super) mod ledger;
pub(super) mod overlay;
pub(super) mod product_cache;
