//! The journal: numbered blocks of entries, in commit order. It is the history of all orders and the event feed at once.
//!
//! ```text
//!   organisation 7
//!   block 1        block 2        block 3            numbered without gaps
//!  ┌────────────┐ ┌────────────┐ ┌────────────┐
//!  │ entry 0    │ │ entry 0    │ │ entry 0    │      an entry: one revision of one order, or one
//!  │ entry 1    │ │ …          │ │ entry 1    │      transition. Its address (organisation, block,
//!  │ …          │ │ entry 1023 │ │ …          │      ordinal) never changes
//!  └────────────┘ └────────────┘ └────────────┘
//!  columns of a block: slots (the outcome of each entry), indexes (its position in its batch),
//!  emails (hashes), keys, texts (compressed frames of 64)
//! ```
//!
//! `rows` finds a block where it is: in the table of blocks, in a pack of small blocks, or among the recent changes of the embedded
//! store.
//!
//! May import: `engine`, `api`, `format`.

pub(super) mod admissions;
pub(super) mod batches;
pub(super) mod block;
pub(super) mod dialects;
pub(super) mod end;
pub(super) mod entry_outcomes;
pub(super) mod epochs;
pub(super) mod holds;
pub(super) mod order_ids;
pub(super) mod read;
pub(super) mod rewrite;
pub(super) mod rows;
pub(super) mod stamps;
pub(super) mod start;
pub(super) mod state_counts;
pub(super) mod write;
