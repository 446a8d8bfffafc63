//! The workloads, one file each: what is started, which sides take turns, and how the result is judged.

mod addresses;
pub(super) mod batches;
pub(super) mod catalogue;
pub(super) mod databases;
pub(super) mod fairness;
pub(super) mod filled;
pub(super) mod import;
pub(super) mod memory;
pub(super) mod reads;
pub(super) mod resubmissions;
pub(super) mod singles;
