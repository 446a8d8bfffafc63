//! Support code shared by the core's tests.

pub(crate) use wharfinger_conformance::case;

pub(crate) mod model;
pub(crate) mod play;
pub(crate) mod shelves;
