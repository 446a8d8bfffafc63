//! Destinations: their definitions, how far they are, and changes of both that somebody asks for.

pub(crate) mod change;
pub(crate) mod packed;
pub(crate) mod passed;
mod replay;
pub(crate) mod rows;
