//! Writing blocks.

use super::batches::Batches;
use super::block::Block;
use super::entry_outcomes::{self, EntryOutcome};
use super::rows::{self, Columns, NewColumns, NewRow, Written};
use crate::store::engine::driver::{Connection, Insert, ToValue, Value};
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;
use crate::store::format::id_map::IdSet;

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

/// The columns of the table of open orders.
pub(crate) const OPEN_COLUMNS: [(&str, &str); 4] = [
    ("organisation", "bigint"),
    ("block", "bigint"),
    ("dialect", "bigint"),
    ("ordinals", "bytea"),
];
static INSERT_OPEN: Insert<4> = Insert::new("open_orders", OPEN_COLUMNS, "");
/// Bytes of pending blocks, at most. More are written at once.
const PENDING_BYTES_MAX: usize = 4 << 20;

/// Blocks that a transaction has appended to journals and not written yet. They are written together, because on PostgreSQL each
/// statement costs a round trip.
#[derive(Default)]
pub(crate) struct NewBlocks {
    rows: Vec<NewRow>,
    ids: IdSet<BlockId>,
    bytes: usize,
}

impl NewBlocks {
    /// Adds a block.
    pub(crate) fn push(&mut self, new: NewRow) {
        self.bytes += new.row.bytes();
        self.ids.insert(new.row.head.id);
        self.rows.push(new);
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
        rows::insert(connection, rows.iter().map(|new| &new.row))?;
        let with_new = rows.iter().filter(|row| !row.new.0.is_empty());
        connection.insert_all(
            &INSERT_OPEN,
            with_new.map(|new| {
                let head = &new.row.head;
                open_values(head.id, &head.dialect, &new.new)
            }),
        )?;
        Ok(())
    }
}

/// Moves the blocks of all packs into the table of blocks, and their open orders into that of open orders.
/// Citus has none.
pub(crate) fn unpack_all(connection: &Connection) -> Result<(), Fault> {
    if connection.recent().is_none() {
        return Ok(());
    }
    rows::packs::unpack_all(connection, |blocks| {
        let mut new = NewBlocks::default();
        for block in blocks {
            new.push(block);
        }
        new.write(connection)
    })
}

/// The values of [`OPEN_COLUMNS`]: the open orders of a block.
pub(crate) fn open_values<'v>(
    block: BlockId,
    dialect: &'v DialectId,
    open: &'v Bitset,
) -> [Value<'v>; 4] {
    [
        Value::Integer(block.organisation().0.into()),
        Value::Integer(block.0),
        dialect.to_value(),
        open.0.to_value(),
    ]
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

    /// Calls `then` with the columns of the block. Its first event has the position `first_position`.
    pub(crate) fn with_columns<T>(
        &self,
        (id, first_position): (BlockId, u64),
        written: Written,
        then: impl FnOnce(NewColumns<'_>) -> T,
    ) -> T {
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
        let columns = Columns::of(&slots, self.indexes, packed);
        let is_new = |outcome: &EntryOutcome| matches!(outcome, EntryOutcome::Accepted { .. });
        let new = Bitset::of(self.entry_outcomes, is_new);
        then(NewColumns {
            id,
            first_position,
            events: self.events(),
            written,
            dialect: self.dialect,
            key_id,
            batches: batches.as_deref(),
            columns,
            checksum: columns.checksum(),
            new: &new.0,
        })
    }
}
