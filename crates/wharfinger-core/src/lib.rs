//! The pure half of Wharfinger: no async, no clock, no environment, no files, no sockets.
//!
//! One order's way through it:
//!
//! 1. [`json`] reads the body order by order, with faults, verbatim bytes and content hash;
//! 2. [`judge`](mod@judge) hands each to the [`dialect`], which reads it through a [`form`] by the rules of [`validate`]
//!    and gives a slot: a draft, or [`problem`]s with their paths;
//! 3. the store calls [`admit::decide`] inside its transaction;
//! 4. the dialect puts the [`outcome`]s, one a slot and in the same order, into the vendor's words.
//!
//! A request that is turned down as a whole is a [`failure`]. Vendor names occur under [`dialects`] only.

pub mod admit;
pub mod answer;
pub mod caller;
pub mod canonical;
pub mod catalogue;
mod codes;
pub mod dialect;
pub mod dialects;
pub mod email;
pub mod erase;
pub mod failure;
pub mod form;
pub mod fulfilment;
pub mod ids;
pub mod json;
pub mod judge;
pub mod kept;
pub mod limits;
pub mod load;
pub mod moment;
pub mod operation;
pub mod outcome;
pub mod problem;
pub mod query;
pub mod unknown;
pub mod validate;
pub mod warning;
pub mod zone;
