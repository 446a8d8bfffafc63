//! Writing blocks.

use std::collections::HashSet;

use super::batches::Batches;
use super::block::Block;
use super::entry_outcomes::{self, EntryOutcome};
use crate::store::engine::driver::{Connection, Insert, ToValue, Value};
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

static INSERT_BLOCKS: Insert<16> = Insert::new(
    "blocks",
    [
        ("id", "bigint"),
        ("first_position", "bigint"),
        ("events", "bigint"),
        ("at_ms", "bigint"),
        ("latest_ms", "bigint"),
        ("batches", "bytea"),
        ("dialect", "bigint"),
        ("key_id", "text"),
        ("epoch", "bigint"),
        ("checksum", "bigint"),
        ("slots", "bytea"),
        ("indexes", "bytea"),
        ("emails", "bytea"),
        ("keys", "bytea"),
        ("texts", "bytea"),
        ("organisation", "bigint"),
    ],
    "",
);
static INSERT_OPEN: Insert<4> = Insert::new(
    "open_orders",
    [
        ("organisation", "bigint"),
        ("block", "bigint"),
        ("dialect", "bigint"),
        ("ordinals", "bytea"),
    ],
    "",
);
/// Bytes of pending blocks, at most. More are written at once.
const PENDING_BYTES_MAX: usize = 4 << 20;

/// Blocks that a transaction has appended to journals and not written yet. They are written together, because on PostgreSQL each
/// statement costs a round trip.
#[derive(Default)]
pub(crate) struct NewBlocks {
    rows: Vec<BlockRow>,
    ids: HashSet<BlockId>,
    bytes: usize,
}

impl NewBlocks {
    /// Adds a block.
    pub(crate) fn push(&mut self, row: BlockRow) {
        self.bytes += row.bytes();
        self.ids.insert(row.id);
        self.rows.push(row);
    }

    /// Whether the blocks should be written before more are added.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= PENDING_BYTES_MAX
    }

    /// Whether this block is not written yet.
    pub(crate) fn has(&self, block: BlockId) -> bool {
        self.ids.contains(&block)
    }

    /// Writes the blocks, and which of their orders are open.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        self.ids.clear();
        connection.insert_all(&INSERT_BLOCKS, rows.iter().map(BlockRow::values))?;
        let with_new = rows.iter().filter(|row| !row.new.0.is_empty());
        connection.insert_all(&INSERT_OPEN, with_new.map(BlockRow::open))?;
        Ok(())
    }
}

/// A block as it is stored.
pub(crate) struct BlockRow {
    id: BlockId,
    first_position: i64,
    events: i64,
    written: Written,
    batches: Option<Vec<u8>>,
    dialect: DialectId,
    key_id: Option<String>,
    checksum: i64,
    slots: Vec<u8>,
    indexes: Vec<u8>,
    emails: Option<Vec<u8>>,
    keys: Option<Vec<u8>>,
    texts: Option<Vec<u8>>,
    /// The new orders. They are open.
    new: Bitset,
}

impl BlockRow {
    fn bytes(&self) -> usize {
        let optional = [&self.batches, &self.emails, &self.keys, &self.texts];
        let optional = optional.into_iter().flatten().map(Vec::len);
        self.slots.len() + self.indexes.len() + optional.sum::<usize>()
    }

    fn values(&self) -> [Value<'_>; 16] {
        [
            self.id.0.to_value(),
            self.first_position.to_value(),
            self.events.to_value(),
            self.written.at_ms.to_value(),
            self.written.latest_ms.to_value(),
            self.batches.to_value(),
            self.dialect.to_value(),
            self.key_id.to_value(),
            self.written.epoch.to_value(),
            self.checksum.to_value(),
            self.slots.to_value(),
            self.indexes.to_value(),
            self.emails.to_value(),
            self.keys.to_value(),
            self.texts.to_value(),
            Value::Integer(self.id.organisation().0.into()),
        ]
    }

    fn open(&self) -> [Value<'_>; 4] {
        [
            Value::Integer(self.id.organisation().0.into()),
            self.id.0.to_value(),
            self.dialect.to_value(),
            self.new.0.to_value(),
        ]
    }
}

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

    /// The row of the block. Its first event has the position `first_position`.
    pub(crate) fn row(&self, (id, first_position): (BlockId, u64), written: Written) -> BlockRow {
        let slots = entry_outcomes::encode(self.entry_outcomes);
        let (batches, key_id) = match self.origin {
            Origin::Batches(batches) => (Some(batches.encode()), None),
            Origin::Transitions { key_id } => (None, Some(key_id.to_owned())),
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
        BlockRow {
            id,
            first_position: first_position.cast_signed(),
            events: self.events().cast_signed(),
            written,
            batches,
            dialect: self.dialect,
            key_id,
            checksum: columns.checksum(),
            indexes: columns.indexes.to_vec(),
            emails: columns.emails.map(<[u8]>::to_vec),
            keys: columns.keys.map(<[u8]>::to_vec),
            texts: columns.texts.map(<[u8]>::to_vec),
            slots,
            new: Bitset::of(self.entry_outcomes, |entry_outcome| {
                matches!(entry_outcome, EntryOutcome::Accepted { .. })
            }),
        }
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
