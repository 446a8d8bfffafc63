//! What the tests of the core share.

pub(crate) mod case;
pub(crate) mod model;
pub(crate) mod play;
pub(crate) mod shelves;
