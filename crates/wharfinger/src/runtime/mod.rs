//! What a process has once, whatever it serves: its metrics, turns at large work, budgets of memory, and
//! which certificates it trusts.
//!
//! May import `clock`.

pub mod budget;
pub mod metrics;
pub mod trust;
pub mod turns;
