//! The workloads, one file each: what is started, which sides take turns, and how the result is judged.

mod addresses;
pub(crate) mod batches;
pub(crate) mod catalogue;
mod compare;
pub(crate) mod databases;
pub(crate) mod fairness;
pub(crate) mod filled;
pub(crate) mod import;
pub(crate) mod memory;
pub(crate) mod onward;
pub(crate) mod reads;
pub(crate) mod resubmissions;
pub(crate) mod singles;
pub(crate) mod spread;
