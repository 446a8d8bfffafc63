//! The table of rejected orders and of orders with warnings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::closed;
use super::encoding::{self, Chunk, Kind};
use super::extents::{read_organisation, stored_organisation};
use super::mentions::{Slice, keys_that_reach};
use crate::store::api::causes::without_indexes;
use crate::store::api::{ReceiptWarning, Recorded, RecordedOutcome, RecordedProblem};
use crate::store::engine::driver::{Connection, Insert, OptionalExtension, ToValue, Value};
use crate::store::engine::fault::Fault;

/// Chunks that one job rewrites or searches, at most. Each has about a MiB of JSON before compression.
const SLICE_CHUNKS: i64 = 8;
/// The latest time that an id can have: 48 bits of milliseconds.
const ID_TIME_MAX: i64 = (1 << 48) - 1;
/// Bytes of text on a page, at most. The first order may exceed it.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// Chunks of warnings that are read for a receipt, at most. Each has at most 1,024 orders.
const WARNED_CHUNKS_MAX: usize = 16;
/// Kinds of warnings that a receipt reports, at most.
const WARNING_KINDS_MAX: usize = 100;

static INSERT: Insert<8> = Insert::new(
    "rejections",
    [
        ("batch", "bytea"),
        ("organisation", "bigint"),
        ("part", "bigint"),
        ("kind", "bigint"),
        ("first_index", "bigint"),
        ("last_index", "bigint"),
        ("has_texts", "boolean"),
        ("orders", "bytea"),
    ],
    "",
);

/// Writes the chunks of a batch.
pub(crate) fn write<'p>(
    connection: &Connection,
    batch: BatchId,
    chunks: impl Iterator<Item = &'p Chunk>,
) -> Result<(), Fault> {
    let batch = batch.to_bytes();
    let rows = (0..).zip(chunks).map(|(at, chunk)| {
        [
            batch.to_value(),
            Value::Integer(stored_organisation(chunk.organisation).into()),
            Value::Integer(at),
            Value::Integer(chunk.kind.number()),
            chunk.first_index.to_value(),
            chunk.last_index.to_value(),
            Value::Integer((chunk.kind == Kind::Rejected).into()),
            chunk.packed.to_value(),
        ]
    });
    Ok(connection.insert_all(&INSERT, rows)?)
}

/// Removes the texts from some chunks of batches that were received before a time, without waiting for others that do. Returns the
/// number of chunks. Problems stay.
pub(crate) fn drop_texts_slice(connection: &Connection, before_ms: i64) -> Result<usize, Fault> {
    let before = BatchId::new(before_ms.clamp(0, ID_TIME_MAX).cast_unsigned(), 0).to_bytes();
    let free = connection.lock_free_rows();
    let select = format!(
        "select id, orders from rejections where has_texts and batch < ?1 and sound(rejections.intact) \
         order by batch limit ?2 {free}"
    );
    let mut select = connection.prepare_cached(&select)?;
    let chunks = select.query_map((before, SLICE_CHUNKS), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let chunks: Vec<(i64, Vec<u8>)> = chunks;
    let update = "update rejections set orders = ?2, has_texts = false where id = ?1";
    let mut update = connection.prepare_cached(update)?;
    for (id, orders) in &chunks {
        update.execute((id, encoding::without_texts(orders)?))?;
    }
    Ok(chunks.len())
}

/// Searches some chunks after this row for an e-mail address. Only chunks of the organisation are searched, and chunks without
/// organisation that were sent by a key with access to it. Returns the chunks that mention the address, and where to continue.
pub(crate) fn find_mentions(
    connection: &Connection,
    (organisation, address): (OrganisationId, &str),
    after: i64,
) -> Result<Slice, Fault> {
    let keys = keys_that_reach(connection.engine());
    // No join: Citus keeps receipts by API key, and rejected orders by organisation.
    let select = "select id, orders, organisation, batch from rejections \
                  where id > ?2 and case when sound(rejections.intact) then organisation in (?1, 0) end order by id limit ?3";
    let may_concern = format!("select 1 from batches where batches.id = ?2 and key_id in {keys}");
    let mut may_concern = connection.prepare_cached(&may_concern)?;
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query((organisation.0, after, SLICE_CHUNKS))?;
    let mut slice = Slice::default();
    let (mut looked_at, mut last) = (0, after);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        last = row.get(0)?;
        let orders = row.blob(1)?;
        if encoding::without_mentions(orders, address)?.is_none() {
            continue;
        }
        let batch: [u8; 16] = row.get(3)?;
        if row.get::<i64>(2)? != 0 || may_concern.exists((organisation.0, batch))? {
            slice.found.push(last);
        }
    }
    slice.next = (looked_at == SLICE_CHUNKS).then_some(last);
    Ok(slice)
}

/// Removes the texts of orders that mention an address from some chunks, and the attributes from the orders' warnings. Returns
/// the number of orders and their batches.
pub(crate) fn erase(
    connection: &Connection,
    chunks: &[i64],
    (organisation, address): (OrganisationId, &str),
) -> Result<(u64, Vec<[u8; 16]>), Fault> {
    let select = "select batch, orders from rejections where id = ?1 and sound(rejections.intact)";
    let mut select = connection.prepare_cached(select)?;
    let mut update =
        connection.prepare_cached("update rejections set orders = ?2 where id = ?1")?;
    let (mut erased, mut batches) = (0, Vec::new());
    for chunk in chunks {
        let found = select.query_row([chunk], |row| Ok((row.get(0)?, row.get(1)?)));
        // The chunk may have been purged since it was found.
        let Some((batch, orders)) = found.optional()? else {
            continue;
        };
        let orders: Vec<u8> = orders;
        if let Some((orders, of_chunk)) = encoding::without_mentions(&orders, address)? {
            update.execute((chunk, orders))?;
            erase_attributes(connection, organisation, batch, &of_chunk)?;
            closed::erase_notes_of(connection, batch, &of_chunk)?;
            erased += of_chunk.len() as u64;
            batches.push(batch);
        }
    }
    Ok((erased, batches))
}

/// Removes the attribute names from the warnings of some orders of a batch. The orders belong to an organisation, or to no
/// known one.
pub(crate) fn erase_attributes(
    connection: &Connection,
    organisation: OrganisationId,
    batch: [u8; 16],
    indexes: &BTreeSet<u32>,
) -> Result<(), Fault> {
    let Some(first) = indexes.first() else {
        return Ok(());
    };
    let is_of = |whose: Option<OrganisationId>| whose.is_none_or(|whose| whose == organisation);
    let mut update =
        connection.prepare_cached("update rejections set orders = ?2 where id = ?1")?;
    for chunk in warned_heads(connection, BatchId::from_bytes(batch), *first, is_of)? {
        let orders = read_orders(connection, &chunk)?;
        if let Some(orders) = encoding::without_attributes(&orders, indexes)? {
            update.execute((chunk.id, orders))?;
        }
    }
    Ok(())
}

/// Removes the attribute names from the warnings of purged orders, given by batch and index in it.
pub(crate) fn purge_attributes(
    connection: &Connection,
    organisation: OrganisationId,
    orders: &BTreeMap<[u8; 16], BTreeSet<u32>>,
) -> Result<(), Fault> {
    let (Some((first, _)), Some((last, _))) = (orders.first_key_value(), orders.last_key_value())
    else {
        return Ok(());
    };
    // Most batches have no warnings. Batches that share a block have ids close to each other, so one query finds all.
    let select = "select distinct batch from rejections where batch >= ?1 and batch <= ?2 \
                  and case when sound(rejections.head_intact) then kind = ?3 end";
    let mut select = connection.prepare_cached(select)?;
    let kind = Kind::Warned.number();
    let warned: Vec<[u8; 16]> = select.query_map((*first, *last, kind), |row| row.get(0))?;
    for batch in warned {
        if let Some(indexes) = orders.get(&batch) {
            erase_attributes(connection, organisation, batch, indexes)?;
        }
    }
    Ok(())
}

/// All rejected and withheld orders of a batch.
pub(crate) fn read_all(connection: &Connection, batch: BatchId) -> Result<Vec<Recorded>, Fault> {
    let select = "select organisation, kind, orders from rejections \
                  where batch = ?1 and sound(rejections.intact)";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([batch.to_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let organisation = read_organisation(row.get(0)?);
        let orders = row.blob(2)?;
        found.extend(encoding::read(
            organisation,
            Kind::of(row.get(1)?)?,
            orders,
        )?);
    }
    Ok(found)
}

/// Passes each listed order of the wanted organisations and kinds of a batch to `note`, one chunk after the other.
pub(crate) fn for_each(
    connection: &Connection,
    batch: BatchId,
    is_wanted: impl Fn(Option<OrganisationId>, Kind) -> bool,
    mut note: impl FnMut(Recorded),
) -> Result<(), Fault> {
    for chunk in chunk_heads(connection, batch, 0)? {
        if is_wanted(chunk.organisation, chunk.kind) {
            let orders = read_orders(connection, &chunk)?;
            let orders = encoding::read(chunk.organisation, chunk.kind, &orders)?;
            orders.into_iter().for_each(&mut note);
        }
    }
    Ok(())
}

/// A rejected order whose errors are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Wanted {
    /// Its batch.
    pub batch: BatchId,
    /// Its organisation.
    pub organisation: Option<OrganisationId>,
    /// Its position in the batch.
    pub index: u32,
}

/// The errors of rejected orders, as far as their receipts are still stored. `wanted` must be sorted. Each chunk is read once.
pub(crate) fn errors_of(
    connection: &Connection,
    wanted: &[Wanted],
) -> Result<HashMap<Wanted, Vec<RecordedProblem>>, Fault> {
    let mut found = HashMap::new();
    let batch_and_organisation = |one: &Wanted, other: &Wanted| {
        (one.batch, one.organisation) == (other.batch, other.organisation)
    };
    for of_one in wanted.chunk_by(batch_and_organisation) {
        let (first, last) = (&of_one[0], &of_one[of_one.len() - 1]);
        for chunk in chunk_heads(connection, first.batch, first.index)? {
            let is_of = chunk.kind == Kind::Rejected && chunk.organisation == first.organisation;
            let may_have =
                |wanted: &Wanted| (chunk.first_index..=chunk.last_index).contains(&wanted.index);
            if !is_of || chunk.first_index > last.index || !of_one.iter().any(may_have) {
                continue;
            }
            let orders = read_orders(connection, &chunk)?;
            for order in encoding::read(chunk.organisation, chunk.kind, &orders)? {
                let wanted = Wanted {
                    index: order.index,
                    ..*first
                };
                if let RecordedOutcome::Rejected(rejection) = order.outcome
                    && of_one.binary_search(&wanted).is_ok()
                {
                    found.insert(wanted, rejection.errors);
                }
            }
        }
    }
    Ok(found)
}

/// Some rejected and withheld orders, in batch order.
#[derive(Default)]
pub(crate) struct Page {
    /// The orders.
    pub orders: Vec<Recorded>,
    /// Whether the page was cut because of long texts. Then more orders follow the last one.
    pub is_cut: bool,
}

/// A chunk without its orders.
struct ChunkHead {
    id: i64,
    organisation: Option<OrganisationId>,
    kind: Kind,
    first_index: u32,
    last_index: u32,
}

/// The first `limit` rejected and withheld orders of a batch whose index is not below `from`, of the wanted organisations and
/// kinds. Reads only the chunks that it needs.
pub(crate) fn read_page(
    connection: &Connection,
    batch: BatchId,
    is_wanted: impl Fn(Option<OrganisationId>, Kind) -> bool,
    from: u32,
    limit: usize,
) -> Result<Page, Fault> {
    let mut page = Page::default();
    for chunk in chunk_heads(connection, batch, from)? {
        let is_full = page.is_cut || page.orders.len() == limit;
        let last = page.orders.last();
        if is_full && last.is_some_and(|last| last.index < chunk.first_index) {
            break;
        }
        if is_wanted(chunk.organisation, chunk.kind) {
            let orders = read_orders(connection, &chunk)?;
            let orders = encoding::read(chunk.organisation, chunk.kind, &orders)?;
            let behind = orders.into_iter().filter(|order| order.index >= from);
            page.orders.extend(behind);
            page.cut(limit);
        }
    }
    Ok(page)
}

impl Page {
    /// Truncates the page to `limit` orders and [`PAGE_BYTES_MAX`] bytes of text.
    fn cut(&mut self, limit: usize) {
        self.orders.sort_by_key(|order| order.index);
        self.orders.truncate(limit);
        let mut bytes = 0;
        let is_behind = |order: &Recorded| {
            if let RecordedOutcome::Rejected(rejection) = &order.outcome {
                bytes += rejection.text.as_ref().map_or(0, String::len);
            }
            bytes > PAGE_BYTES_MAX
        };
        if let Some(end) = self.orders.iter().position(is_behind) {
            let kept = end.max(1);
            self.is_cut |= kept < self.orders.len();
            self.orders.truncate(kept);
        }
    }
}

/// The chunks of a batch with orders whose index is not below `from`, sorted by their first index.
fn chunk_heads(
    connection: &Connection,
    batch: BatchId,
    from: u32,
) -> Result<Vec<ChunkHead>, Fault> {
    let select = "select id, organisation, kind, first_index, last_index from rejections \
                  where batch = ?1 and case when sound(rejections.head_intact) then last_index >= ?2 end order by first_index";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query((batch.to_bytes(), from))?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        heads.push(ChunkHead {
            id: row.get(0)?,
            organisation: read_organisation(row.get(1)?),
            kind: Kind::of(row.get(2)?)?,
            first_index: row.get(3)?,
            last_index: row.get(4)?,
        });
    }
    Ok(heads)
}

/// Adds the warnings of a batch's orders to their results. The results must be in batch order.
pub(crate) fn attach_warnings(
    connection: &Connection,
    batch: BatchId,
    shows: impl Fn(Option<OrganisationId>) -> bool,
    results: &mut [Recorded],
) -> Result<(), Fault> {
    let (Some(first), Some(last)) = (results.first(), results.last()) else {
        return Ok(());
    };
    let (first, last) = (first.index, last.index);
    for chunk in warned_heads(connection, batch, first, shows)? {
        if chunk.first_index > last {
            break;
        }
        for (index, warnings) in read_warned(connection, &chunk)? {
            if let Ok(at) = results.binary_search_by_key(&index, |recorded| recorded.index) {
                results[at].warnings = warnings;
            }
        }
    }
    Ok(())
}

/// The kinds of warnings of a batch's orders, each with the first order that has it. Reads only the first chunks.
pub(crate) fn kinds_of_warnings(
    connection: &Connection,
    batch: BatchId,
    shows: impl Fn(Option<OrganisationId>) -> bool,
) -> Result<Vec<ReceiptWarning>, Fault> {
    let mut kinds: Vec<ReceiptWarning> = Vec::new();
    let heads = warned_heads(connection, batch, 0, shows)?;
    for chunk in heads.iter().take(WARNED_CHUNKS_MAX) {
        // The chunks of several organisations overlap.
        let is_behind = |last: &ReceiptWarning| last.index < chunk.first_index;
        if kinds.len() == WARNING_KINDS_MAX && kinds.last().is_some_and(is_behind) {
            break;
        }
        let kind = |warning: &RecordedProblem| {
            let pointer = without_indexes(&warning.pointer);
            (warning.code.clone(), pointer)
        };
        let of_kind = |(at, kept): (usize, &ReceiptWarning)| (kind(&kept.warning), at);
        let mut known: HashMap<_, usize> = kinds.iter().enumerate().map(of_kind).collect();
        for (index, warnings) in read_warned(connection, chunk)? {
            for warning in warnings {
                let new = kinds.len();
                let at = *known.entry(kind(&warning)).or_insert(new);
                if at == new {
                    kinds.push(ReceiptWarning { index, warning });
                } else if index < kinds[at].index {
                    kinds[at] = ReceiptWarning { index, warning };
                }
            }
        }
        kinds.sort_by_key(|kept| kept.index);
        kinds.truncate(WARNING_KINDS_MAX);
    }
    Ok(kinds)
}

/// The number of orders with warnings per organisation, counted from the chunks of warnings.
pub(crate) fn count_warned(
    connection: &Connection,
    batch: BatchId,
) -> Result<HashMap<Option<OrganisationId>, u64>, Fault> {
    let mut counts = HashMap::new();
    for chunk in warned_heads(connection, batch, 0, |_| true)? {
        let warned = read_warned(connection, &chunk)?.len() as u64;
        *counts.entry(chunk.organisation).or_default() += warned;
    }
    Ok(counts)
}

/// The chunks of warnings with orders whose index is not below `from`.
fn warned_heads(
    connection: &Connection,
    batch: BatchId,
    from: u32,
    shows: impl Fn(Option<OrganisationId>) -> bool,
) -> Result<Vec<ChunkHead>, Fault> {
    let mut heads = chunk_heads(connection, batch, from)?;
    heads.retain(|chunk| chunk.kind == Kind::Warned && shows(chunk.organisation));
    Ok(heads)
}

/// The warnings of the orders of a chunk.
fn read_warned(
    connection: &Connection,
    chunk: &ChunkHead,
) -> Result<Vec<(u32, Vec<RecordedProblem>)>, Fault> {
    Ok(encoding::read_warnings(&read_orders(connection, chunk)?)?)
}

/// The packed orders of a chunk.
fn read_orders(connection: &Connection, chunk: &ChunkHead) -> Result<Vec<u8>, Fault> {
    let select = "select orders from rejections where id = ?1 and sound(rejections.intact)";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_row([chunk.id], |row| row.get(0))?)
}
