//! Writing blocks.

use super::batches::Batches;
use super::block::Block;
use super::entry_outcomes::{self, EntryOutcome};
use crate::store::engine::driver::{Connection, params};
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;

/// A block to be written.
pub(crate) struct NewBlock<'b> {
    /// The source of the entries.
    pub origin: Origin<'b>,
    /// The number of the dialect.
    pub dialect: DialectId,
    /// The outcomes of the entries.
    pub entry_outcomes: &'b [EntryOutcome],
    /// The position of each entry in its batch, encoded as runs.
    pub indexes: &'b [u8],
    /// Keys, e-mail hashes and texts, for entries of batches. Stored only if some entry is a revision of an order; otherwise
    /// never read.
    pub packed: Option<&'b Block>,
}

/// The epoch and times of a block.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    /// The number of the epoch.
    pub epoch: i64,
    /// When the block is written, in milliseconds since 1970.
    pub at_ms: i64,
    /// The latest time of this block and all blocks before it.
    pub latest_ms: i64,
}

/// The source of a block's entries.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'b> {
    /// Entries of these batches.
    Batches(&'b Batches),
    /// Transitions that an API key requested.
    Transitions {
        /// The id of the API key.
        key_id: &'b str,
    },
}

const INSERT_BLOCK: &str = "insert into blocks \
    (id, first_position, events, at_ms, latest_ms, batches, dialect, key_id, epoch, checksum, slots, indexes, emails, keys, texts, organisation) \
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const INSERT_OPEN: &str =
    "insert into open_orders (organisation, block, dialect, ordinals) values (?1, ?2, ?3, ?4)";

impl NewBlock<'_> {
    /// The number of events: one for each entry that is an event, and one for each batch whose first block this is.
    pub(crate) fn events(&self) -> u64 {
        let of_entries = self
            .entry_outcomes
            .iter()
            .filter(|entry_outcome| entry_outcome.is_event())
            .count();
        let received = match self.origin {
            Origin::Batches(batches) => batches.received(),
            Origin::Transitions { .. } => 0,
        };
        (of_entries + received) as u64
    }

    /// Writes the block. Its first event has the position `first_position`.
    pub(crate) fn write(
        &self,
        connection: &Connection,
        (id, first_position): (BlockId, u64),
        Written {
            epoch,
            at_ms,
            latest_ms,
        }: Written,
    ) -> Result<(), Fault> {
        let organisation = id.organisation().0;
        let slots = entry_outcomes::encode(self.entry_outcomes);
        let (batches, key_id) = match self.origin {
            Origin::Batches(batches) => (Some(batches.encode()), None),
            Origin::Transitions { key_id } => (None, Some(key_id)),
        };
        let has_alive = self
            .entry_outcomes
            .iter()
            .any(|entry_outcome| entry_outcome.is_alive());
        let packed = self.packed.filter(|_| has_alive);
        let columns = Columns {
            slots: &slots,
            indexes: self.indexes,
            emails: packed.and_then(|packed| packed.emails.as_deref()),
            keys: packed.map(|packed| packed.keys.as_slice()),
            texts: packed.map(|packed| packed.texts.as_slice()),
        };
        connection.prepare_cached(INSERT_BLOCK)?.execute(params![
            id.0,
            first_position.cast_signed(),
            self.events().cast_signed(),
            at_ms,
            latest_ms,
            batches,
            self.dialect,
            key_id,
            epoch,
            columns.checksum(),
            columns.slots,
            columns.indexes,
            columns.emails,
            columns.keys,
            columns.texts,
            organisation,
        ])?;
        let new = Bitset::of(self.entry_outcomes, |entry_outcome| {
            matches!(entry_outcome, EntryOutcome::Accepted { .. })
        });
        if !new.0.is_empty() {
            // New orders are open.
            let open = (organisation, id.0, self.dialect, new.0);
            connection.prepare_cached(INSERT_OPEN)?.execute(open)?;
        }
        Ok(())
    }
}

/// The columns that the checksum covers.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'b> {
    pub slots: &'b [u8],
    pub indexes: &'b [u8],
    pub emails: Option<&'b [u8]>,
    pub keys: Option<&'b [u8]>,
    pub texts: Option<&'b [u8]>,
}

impl Columns<'_> {
    /// The checksum over all columns, as SQLite's signed integer.
    pub(crate) fn checksum(&self) -> i64 {
        let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
        for part in [
            self.slots,
            self.indexes,
            self.emails.unwrap_or_default(),
            self.keys.unwrap_or_default(),
            self.texts.unwrap_or_default(),
        ] {
            hash.update(part);
        }
        hash.digest().cast_signed()
    }
}
