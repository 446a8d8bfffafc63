//! Organisations, API keys, definitions of destinations, the audit log of who changed them, and sessions of the console.
//!
//! May import: `write` and the rooms below it.

pub(super) mod change;
pub(super) mod destinations;
mod rules;
mod sessions;
