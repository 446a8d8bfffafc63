//! Packs: consecutive small blocks of an organisation in one row, compressed together.
//!
//! A batch over 900 organisations makes 900 blocks of one order. A row for each would cost more than the orders. Packs are made
//! when recent blocks are merged into the tables, and rewritten when one of their blocks is, or when their orders are closed.

use std::ops::Range;

use super::NewRow;
use super::encoding::Encoded;
use crate::store::engine::driver::{Connection, Insert, OptionalExtension, Row, ToValue, Value};
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::entry_addr::BlockId;
use crate::store::format::varint::{Damage, pack, read_bytes, read_count, unpack, write_number};

/// Blocks of a pack, and bytes of its blocks before they are compressed, at most.
const BLOCKS_MAX: usize = 64;
const BYTES_MAX: usize = 32 << 10;

static WRITE: Insert<5> = Insert::new(
    "block_packs",
    [
        ("first", "bigint"),
        ("last", "bigint"),
        ("organisation", "bigint"),
        ("has_open", "boolean"),
        ("blocks", "bytea"),
    ],
    "on conflict (first) do update set last = excluded.last, has_open = excluded.has_open, blocks = excluded.blocks",
);
/// The pack that covers a block, if there is one: no pack before it does.
const COVERING: &str = "select last, blocks from block_packs where first <= ?1 and sound(block_packs.intact) \
                        order by first desc limit 1";

/// The blocks of a pack.
type Pack = Vec<NewRow>;

fn decode(packed: &[u8]) -> Result<Pack, Damage> {
    let plain = unpack(packed)?;
    let mut rest = plain.as_slice();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let length = read_count(&mut rest)?;
        blocks.push(NewRow::decode(read_bytes(&mut rest, length)?)?);
    }
    let ids = blocks.windows(2);
    let mut ids = ids.map(|pair| (pair[0].row.head.id, pair[1].row.head.id));
    if ids.all(|(one, next)| one.plus(1) == next) && !blocks.is_empty() {
        Ok(blocks)
    } else {
        Err(Damage("the blocks of a pack are not consecutive"))
    }
}

fn pack_of(row: &Row<'_>, column: usize) -> Result<Pack, Fault> {
    Ok(decode(row.blob(column)?)?)
}

/// Whether the store has packs.
fn has_packs(connection: &Connection) -> bool {
    connection.recent().is_some()
}

/// The pack that covers a block.
fn covering(connection: &Connection, id: BlockId) -> Result<Option<Pack>, Fault> {
    if !has_packs(connection) {
        return Ok(None);
    }
    let mut select = connection.prepare_cached(COVERING)?;
    let mut rows = select.query([id.0])?;
    match rows.next()? {
        Some(row) if row.get::<i64>(0)? >= id.0 => Ok(Some(pack_of(&row, 1)?)),
        Some(_) | None => Ok(None),
    }
}

fn place_of(pack: &Pack, id: BlockId) -> Option<usize> {
    pack.binary_search_by_key(&id, |new| new.row.head.id).ok()
}

/// A block of a pack.
pub(crate) fn block(connection: &Connection, id: BlockId) -> Result<Option<NewRow>, Fault> {
    let Some(mut pack) = covering(connection, id)? else {
        return Ok(None);
    };
    Ok(place_of(&pack, id).map(|at| pack.swap_remove(at)))
}

fn write(connection: &Connection, pack: &Pack) -> Result<(), Fault> {
    let blocks = Vec::from_iter(pack.iter().map(NewRow::encode));
    let encoded = blocks.iter().map(|bytes| Encoded::new(bytes));
    write_encoded(connection, &[encoded.collect::<Result<_, _>>()?])
}

fn write_encoded(connection: &Connection, packs: &[Vec<Encoded<'_>>]) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(packs.len());
    let (mut plain, mut packed) = (Vec::new(), Vec::new());
    for blocks in packs {
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            continue;
        };
        plain.clear();
        for block in blocks {
            write_number(&mut plain, block.bytes.len() as u64);
            plain.extend_from_slice(block.bytes);
        }
        let begins = packed.len();
        pack(&mut packed, &plain);
        let has_open = blocks.iter().any(|block| block.has_open);
        rows.push(((first.id, last.id), has_open, begins..packed.len()));
    }
    let rows = rows.iter();
    let rows = rows.map(|((first, last), has_open, range)| {
        [
            first.0.to_value(),
            last.0.to_value(),
            Value::Integer(first.organisation().0.into()),
            Value::Integer((*has_open).into()),
            Value::Blob(&packed[range.clone()]),
        ]
    });
    Ok(connection.insert_all(&WRITE, rows)?)
}

/// Puts blocks into packs: in the order of their ids, without those that are in packs already.
pub(super) fn add(connection: &Connection, blocks: Vec<Encoded<'_>>) -> Result<(), Fault> {
    let mut packs: Vec<Vec<Encoded<'_>>> = Vec::new();
    let mut bytes = 0;
    let mut packed_up_to = BlockId(i64::MIN);
    // On PostgreSQL, recent changes are merged and deleted in one transaction.
    let may_be_merged_again = connection.postgres().is_none();
    for block in blocks {
        let before = packs.last().and_then(|pack| pack.last());
        let follows = before.is_some_and(|before| before.id.plus(1) == block.id);
        if !follows && may_be_merged_again {
            packed_up_to = last_of(connection, block.id)?.max(packed_up_to);
        }
        if block.id <= packed_up_to {
            continue;
        }
        let size = block.bytes.len();
        match packs.last_mut() {
            Some(pack) if follows && pack.len() < BLOCKS_MAX && bytes + size <= BYTES_MAX => {
                pack.push(block);
                bytes += size;
            }
            Some(_) | None => {
                packs.push(vec![block]);
                bytes = size;
            }
        }
    }
    write_encoded(connection, &packs)
}

/// The last block of the pack with the greatest first block that is not behind the last block of an organisation.
fn last_of(connection: &Connection, id: BlockId) -> Result<BlockId, Fault> {
    let end = BlockId::new(id.organisation(), u32::MAX);
    let select = "select last from block_packs where first <= ?1 and sound(block_packs.intact) order by first desc limit 1";
    let mut select = connection.prepare_cached(select)?;
    let last = select.query_row([end.0], |row| row.get(0)).optional()?;
    Ok(BlockId(last.unwrap_or(i64::MIN)))
}

/// Changes blocks of packs, one after the other. Neighbours of one pack are written together.
#[derive(Default)]
pub(crate) struct Editor {
    pack: Pack,
}

impl Editor {
    /// Changes a block. Returns whether a pack has it.
    pub(crate) fn change(
        &mut self,
        connection: &Connection,
        id: BlockId,
        change: impl FnOnce(&mut NewRow),
    ) -> Result<bool, Fault> {
        if place_of(&self.pack, id).is_none() {
            self.write(connection)?;
            self.pack = covering(connection, id)?.unwrap_or_default();
        }
        let Some(at) = place_of(&self.pack, id) else {
            return Ok(false);
        };
        change(&mut self.pack[at]);
        Ok(true)
    }

    /// Sets which orders of a block are open. Returns whether a pack has it.
    pub(crate) fn set_open(
        &mut self,
        connection: &Connection,
        id: BlockId,
        open: Bitset,
    ) -> Result<bool, Fault> {
        self.change(connection, id, |new| new.new = open)
    }

    /// Writes the pack that was changed last.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let pack = std::mem::take(&mut self.pack);
        write(connection, &pack)
    }
}

/// Deletes a block at the front of its pack. Returns whether a pack has it.
pub(super) fn delete(connection: &Connection, id: BlockId) -> Result<bool, Fault> {
    let Some(mut pack) = covering(connection, id)? else {
        return Ok(false);
    };
    let Some(at) = place_of(&pack, id) else {
        return Ok(false);
    };
    let first = pack[0].row.head.id;
    pack.drain(..=at);
    let delete = "delete from block_packs where first = ?1";
    connection.prepare_cached(delete)?.execute([first.0])?;
    write(connection, &pack)?;
    Ok(true)
}

/// Takes all packs apart: `put` stores their blocks elsewhere.
pub(crate) fn unpack_all(
    connection: &Connection,
    mut put: impl FnMut(Pack) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let select = "select blocks, first from block_packs where sound(block_packs.intact) order by first limit 1";
    loop {
        let mut select = connection.prepare_cached(select)?;
        let mut rows = select.query(())?;
        let Some(row) = rows.next()? else {
            return Ok(());
        };
        put(pack_of(&row, 0)?)?;
        let first: i64 = row.get(1)?;
        drop(rows);
        let delete = "delete from block_packs where first = ?1";
        connection.prepare_cached(delete)?.execute([first])?;
    }
}

/// Checks all packs: calls `fault` with what is wrong with one.
pub(crate) fn check(connection: &Connection, mut fault: impl FnMut(String)) -> Result<(), Fault> {
    if !has_packs(connection) {
        return Ok(());
    }
    let select = "select first, last, has_open, blocks from block_packs order by first";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query(())?;
    let mut ended = BlockId(i64::MIN);
    while let Some(row) = rows.next()? {
        let (first, last) = (BlockId(row.get(0)?), BlockId(row.get(1)?));
        let blocks = match decode(row.blob(3)?) {
            Ok(blocks) => blocks,
            Err(Damage(why)) => {
                fault(format!("the pack of block {}: {why}", first.0));
                continue;
            }
        };
        let ends = blocks.first().zip(blocks.last());
        let ends = ends.map(|(one, other)| (one.row.head.id, other.row.head.id));
        let has_open = blocks.iter().any(|new| !new.new.0.is_empty());
        if ends != Some((first, last)) || first <= ended || row.get::<bool>(2)? != has_open {
            fault(format!(
                "the pack of block {} has other blocks than it says",
                first.0
            ));
        }
        ended = last;
    }
    Ok(())
}

/// Walks over the blocks of packs, in order, or in the opposite order if `newest_first`. Reads a pack when it is reached.
pub(super) struct Packed<'c> {
    connection: &'c Connection,
    blocks: Range<BlockId>,
    newest_first: bool,
    /// Whether packs without open orders are passed over.
    only_open: bool,
    /// The rest of the pack that is being read, the next block last.
    pack: Pack,
    is_at_end: bool,
}

impl<'c> Packed<'c> {
    /// The blocks of a range.
    pub(super) fn new(
        connection: &'c Connection,
        blocks: Range<BlockId>,
        (newest_first, only_open): (bool, bool),
    ) -> Self {
        Self {
            is_at_end: !has_packs(connection),
            connection,
            blocks,
            newest_first,
            only_open,
            pack: Vec::new(),
        }
    }

    /// The next block.
    pub(super) fn next(&mut self) -> Result<Option<NewRow>, Fault> {
        loop {
            if let Some(next) = self.pack.pop() {
                return Ok(Some(next));
            }
            if self.is_at_end {
                return Ok(None);
            }
            self.read()?;
        }
    }

    /// Reads the next pack that has blocks of the range, and shortens the range by it.
    fn read(&mut self) -> Result<(), Fault> {
        let is_open = if self.only_open { "has_open and" } else { "" };
        let order = if self.newest_first { "desc" } else { "asc" };
        // Packs do not overlap, so the ends are sorted as the beginnings are. The one before the range may reach into it.
        let from = "coalesce((select max(first) from block_packs where first <= ?1), ?1)";
        let select = format!(
            "select blocks, first, last from block_packs where {is_open} first >= {from} and first < ?2 \
             and last >= ?1 and sound(block_packs.intact) order by first {order} limit 1"
        );
        let mut select = self.connection.prepare_cached(&select)?;
        let mut rows = select.query((self.blocks.start.0, self.blocks.end.0))?;
        let Some(row) = rows.next()? else {
            self.is_at_end = true;
            return Ok(());
        };
        let mut pack = pack_of(&row, 0)?;
        pack.retain(|new| self.blocks.contains(&new.row.head.id));
        if self.newest_first {
            self.blocks.end = BlockId(row.get(1)?);
        } else {
            self.blocks.start = BlockId(row.get::<i64>(2)?.saturating_add(1));
            pack.reverse();
        }
        self.pack = pack;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
