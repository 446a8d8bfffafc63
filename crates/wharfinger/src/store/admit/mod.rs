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
//! `dry_run` makes the same decisions on a snapshot and writes nothing.
//!
//! May import: `read` and the rooms below it.

pub(super) mod batch;
pub(super) mod decide;
pub(super) mod dry_run;
pub(super) mod import_progress;
pub(super) mod split;
pub(super) mod sub_orders;
