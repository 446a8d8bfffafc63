//! The writer: one thread that commits all waiting jobs in one transaction.
//!
//! ```text
//!  callers ──▶ queue ──▶ writer thread:  begin · prefetch · job 1 … job n · finish · commit ──▶ answers
//!                                                    │                 │
//!                                                    ▼                 ▼
//!                                              WriteTxn (txn)    written once, at the end: open blocks,
//!                                              counters, index   receipts, saved replies, stock ledger,
//!                                              pages, open block index pages, order states, counters
//! ```
//!
//! A job that fails for a reason of its own rolls the transaction back. Each job is then run by itself.
//!
//! On SQLite, `finish` also merges some recent changes into the tables (`merge`), and the commit writes those of the transaction to
//! the log. A large transaction merges fewer than it adds. It leaves the others to later ones, also to transactions without jobs.
//!
//! May import: `stock` and the rooms below it.

pub(super) mod audit;
pub(super) mod checkpoints;
pub(super) mod finished;
pub(super) mod idempotent;
pub(super) mod job;
pub(super) mod merge;
pub(super) mod merger;
pub(super) mod open_block;
pub(super) mod queue;
pub(super) mod txn;
pub(super) mod writer;
