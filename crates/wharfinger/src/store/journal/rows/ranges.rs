//! Walks over neighbouring blocks, in order of their ids. Each reads only the columns that it needs.
//!
//! A walk reads blocks as they are needed. It ends early when `visit` returns false.

use std::cmp::Ordering;
use std::ops::Range;

use super::small::SmallBlocks;
use super::{BlockRow, NewRow, head_columns, row_of, whole_columns};
use crate::store::engine::driver::{Connection, OptionalExtension, Params, Row};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;

/// Whether a walk continues.
pub(crate) type GoesOn = bool;

/// The dialects of blocks.
pub(crate) fn dialects_between(
    connection: &Connection,
    blocks: Range<BlockId>,
    mut visit: impl FnMut(BlockId, DialectId) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let select = "select id, dialect from blocks \
                  where id >= ?1 and id < ?2 and of_organisation(?1 >> 32) and sound(blocks.intact) order by id";
    each_in_order(connection, select, blocks, |found| match found {
        Found::Row(row) => visit(BlockId(row.get(0)?), row.get(1)?),
        Found::Small(new) => visit(new.row.head.id, new.row.head.dialect),
    })
}

/// The first block of a dialect, or the last one if `newest_first`.
pub(crate) fn next_of_dialect(
    connection: &Connection,
    blocks: Range<BlockId>,
    dialect: DialectId,
    newest_first: bool,
) -> Result<Option<BlockId>, Fault> {
    let direction = if newest_first { "desc" } else { "asc" };
    let select = format!(
        "select id from blocks where id >= ?1 and id < ?2 and of_organisation(?1 >> 32) and dialect = ?3 \
         order by id {direction} limit 1"
    );
    let mut select = connection.prepare_cached(&select)?;
    let params = (blocks.start.0, blocks.end.0, dialect);
    let found = select.query_row(params, |row| row.get(0)).optional()?;
    let in_table = found.map(BlockId);
    nearest(
        connection,
        (blocks, newest_first),
        (in_table, false),
        |new| new.row.head.dialect == dialect,
    )
}

/// The first of a block of the table, if there is one, and the small blocks that are wanted; the last one if `newest_first`. With
/// `only_open`, packs without open orders are passed over.
pub(crate) fn nearest(
    connection: &Connection,
    (blocks, newest_first): (Range<BlockId>, bool),
    (in_table, only_open): (Option<BlockId>, bool),
    is_wanted: impl Fn(&NewRow) -> bool,
) -> Result<Option<BlockId>, Fault> {
    let is_nearer = |id: BlockId| in_table.is_none_or(|other| (id < other) != newest_first);
    let mut small = SmallBlocks::new(connection, blocks, (newest_first, only_open))?;
    while let Some(new) = small.next()?
        && is_nearer(new.row.head.id)
    {
        if is_wanted(&new) {
            return Ok(Some(new.row.head.id));
        }
    }
    Ok(in_table)
}

/// The hashes of e-mail addresses of blocks that have some: those of a dialect, or of all; from the last block on if
/// `newest_first`.
pub(crate) fn emails_between(
    connection: &Connection,
    blocks: Range<BlockId>,
    (dialect, newest_first): (Option<DialectId>, bool),
    mut visit: impl FnMut(BlockId, &[u8]) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let direction = if newest_first { "desc" } else { "asc" };
    let select = format!(
        "select id, emails from blocks where id >= ?1 and id < ?2 and of_organisation(?1 >> 32) and case when sound(blocks.intact) then \
         (cast(?3 as bigint) is null or dialect = ?3) and emails is not null end order by id {direction}"
    );
    let params = (blocks.start.0, blocks.end.0, dialect);
    each(
        connection,
        (&select, params),
        (blocks, newest_first),
        |found| match found {
            Found::Row(row) => visit(BlockId(row.get(0)?), row.blob(1)?),
            Found::Small(new) => match &new.row.emails {
                Some(emails) if dialect.is_none_or(|of| of == new.row.head.dialect) => {
                    visit(new.row.head.id, emails)
                }
                Some(_) | None => Ok(true),
            },
        },
    )
}

/// The outcomes and the hashes of e-mail addresses of blocks that have some. For rows whose checksums were checked before.
pub(crate) fn checked_emails_between(
    connection: &Connection,
    blocks: Range<BlockId>,
    mut visit: impl FnMut(BlockId, &[u8], &[u8]) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let select = "select id, slots, emails from blocks \
                  where id >= ?1 and id < ?2 and of_organisation(?1 >> 32) and emails is not null order by id";
    each_in_order(connection, select, blocks, |found| match found {
        Found::Row(row) => visit(BlockId(row.get(0)?), row.blob(1)?, row.blob(2)?),
        Found::Small(new) => match &new.row.emails {
            Some(emails) => visit(new.row.head.id, &new.row.head.slots, emails),
            None => Ok(true),
        },
    })
}

/// A block that [`passed_between`] passes, without keys and texts.
pub(crate) struct Passed<'r> {
    pub id: BlockId,
    /// The position of its first event.
    pub first_position: u64,
    pub events: u64,
    /// `None` in a block of transitions.
    pub batches: Option<&'r [u8]>,
    pub slots: &'r [u8],
    pub indexes: &'r [u8],
    /// `None` if no entry has an e-mail address.
    pub emails: Option<&'r [u8]>,
    pub has_texts: bool,
}

/// What blocks hold except keys and texts.
pub(crate) fn passed_between(
    connection: &Connection,
    blocks: Range<BlockId>,
    mut visit: impl FnMut(Passed<'_>) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let select = "select id, first_position, events, batches, slots, indexes, emails, texts is not null from blocks \
                  where id >= ?1 and id < ?2 and of_organisation(?1 >> 32) and sound(blocks.intact) order by id";
    each_in_order(connection, select, blocks, |found| match found {
        Found::Row(row) => visit(Passed {
            id: BlockId(row.get(0)?),
            first_position: row.get::<i64>(1)?.cast_unsigned(),
            events: row.get::<i64>(2)?.cast_unsigned(),
            batches: row.blob_or_null(3)?,
            slots: row.blob(4)?,
            indexes: row.blob(5)?,
            emails: row.blob_or_null(6)?,
            has_texts: row.get(7)?,
        }),
        Found::Small(new) => visit(Passed {
            id: new.row.head.id,
            first_position: new.row.head.first_position,
            events: new.row.head.events,
            batches: new.row.head.batches.as_deref(),
            slots: &new.row.head.slots,
            indexes: &new.row.head.indexes,
            emails: new.row.emails.as_deref(),
            has_texts: new.row.texts.is_some(),
        }),
    })
}

/// Every block of the store, with all its columns. No checksum is checked.
pub(crate) fn every_block(
    connection: &Connection,
    mut visit: impl FnMut(BlockRow) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let select = concat!("select ", whole_columns!(), " from blocks order by id");
    let blocks = BlockId(0)..BlockId(i64::MAX);
    each(
        connection,
        (select, ()),
        (blocks, false),
        |found| match found {
            Found::Row(row) => visit(row_of(row)?),
            Found::Small(new) => visit(new.row.clone()),
        },
    )
}

/// How many lists of open orders belong to no block.
pub(crate) fn open_lists_without_block(connection: &Connection) -> Result<i64, Fault> {
    let select = "select count(*) from open_orders \
                  where not exists (select 1 from blocks where blocks.organisation = open_orders.organisation and id = block)";
    Ok(connection.query_row(select, (), |row| row.get(0))?)
}

/// Blocks with open orders: rows of a query of id and dialect, and small blocks with new orders, whatever was changed recently.
pub(crate) fn each_open(
    connection: &Connection,
    select: &str,
    blocks: Range<BlockId>,
    mut visit: impl FnMut(BlockId, DialectId) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let bounds = (blocks.start.0, blocks.end.0);
    let small = SmallBlocks::new(connection, blocks, (false, true))?;
    merge(
        connection,
        (select, bounds),
        (small, false),
        |found| match found {
            Found::Row(row) => visit(BlockId(row.get(0)?), row.get(1)?),
            Found::Small(new) if new.new.0.is_empty() => Ok(true),
            Found::Small(new) => visit(new.row.head.id, new.row.head.dialect),
        },
    )
}

/// A block that [`each`] found: a row of the table, or a small one.
enum Found<'r> {
    Row(&'r Row<'r>),
    Small(&'r NewRow),
}

/// As [`each`], with a query of the blocks from `?1` up to before `?2`, in the order of ids.
fn each_in_order(
    connection: &Connection,
    select: &str,
    blocks: Range<BlockId>,
    visit: impl FnMut(Found<'_>) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let bounds = (blocks.start.0, blocks.end.0);
    each(connection, (select, bounds), (blocks, false), visit)
}

/// Visits the rows of a query, whose first column is the id, and the small blocks of the range. Both are in the order of ids, or in
/// the opposite order if `newest_first`. A block that is both is visited once.
fn each(
    connection: &Connection,
    query: (&str, impl Params),
    (blocks, newest_first): (Range<BlockId>, bool),
    visit: impl FnMut(Found<'_>) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let small = SmallBlocks::new(connection, blocks, (newest_first, false))?;
    merge(connection, query, (small, newest_first), visit)
}

fn merge(
    connection: &Connection,
    (select, params): (&str, impl Params),
    (mut small, newest_first): (SmallBlocks<'_>, bool),
    mut visit: impl FnMut(Found<'_>) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let mut next = small.next()?;
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(params)?;
    while let Some(row) = rows.next()? {
        let id = BlockId(row.get(0)?);
        while let Some(new) = &next {
            let place = new.row.head.id.cmp(&id);
            let goes_on = match if newest_first { place.reverse() } else { place } {
                Ordering::Less => visit(Found::Small(new))?,
                Ordering::Equal => true,
                Ordering::Greater => break,
            };
            if !goes_on {
                return Ok(false);
            }
            next = small.next()?;
        }
        if !visit(Found::Row(&row))? {
            return Ok(false);
        }
    }
    while let Some(new) = &next {
        if !visit(Found::Small(new))? {
            return Ok(false);
        }
        next = small.next()?;
    }
    Ok(true)
}
