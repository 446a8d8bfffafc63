//! Writing blocks.

use super::batches::Batches;
use super::block::Block;
use super::entry_outcomes::{self, EntryOutcome};
use crate::store::engine::driver::{Connection, params};
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::entry_addr::BlockId;

/// A block to be written.
pub(crate) struct NewBlock<'b> {
    /// Where it comes from.
    pub origin: Origin<'b>,
    /// The dialect, as a number.
    pub dialect: i64,
    /// What became of its entries.
    pub marks: &'b [EntryOutcome],
    /// The entries' places in their batches.
    pub indexes: &'b [u8],
    /// What the entries hold, if they are of batches; kept only where any is a revision of an order, since nobody will ask for others.
    pub packed: Option<&'b Block>,
}

/// When a block is written.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    /// The number of the epoch.
    pub epoch: i64,
    /// The time.
    pub at_ms: i64,
    /// The latest time of this block and all before it.
    pub latest_ms: i64,
}

/// Where a block comes from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'b> {
    /// These batches.
    Batches(&'b Batches),
    /// Moves that an API key asked for.
    Transitions {
        /// The key.
        key_id: &'b str,
    },
}

const INSERT_BLOCK: &str = "insert into blocks \
    (id, first_position, events, at_ms, latest_ms, batches, dialect, key_id, epoch, checksum, slots, indexes, emails, keys, texts, organisation) \
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const INSERT_OPEN: &str =
    "insert into open_orders (organisation, block, dialect, ordinals) values (?1, ?2, ?3, ?4)";

impl NewBlock<'_> {
    /// How many events it has: those of its entries, and one for each batch that is received with it.
    pub(crate) fn events(&self) -> u64 {
        let of_marks = self.marks.iter().filter(|mark| mark.is_event()).count();
        let received = match self.origin {
            Origin::Batches(batches) => batches.received(),
            Origin::Transitions { .. } => 0,
        };
        (of_marks + received) as u64
    }

    /// Writes it, beginning at this position of the feed.
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
        let slots = entry_outcomes::encode(self.marks);
        let (batches, key_id) = match self.origin {
            Origin::Batches(batches) => (Some(batches.encode()), None),
            Origin::Transitions { key_id } => (None, Some(key_id)),
        };
        let has_alive = self.marks.iter().any(|mark| mark.is_alive());
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
        let new = Bitset::of(self.marks, |mark| {
            matches!(mark, EntryOutcome::Accepted { .. })
        });
        if !new.0.is_empty() {
            // All are open to begin with.
            let open = (organisation, id.0, self.dialect, new.0);
            connection.prepare_cached(INSERT_OPEN)?.execute(open)?;
        }
        Ok(())
    }
}

/// What a block holds.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'b> {
    pub slots: &'b [u8],
    pub indexes: &'b [u8],
    pub emails: Option<&'b [u8]>,
    pub keys: Option<&'b [u8]>,
    pub texts: Option<&'b [u8]>,
}

impl Columns<'_> {
    /// The checksum over all of it, as SQLite's kind of number.
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
