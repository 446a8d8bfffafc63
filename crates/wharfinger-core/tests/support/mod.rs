//! Support code shared by the core's tests.

pub(crate) mod case;
pub(crate) mod model;
pub(crate) mod play;
pub(crate) mod shelves;
