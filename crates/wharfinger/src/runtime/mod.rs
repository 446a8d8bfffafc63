//! What a process has once, whatever it serves: its metrics, turns at large work, budgets of memory, which
//! certificates it trusts, traces.
//!
//! May import `clock`.

pub mod budget;
pub mod metrics;
pub mod traces;
pub mod trust;
pub mod turns;
