//! Statistics: how many orders had which outcome, and how often each cause of rejection occurred, over time.
//!
//! ```text
//!  a transaction of batches                       every few seconds, behind it
//!  ┌──────────────────────────┐  added together   ┌─────────────────────────────┐
//!  │ stats_log: one row a key │ ────────────────▶ │ stats         minute, hour, │
//!  │ and transaction, packed  │  and deleted      │ error_causes  day           │
//!  └──────────────────────────┘                   └─────────────────────────────┘
//! ```
//!
//! The log is written in the transaction of the receipts, and costs it a few bytes for each organisation. A roll-up adds rows of
//! the log to the sums and deletes them in one transaction, so each batch is counted once, whatever is interrupted. A query reads
//! the sums and the log in one snapshot, so it is exact at any time.
//!
//! Batches count at the time when they were received, as receipts have it. A sum covers a minute, an hour or a day of UTC. Minutes
//! and hours are deleted after some time, days are kept. Sums hold no data of a person: an example is read from its receipt.
//!
//! A sender counts once however many rows it is in, so causes have a row for each API key. Orders of no known organisation are
//! visible to their sender alone, so their sums have rows by key too. The organisation -1 has the outcomes of all organisations,
//! for callers that see all: they would have to read too many rows.
//!
//! May import: `receipts` (chunks and receipts), `engine`, `api`, `format`.

pub(crate) mod closing;
mod deltas;
mod errors;
mod filling;
mod outcomes;
mod roll_up;
mod shown;
mod steps;
mod sums;
mod totals;

pub(crate) use self::deltas::{Deltas, OfBatch};
pub(crate) use self::filling::{Uncounted, begin_ms, fill, is_left};
pub(crate) use self::roll_up::{expire, roll_up};
pub(crate) use self::sums::erase_mentions;
pub(crate) use self::totals::{Totals, first_ms, logged, summed};

/// The length of a minute.
const MINUTE_MS: i64 = 60_000;

/// The organisation of sums over all organisations.
const ALL: i64 = -1;
