//! Small blocks among the recent changes, before they are in the table.

use std::ops::Range;

use super::encoding::Encoded;
use super::{NewColumns, NewRow, packs};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::format::entry_addr::BlockId;
use crate::store::format::varint::Damage;

/// Blocks with fewer bytes are small. A larger one has pages of its own in the table, which would not be saved by writing it later.
const SMALL_BYTES: usize = 4 << 10;

/// Adds a block to the recent changes, if it is small and the store has such. Returns whether it did.
pub(crate) fn put_recent(connection: &Connection, new: NewColumns<'_>) -> Result<bool, Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(false);
    };
    if new.bytes() >= SMALL_BYTES {
        return Ok(false);
    }
    recent.put(Space::Blocks, &new.id.to_bytes(), Some(&new.encode()))?;
    Ok(true)
}

/// Adds a block to the recent changes, or replaces it there.
pub(super) fn put(connection: &Connection, new: &NewRow) -> Result<(), Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(());
    };
    let id = new.row.head.id.to_bytes();
    recent.put(Space::Blocks, &id, Some(&new.encode()))
}

/// A recent block.
pub(crate) fn block(connection: &Connection, id: BlockId) -> Result<Option<NewRow>, Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(None);
    };
    let found = recent.get(Space::Blocks, &id.to_bytes(), decode)?;
    Ok(found.transpose()?)
}

/// Blocks are never removed from the recent changes, only merged.
fn decode(value: Option<&[u8]>) -> Result<NewRow, Damage> {
    NewRow::decode(value.unwrap_or_default())
}

/// The ids of recent blocks, in order.
pub(crate) fn between(
    connection: &Connection,
    blocks: &Range<BlockId>,
) -> Result<Vec<BlockId>, Fault> {
    let mut ids = Vec::new();
    if let Some(recent) = connection.recent() {
        let bounds: [&[u8]; 2] = [&blocks.start.to_bytes(), &blocks.end.to_bytes()];
        recent.range(Space::Blocks, bounds, |key, _| {
            ids.extend(BlockId::from_bytes(key));
            Ok(true)
        })?;
    }
    Ok(ids)
}

/// Merges recent blocks into packs. They must be in the order of their ids.
pub(crate) fn merge(connection: &Connection, encoded: &[&[u8]]) -> Result<(), Fault> {
    let blocks = encoded.iter().map(|bytes| Encoded::new(bytes));
    packs::add(connection, blocks.collect::<Result<_, _>>()?)
}
