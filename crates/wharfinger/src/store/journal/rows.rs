//! The rows of the table `blocks`. Everything that reads or changes blocks goes through this module.

mod encoding;
pub(crate) mod packs;
mod ranges;
mod recent;
mod small;

use wharfinger_core::order::ids::OrganisationId;

pub(crate) use self::ranges::{
    GoesOn, checked_emails_between, dialects_between, each_open, emails_between, every_block,
    nearest, next_of_dialect, open_lists_without_block, passed_between,
};
pub(crate) use self::recent::{block as recent_block, merge, put_recent};
use super::block::Block;
use super::end::read_counters;
use crate::store::engine::driver::{
    self, Connection, Insert, OptionalExtension, Row, ToValue, Value, params,
};
use crate::store::engine::fault::Fault;
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;

/// The epoch, the stamp and the times of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The number of the epoch.
    pub epoch: i64,
    /// The stamp of the transaction.
    pub stamp: i64,
    /// When the block is written, in milliseconds since 1970.
    pub at_ms: i64,
    /// The latest time of this block and all blocks before it.
    pub latest_ms: i64,
}

/// The small columns of a block, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    pub id: BlockId,
    /// The position of its first event.
    pub first_position: u64,
    pub events: u64,
    pub written: Written,
    /// The batches of the entries. `None` in a block of transitions.
    pub batches: Option<Vec<u8>>,
    pub dialect: DialectId,
    /// The API key that requested the transitions. `None` in a block of batches.
    pub key_id: Option<String>,
    /// The outcomes of the entries.
    pub slots: Vec<u8>,
    /// The position of each entry in its batch.
    pub indexes: Vec<u8>,
}

/// A block, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockRow {
    pub head: BlockHead,
    /// That of the columns in [`Columns`].
    pub checksum: i64,
    pub emails: Option<Vec<u8>>,
    pub keys: Option<Vec<u8>>,
    pub texts: Option<Vec<u8>>,
}

/// A block that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewRow {
    pub row: BlockRow,
    /// The new orders. They are open.
    pub new: Bitset,
}

/// As [`NewRow`], but borrows its columns.
#[derive(Clone, Copy)]
pub(crate) struct NewColumns<'b> {
    pub id: BlockId,
    pub first_position: u64,
    pub events: u64,
    pub written: Written,
    pub dialect: DialectId,
    pub key_id: Option<&'b str>,
    pub batches: Option<&'b [u8]>,
    pub columns: Columns<'b>,
    pub checksum: i64,
    pub new: &'b [u8],
}

/// The columns that the checksum of a block covers.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'b> {
    pub slots: &'b [u8],
    pub indexes: &'b [u8],
    pub emails: Option<&'b [u8]>,
    pub keys: Option<&'b [u8]>,
    pub texts: Option<&'b [u8]>,
}

impl<'b> Columns<'b> {
    /// The columns of a block with these keys, hashes and texts, if it has any.
    pub(crate) fn of(slots: &'b [u8], indexes: &'b [u8], packed: Option<&'b Block>) -> Self {
        Self {
            slots,
            indexes,
            emails: packed.and_then(|packed| packed.emails.as_deref()),
            keys: packed.map(|packed| packed.keys.as_slice()),
            texts: packed.map(|packed| packed.texts.as_slice()),
        }
    }

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

static INSERT: Insert<17> = Insert::new(
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
        ("stamp", "bigint"),
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

impl BlockRow {
    /// The length of the columns in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let optional = [&self.head.batches, &self.emails, &self.keys, &self.texts];
        let optional = optional.into_iter().flatten().map(Vec::len);
        self.head.slots.len() + self.head.indexes.len() + optional.sum::<usize>()
    }

    /// The columns that the checksum covers.
    fn columns(&self) -> Columns<'_> {
        Columns {
            slots: &self.head.slots,
            indexes: &self.head.indexes,
            emails: self.emails.as_deref(),
            keys: self.keys.as_deref(),
            texts: self.texts.as_deref(),
        }
    }

    /// Whether the checksum is that of the columns.
    pub(crate) fn is_whole(&self) -> bool {
        self.columns().checksum() == self.checksum
    }

    /// Replaces columns, and the checksum.
    fn replace(&mut self, columns: Columns<'_>) {
        self.checksum = columns.checksum();
        self.head.slots = columns.slots.to_vec();
        self.emails = columns.emails.map(<[u8]>::to_vec);
        self.keys = columns.keys.map(<[u8]>::to_vec);
        self.texts = columns.texts.map(<[u8]>::to_vec);
    }

    fn values(&self) -> [Value<'_>; 17] {
        let head = &self.head;
        [
            head.id.0.to_value(),
            Value::Integer(head.first_position.cast_signed()),
            Value::Integer(head.events.cast_signed()),
            head.written.at_ms.to_value(),
            head.written.latest_ms.to_value(),
            head.batches.to_value(),
            head.dialect.to_value(),
            head.key_id.to_value(),
            head.written.epoch.to_value(),
            head.written.stamp.to_value(),
            self.checksum.to_value(),
            head.slots.to_value(),
            head.indexes.to_value(),
            self.emails.to_value(),
            self.keys.to_value(),
            self.texts.to_value(),
            Value::Integer(head.id.organisation().0.into()),
        ]
    }
}

/// The columns that [`head_of`] reads. In [`whole_columns`], those that [`row_of`] reads in addition follow.
macro_rules! head_columns {
    () => {
        "id, first_position, events, epoch, at_ms, latest_ms, batches, dialect, key_id, slots, indexes, stamp"
    };
}
macro_rules! whole_columns {
    () => {
        concat!(head_columns!(), ", checksum, emails, keys, texts")
    };
}
use {head_columns, whole_columns};

fn head_of(row: &Row<'_>) -> driver::Result<BlockHead> {
    Ok(BlockHead {
        id: BlockId(row.get(0)?),
        first_position: row.get::<i64>(1)?.cast_unsigned(),
        events: row.get::<i64>(2)?.cast_unsigned(),
        written: Written {
            epoch: row.get(3)?,
            stamp: row.get(11)?,
            at_ms: row.get(4)?,
            latest_ms: row.get(5)?,
        },
        batches: row.get(6)?,
        dialect: row.get(7)?,
        key_id: row.get(8)?,
        slots: row.get(9)?,
        indexes: row.get(10)?,
    })
}

fn row_of(row: &Row<'_>) -> driver::Result<BlockRow> {
    Ok(BlockRow {
        head: head_of(row)?,
        checksum: row.get(12)?,
        emails: row.get(13)?,
        keys: row.get(14)?,
        texts: row.get(15)?,
    })
}

/// A block that should be there is not.
pub(crate) fn missing(id: BlockId) -> Fault {
    Fault::Damaged(format!("there is no block {}", id.0))
}

fn not_whole(id: BlockId) -> Fault {
    Fault::Damaged(format!("the checksum of block {} is wrong", id.0))
}

/// The small columns of a block. `None` if there is no such block.
pub(crate) fn head(connection: &Connection, id: BlockId) -> Result<Option<BlockHead>, Fault> {
    let select = concat!(
        "select ",
        head_columns!(),
        " from blocks where id = ?1 and of_organisation(?1 >> 32) and sound(blocks.intact)"
    );
    of_block(connection, (select, id), head_of, |new| new.row.head)
}

/// Where a block is in the sequences of its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begins {
    /// The position of its first event.
    pub first_position: u64,
    /// The latest time of the block and all blocks before it.
    pub latest_ms: i64,
    /// The stamp of its transaction.
    pub stamp: i64,
}

/// Where a block begins. `None` if there is no such block.
pub(crate) fn begins(connection: &Connection, id: BlockId) -> Result<Option<Begins>, Fault> {
    let select = "select first_position, latest_ms, stamp from blocks \
                  where id = ?1 and of_organisation(?1 >> 32) and sound(blocks.intact)";
    let of_row = |row: &Row<'_>| {
        Ok(Begins {
            first_position: row.get::<i64>(0)?.cast_unsigned(),
            latest_ms: row.get(1)?,
            stamp: row.get(2)?,
        })
    };
    of_block(connection, (select, id), of_row, |new| Begins {
        first_position: new.row.head.first_position,
        latest_ms: new.row.head.written.latest_ms,
        stamp: new.row.head.written.stamp,
    })
}

/// The hashes of the e-mail addresses. Empty if no entry has one. `None` if there is no such block.
pub(crate) fn emails(connection: &Connection, id: BlockId) -> Result<Option<Vec<u8>>, Fault> {
    let select = "select emails from blocks where id = ?1 and of_organisation(?1 >> 32) and sound(blocks.intact)";
    let of_row = |row: &Row<'_>| row.get::<Option<_>>(0);
    let emails = of_block(connection, (select, id), of_row, |new| new.row.emails)?;
    Ok(emails.map(Option::unwrap_or_default))
}

/// The keys. Empty if the block has none. `None` if there is no such block.
pub(crate) fn keys(connection: &Connection, id: BlockId) -> Result<Option<Vec<u8>>, Fault> {
    let select = "select keys from blocks where id = ?1 and of_organisation(?1 >> 32) and sound(blocks.intact)";
    let of_row = |row: &Row<'_>| row.get::<Option<_>>(0);
    let keys = of_block(connection, (select, id), of_row, |new| new.row.keys)?;
    Ok(keys.map(Option::unwrap_or_default))
}

/// The large columns of a block.
pub(crate) struct Packed {
    pub keys: Vec<u8>,
    pub texts: Vec<u8>,
}

/// The large columns, checked against the block's checksum. `None` if there is no such block or it has no texts.
pub(crate) fn packed(connection: &Connection, id: BlockId) -> Result<Option<Packed>, Fault> {
    let select = "select checksum, slots, indexes, emails, keys, texts from blocks where id = ?1 and of_organisation(?1 >> 32)";
    let of_row = |row: &Row<'_>| {
        let expected: i64 = row.get(0)?;
        let keys: Option<Vec<u8>> = row.get(4)?;
        let texts: Option<Vec<u8>> = row.get(5)?;
        let columns = Columns {
            slots: row.blob(1)?,
            indexes: row.blob(2)?,
            emails: row.blob_or_null(3)?,
            keys: keys.as_deref(),
            texts: texts.as_deref(),
        };
        let is_whole = columns.checksum() == expected;
        let packed = keys.zip(texts).map(|(keys, texts)| Packed { keys, texts });
        Ok((is_whole, packed))
    };
    let found = of_block(
        connection,
        (select, id),
        of_row,
        |NewRow { row, .. }| {
            let is_whole = row.is_whole();
            let packed = row.keys.zip(row.texts);
            (is_whole, packed.map(|(keys, texts)| Packed { keys, texts }))
        },
    )?;
    match found {
        Some((true, packed)) => Ok(packed),
        Some((false, _)) => Err(not_whole(id)),
        None => Ok(None),
    }
}

/// All columns of a block, checked against its checksum. `None` if there is no such block.
pub(crate) fn whole(connection: &Connection, id: BlockId) -> Result<Option<BlockRow>, Fault> {
    let select = concat!(
        "select ",
        whole_columns!(),
        " from blocks where id = ?1 and of_organisation(?1 >> 32) and sound(blocks.intact)"
    );
    match of_block(connection, (select, id), row_of, |new| new.row)? {
        Some(row) if !row.is_whole() => Err(not_whole(id)),
        found => Ok(found),
    }
}

/// Reads a block: a recent one, a row of the table, or one of a pack.
fn of_block<T>(
    connection: &Connection,
    (select, id): (&str, BlockId),
    of_row: impl FnOnce(&Row<'_>) -> driver::Result<T>,
    of_small: impl FnOnce(NewRow) -> T,
) -> Result<Option<T>, Fault> {
    if let Some(new) = recent::block(connection, id)? {
        return Ok(Some(of_small(new)));
    }
    let mut select = connection.prepare_cached(select)?;
    if let Some(found) = select.query_row([id.0], of_row).optional()? {
        return Ok(Some(found));
    }
    Ok(packs::block(connection, id)?.map(of_small))
}

/// The number of an organisation's latest block. 0 if it never had one.
pub(crate) fn last_number(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<u32, Fault> {
    let counters = read_counters(connection, organisation)?;
    Ok(counters.block.saturating_sub(1))
}

/// Adds blocks.
pub(crate) fn insert<'r>(
    connection: &Connection,
    rows: impl Iterator<Item = &'r BlockRow>,
) -> Result<(), Fault> {
    Ok(connection.insert_all(&INSERT, rows.map(BlockRow::values))?)
}

/// Replaces columns of a block, and its checksum. The indexes must be those that it has: a rewritten block keeps its entries.
pub(crate) fn replace(
    connection: &Connection,
    id: BlockId,
    columns: Columns<'_>,
) -> Result<(), Fault> {
    if let Some(mut new) = recent::block(connection, id)? {
        new.row.replace(columns);
        return recent::put(connection, &new);
    }
    let update = "update blocks set checksum = ?2, slots = ?3, emails = ?4, keys = ?5, texts = ?6 \
                  where id = ?1 and of_organisation(?1 >> 32)";
    let rows = connection.prepare_cached(update)?.execute(params![
        id.0,
        columns.checksum(),
        columns.slots,
        columns.emails,
        columns.keys,
        columns.texts,
    ])?;
    if rows == 0 {
        let mut editor = packs::Editor::default();
        if !editor.change(connection, id, |new| new.row.replace(columns))? {
            return Err(missing(id));
        }
        editor.write(connection)?;
    }
    Ok(())
}

/// Deletes a block.
pub(crate) fn delete(connection: &Connection, id: BlockId) -> Result<(), Fault> {
    let delete = "delete from blocks where id = ?1 and of_organisation(?1 >> 32)";
    if connection.prepare_cached(delete)?.execute([id.0])? == 0 {
        packs::delete(connection, id)?;
    }
    Ok(())
}
