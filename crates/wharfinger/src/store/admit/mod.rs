//! Admission of a batch: decide on each order, then write index, journal and receipt. One transaction.
//!
//! ```text
//!  batch          one Submission, all its organisations
//!    │ all-or-nothing? dry_run first; one refusal refuses all
//!    ▼
//!  decide         per organisation: prefetch the pages of its keys, then for each order in batch order
//!    │              no order holds the key         → insert                → Accepted
//!    │              one holds it, same content     →                       → Unchanged
//!    │              one holds it, other content    → core `decide`         → Updated, or refused with a code
//!    │ enforced catalogue? split: choose lines, take stock, one sub-order per further warehouse
//!    ▼
//!  entry outcomes → journal block (or open block) · rejected orders + counts → receipt
//! ```
//!
//! `decide` runs over a `DecisionTxn`: a `WriteTxn`, or for `dry_run` an overlay on the stored orders that is dropped at the end.
//! A dry run therefore makes the decisions of the real run.
//!
//! May import: `read` and the rooms below it.

pub(super) mod batch;
pub(super) mod decide;
pub(super) mod dry_run;
mod holding;
pub(super) mod import_progress;
pub(super) mod mending;
pub(super) mod split;
pub(super) mod sub_orders;
pub(super) mod txn;
