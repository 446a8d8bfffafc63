//! Organisations, API keys, definitions of destinations, and the audit log of who changed them.
//!
//! May import: `write` and the rooms below it.

pub(super) mod change;
pub(super) mod destinations;
