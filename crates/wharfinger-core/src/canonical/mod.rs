//! The canonical order: the same attributes whichever dialect an order came in.

pub mod attributes;
