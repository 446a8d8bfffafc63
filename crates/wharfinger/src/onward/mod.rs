//! Carries events to where they are needed: destinations, and what they are reached by.
//!
//! May import `serve`, `store`, `runtime` and `clock`.

pub mod breaker;
pub mod client;
pub mod guard;
pub mod schedule;
pub mod signature;
pub mod window;
