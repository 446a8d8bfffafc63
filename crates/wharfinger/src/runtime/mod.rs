//! What a process has once, whatever it serves: its metrics, turns at large work, and budgets of memory.
//!
//! May import `clock`.

pub mod budget;
pub mod metrics;
pub mod turns;
