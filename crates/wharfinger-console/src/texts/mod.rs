//! Texts of orders as JSON: where an attribute is in them, changes that keep every other byte, and a form to read.
//!
//! Numbers are never read, so they keep their spelling. Nothing here recurses, so no depth of nesting is a danger.
//! Imports no other room.

mod edit;
mod fault;
mod marks;
mod places;
mod pretty;
mod scan;
mod visible;

pub(crate) use self::edit::{Change, apply, literal, plain};
pub(crate) use self::fault::{fault_at, is_json};
pub(crate) use self::marks::{Piece, Row, excerpt, marked};
pub(crate) use self::places::{Place, locate, token_of};
pub(crate) use self::pretty::{first_shown, pretty};
pub(crate) use self::visible::{is_hidden, visible, visible_text};
