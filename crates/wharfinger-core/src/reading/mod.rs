//! How attributes are read: forms, rules for values, sets of codes, moments, and what is unknown or to be erased.
//!
//! The rules are those that several dialects share. A vendor's own rules are in its folder. May import `json` and
//! `order`.

pub(crate) mod codes;
pub mod email;
pub mod erase;
pub mod fields;
pub mod form;
pub mod moment;
pub mod unknown;
pub mod validate;
