//! Carries events to where they are needed: destinations, and what they are reached by.
//!
//! May import `serve`, `store`, `runtime` and `clock`.

pub mod guard;
