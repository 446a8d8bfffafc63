//! The open orders of each block: those whose first revision is in it and whose state is not final. A block without open orders has
//! no row.
//!
//! What was recently changed stands before the table: a block's open orders as they are now, or a recent
//! block, whose new orders are all open.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::store::engine::driver::{Connection, Engine, Insert, OptionalExtension, params};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::{Space, Value};
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;
use crate::store::format::varint::{Damage, read_signed, write_signed};
use crate::store::journal::rows::{self, GoesOn, packs};
use crate::store::journal::write::{OPEN_COLUMNS, open_values};

static WRITE: Insert<4> = Insert::new(
    "open_orders",
    OPEN_COLUMNS,
    "on conflict (block) do update set ordinals = excluded.ordinals",
);
/// On PostgreSQL, the primary key has two columns.
static WRITE_ON_SERVER: Insert<4> = Insert::new(
    "open_orders",
    OPEN_COLUMNS,
    "on conflict (block, organisation) do update set ordinals = excluded.ordinals",
);

/// The dialect of a block, and its open orders.
type OfBlock = (DialectId, Bitset);

fn encode((dialect, open): &OfBlock) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + open.0.len());
    write_signed(&mut out, dialect.0);
    out.extend_from_slice(&open.0);
    out
}

fn decode(mut bytes: &[u8]) -> Result<OfBlock, Damage> {
    let dialect = DialectId(read_signed(&mut bytes)?);
    Ok((dialect, Bitset(bytes.to_vec())))
}

/// What was recently changed about the open orders of a block. `None` if nothing was, and the block is not recent: the table has
/// them.
fn recent(connection: &Connection, block: BlockId) -> Result<Option<Bitset>, Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(None);
    };
    let changed = recent.get(Space::Open, &block.to_bytes(), |value| {
        value.map_or_else(|| Ok(Bitset::default()), |value| Ok(decode(value)?.1))
    });
    let changed: Option<Result<Bitset, Damage>> = changed?;
    match changed.transpose()? {
        Some(open) => Ok(Some(open)),
        None => Ok(rows::recent_block(connection, block)?.map(|new| new.new)),
    }
}

/// The open orders whose first revision is in this block.
pub(crate) fn read_open(connection: &Connection, block: BlockId) -> Result<Bitset, Fault> {
    if let Some(open) = recent(connection, block)? {
        return Ok(open);
    }
    let select = "select ordinals from open_orders where block = ?1 and organisation = ?1 >> 32 and sound(open_orders.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row([block.0], |row| row.get(0)).optional()?;
    if let Some(open) = found {
        return Ok(Bitset(open));
    }
    let packed = packs::block(connection, block)?;
    Ok(packed.map(|new| new.new).unwrap_or_default())
}

/// Writes that orders of a block are no longer open.
pub(super) fn close(
    connection: &Connection,
    (block, dialect): (BlockId, DialectId),
    closed: &[usize],
) -> Result<(), Fault> {
    let mut open = read_open(connection, block)?;
    for &ordinal in closed {
        open.remove(ordinal);
    }
    if let Some(recent) = connection.recent() {
        let value = (!open.0.is_empty()).then(|| encode(&(dialect, open)));
        return recent.put(Space::Open, &block.to_bytes(), value.as_deref());
    }
    if open.0.is_empty() {
        return delete(connection, block);
    }
    let update =
        "update open_orders set ordinals = ?2 where block = ?1 and organisation = ?1 >> 32";
    let mut update = connection.prepare_cached(update)?;
    update.execute(params![block.0, open.0])?;
    Ok(())
}

fn delete(connection: &Connection, block: BlockId) -> Result<(), Fault> {
    let delete = "delete from open_orders where block = ?1 and organisation = ?1 >> 32";
    connection.prepare_cached(delete)?.execute([block.0])?;
    Ok(())
}

/// Merges what was recently changed about the open orders of blocks: the key and the value of each, in order: into the packs of small blocks, and
/// into the table for others. The blocks must be merged before.
pub(crate) fn merge<'r>(
    connection: &Connection,
    changed: impl Iterator<Item = (&'r [u8], Value<'r>)>,
) -> Result<(), Fault> {
    let mut packs = packs::Editor::default();
    for (key, value) in changed {
        let unknown = || Fault::Damaged("recently changed open orders are of no block".into());
        let block = BlockId::from_bytes(key).ok_or_else(unknown)?;
        let of_block = value.map(decode).transpose()?;
        let open = of_block.as_ref().map(|(_, open)| open.clone());
        if packs.set_open(connection, block, open.unwrap_or_default())? {
            continue;
        }
        match of_block {
            None => delete(connection, block)?,
            Some(of_block) => write(connection, &[(block, of_block)])?,
        }
    }
    packs.write(connection)
}

fn write(connection: &Connection, open: &[(BlockId, OfBlock)]) -> Result<(), Fault> {
    let rows = open.iter();
    let rows = rows.map(|(block, (dialect, open))| open_values(*block, dialect, open));
    let write = match connection.engine() {
        Engine::Sqlite => &WRITE,
        Engine::Postgres => &WRITE_ON_SERVER,
    };
    Ok(connection.insert_all(write, rows)?)
}

/// Blocks whose open orders were recently changed, each with its dialect: `None` if no order is open.
type Changes = BTreeMap<BlockId, Option<DialectId>>;

/// Blocks whose open orders were recently changed, in order.
fn recently_changed(connection: &Connection, blocks: &Range<BlockId>) -> Result<Changes, Fault> {
    let mut found = Changes::new();
    let Some(recent) = connection.recent() else {
        return Ok(found);
    };
    let bounds: [&[u8]; 2] = [&blocks.start.to_bytes(), &blocks.end.to_bytes()];
    recent.range(Space::Open, bounds, |key, value| {
        if let Some(block) = BlockId::from_bytes(key) {
            let of_block = value.map(decode).transpose()?;
            found.insert(block, of_block.map(|(dialect, _)| dialect));
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Walks over the blocks that have open orders, in order, each with its dialect. Ends early when `visit` returns false.
pub(crate) fn open_between(
    connection: &Connection,
    blocks: Range<BlockId>,
    mut visit: impl FnMut(BlockId, DialectId) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let changed = recently_changed(connection, &blocks)?;
    let select = "select block, dialect from open_orders \
                  where block >= ?1 and block < ?2 and organisation = ?1 >> 32 and sound(open_orders.intact) order by block";
    rows::each_open(connection, select, blocks, |block, dialect| {
        match changed.get(&block) {
            Some(None) => Ok(true),
            Some(Some(_)) | None => visit(block, dialect),
        }
    })
}

/// The first block that has open orders, of a dialect or of all, or the last one if `newest_first`.
pub(crate) fn next_open(
    connection: &Connection,
    blocks: Range<BlockId>,
    dialect: Option<DialectId>,
    newest_first: bool,
) -> Result<Option<BlockId>, Fault> {
    let changed = recently_changed(connection, &blocks)?;
    let is_closed = |block: &BlockId| changed.get(block) == Some(&None);
    let direction = if newest_first { "desc" } else { "asc" };
    let select = format!(
        "select block from open_orders where block >= ?1 and block < ?2 and of_organisation(?1 >> 32) \
         and case when sound(open_orders.intact) then (cast(?3 as bigint) is null or dialect = ?3) end \
         order by block {direction} limit 1"
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut left = blocks.clone();
    let in_table = loop {
        let params = (left.start.0, left.end.0, dialect);
        let found = select.query_row(params, |row| row.get(0)).optional()?;
        match found.map(BlockId) {
            Some(closed) if is_closed(&closed) && newest_first => left.end = closed,
            Some(closed) if is_closed(&closed) => left.start = closed.plus(1),
            next => break next,
        }
    };
    rows::nearest(
        connection,
        (blocks, newest_first),
        (in_table, true),
        |new| {
            let head = &new.row.head;
            let is_of = dialect.is_none_or(|of| of == head.dialect);
            is_of && !new.new.0.is_empty() && !is_closed(&head.id)
        },
    )
}
