//! Walks over neighbouring blocks, in order of their ids. Each reads only the columns that it needs.
//!
//! A walk reads blocks as they are needed. It ends early when `visit` returns false.

use std::ops::Range;

use super::{BlockRow, head_columns, row_of, whole_columns};
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
    let bounds = (blocks.start.0, blocks.end.0);
    each(connection, select, bounds, |row| {
        visit(BlockId(row.get(0)?), row.get(1)?)
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
    Ok(found.map(BlockId))
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
    each(connection, &select, params, |row| {
        visit(BlockId(row.get(0)?), row.blob(1)?)
    })
}

/// The outcomes and the hashes of e-mail addresses of blocks that have some. For rows whose checksums were checked before.
pub(crate) fn checked_emails_between(
    connection: &Connection,
    blocks: Range<BlockId>,
    mut visit: impl FnMut(BlockId, &[u8], &[u8]) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let select = "select id, slots, emails from blocks \
                  where id >= ?1 and id < ?2 and of_organisation(?1 >> 32) and emails is not null order by id";
    let bounds = (blocks.start.0, blocks.end.0);
    each(connection, select, bounds, |row| {
        visit(BlockId(row.get(0)?), row.blob(1)?, row.blob(2)?)
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
    let bounds = (blocks.start.0, blocks.end.0);
    each(connection, select, bounds, |row| {
        visit(Passed {
            id: BlockId(row.get(0)?),
            first_position: row.get::<i64>(1)?.cast_unsigned(),
            events: row.get::<i64>(2)?.cast_unsigned(),
            batches: row.blob_or_null(3)?,
            slots: row.blob(4)?,
            indexes: row.blob(5)?,
            emails: row.blob_or_null(6)?,
            has_texts: row.get(7)?,
        })
    })
}

/// Every block of the store, with all its columns. No checksum is checked.
pub(crate) fn every_block(
    connection: &Connection,
    mut visit: impl FnMut(BlockRow) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let select = concat!("select ", whole_columns!(), " from blocks order by id");
    each(connection, select, (), |row| visit(row_of(row)?))
}

/// How many lists of open orders belong to no block.
pub(crate) fn open_lists_without_block(connection: &Connection) -> Result<i64, Fault> {
    let select = "select count(*) from open_orders \
                  where not exists (select 1 from blocks where blocks.organisation = open_orders.organisation and id = block)";
    Ok(connection.query_row(select, (), |row| row.get(0))?)
}

fn each(
    connection: &Connection,
    select: &str,
    params: impl Params,
    mut visit: impl FnMut(&Row<'_>) -> Result<GoesOn, Fault>,
) -> Result<GoesOn, Fault> {
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(params)?;
    while let Some(row) = rows.next()? {
        if !visit(&row)? {
            return Ok(false);
        }
    }
    Ok(true)
}
