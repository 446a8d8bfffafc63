//! The decisions: what a submission does to an existing order, what a catalogue says to it, what was fulfilled.
//!
//! Pure functions with table tests. The store calls them inside its transactions. May import `json`, `order` and
//! `reading`.

pub mod admit;
pub mod catalogue;
pub mod fulfilment;
