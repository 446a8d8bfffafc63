//! The pure half of Wharfinger: no async, no clock, no environment, no files, no sockets.
//!
//! Each room imports only rooms below it. A test checks that.
//!
//! ```text
//! convert.rs  a stored order in any form                    the only file that knows trait, order and list together
//! judge.rs    a body → slots, one per order, in order
//! kept.rs     slots that outlive their body
//! dialects/   one folder per vendor, and the list of them   vendor names occur only here
//! dialect/    the trait, and what passes through it: requests, slots, stored orders, replies
//! decide/     the decisions: admission, catalogue, fulfilment
//! rules/      rules that hold orders for a person: CEL over the canonical order
//! canonical/  the order that all dialects share
//! hint/       what is wrong with a value, and what was probably meant
//! reading/    how attributes are read: forms, rules, codes, moments
//! order/      the words of all rooms: ids, organisations, amounts, problems, failures, outcomes
//! json/       bytes → values, faults and content hashes
//! letters.rs  bytes as hexadecimal digits, characters that are not seen
//! limits.rs   what a request may ask of the server
//! ```
//!
//! An order passes through it in four steps:
//!
//! 1. [`json`] reads the body one order at a time. It yields faults, the verbatim bytes and a content hash.
//! 2. [`judge`](mod@judge) passes each order to the [`dialect`], which reads it through a [`form`](reading::form) by the
//!    rules of [`validate`](reading::validate). The result is a slot: a draft, or [`problem`](order::problem)s with their
//!    paths.
//! 3. The store calls [`decide::admit::decide`] inside its transaction.
//! 4. The dialect encodes the [`outcome`](order::outcome)s in the vendor's format. There is one outcome per slot, in the
//!    same order.
//!
//! A request that is refused as a whole is a [`failure`](order::failure).

pub mod canonical;
pub mod convert;
pub mod decide;
pub mod dialect;
pub mod dialects;
pub mod hint;
pub mod json;
pub mod judge;
pub mod kept;
pub mod letters;
pub mod limits;
pub mod order;
pub mod reading;
pub mod rules;
