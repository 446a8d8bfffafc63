//! The pure half of Wharfinger: no async, no clock, no environment, no files, no sockets.
//!
//! An order passes through it in four steps:
//!
//! 1. [`json`] reads the body one order at a time. It yields faults, the verbatim bytes and a content hash.
//! 2. [`judge`](mod@judge) passes each order to the [`dialect`], which reads it through a [`form`] by the rules of
//!    [`validate`]. The result is a slot: a draft, or [`problem`]s with their paths.
//! 3. The store calls [`admit::decide`] inside its transaction.
//! 4. The dialect encodes the [`outcome`]s in the vendor's format. There is one outcome per slot, in the same order.
//!
//! A request that is refused as a whole is a [`failure`]. Vendor names occur only under [`dialects`].

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
