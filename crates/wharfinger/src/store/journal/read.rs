//! Reading blocks: by id, by position and by time.

use std::collections::HashMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use wharfinger_core::decide::catalogue::Admission;
use wharfinger_core::json::{NameCase, Reader};
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};

use super::admissions::OfBlock;
use super::batches::{Batches, OfBatch};
use super::block::{self, Frame};
use super::end::read_counters;
use super::entry_outcomes::{self, EntryOutcome};
use super::rows::{self, Begins, last_number};
use crate::store::engine::columns::time_zone;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::format::varint::Texts;
use crate::store::journal;

/// How many block heads, and how many blocks with compressed columns, a reader caches.
const HEADS_MAX: usize = 64;
const PACKED_MAX: usize = 16;

/// The small columns of a block.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub first_position: u64,
    pub events: u64,
    pub at_ms: i64,
    /// The latest time of this block and all blocks before it.
    pub latest_ms: i64,
    /// The stamp of the transaction that wrote it.
    pub stamp: i64,
    /// The number of the dialect.
    pub dialect: DialectId,
    /// The batches of the entries. Empty in a block of transitions.
    pub batches: Batches,
    /// The API key that requested the transitions. `None` in a block of batches.
    pub key_id: Option<String>,
    pub entry_outcomes: Vec<EntryOutcome>,
    /// The position of each entry in its batch.
    pub indexes: Vec<u32>,
}

impl Head {
    /// The id of the order that this entry created.
    pub(crate) fn order_id(&self, ordinal: usize) -> Option<OrderId> {
        Some(self.batches.of(ordinal)?.order(*self.indexes.get(ordinal)?))
    }

    /// The entries of a batch: the ordinal of the first one, and the position in the batch of each.
    pub(crate) fn of_batch(&self, batch: BatchId) -> Option<(usize, &[u32])> {
        let &OfBatch { start, end, .. } = self.batches.get(batch)?;
        Some((start, self.indexes.get(start..end)?))
    }
}

/// The large columns of a block, checked against its checksum.
struct Packed {
    keys: Vec<u8>,
    /// The decoded keys. Empty until a key is requested.
    key_list: Texts,
    texts: Vec<u8>,
    /// The frame that was read last.
    frame: Frame,
}

/// A reader of the journal that caches blocks.
pub(crate) struct Journal<'c> {
    connection: &'c Connection,
    heads: HashMap<BlockId, Head>,
    packed: HashMap<BlockId, Packed>,
    /// The keys of blocks whose texts are not needed.
    keys: HashMap<BlockId, Texts>,
    /// The catalogue decisions on the orders of blocks.
    admissions: HashMap<BlockId, OfBlock>,
    /// The codes and time zones of the requested organisations.
    organisations: HashMap<OrganisationId, (String, TimeZone)>,
}

impl<'c> Journal<'c> {
    /// A reader with an empty cache.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            heads: HashMap::new(),
            packed: HashMap::new(),
            keys: HashMap::new(),
            admissions: HashMap::new(),
            organisations: HashMap::new(),
        }
    }

    /// The connection that the reader uses.
    pub(crate) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// The code of an organisation. Empty if it is not registered.
    pub(crate) fn code(&mut self, organisation: OrganisationId) -> Result<&str, Fault> {
        let (code, _) = self.organisation(organisation)?;
        Ok(code)
    }

    /// The code and the time zone of an organisation. An empty code and UTC if it is not registered.
    pub(crate) fn organisation(
        &mut self,
        organisation: OrganisationId,
    ) -> Result<&(String, TimeZone), Fault> {
        if !self.organisations.contains_key(&organisation) {
            let select = "select code, time_zone from organisations where id = ?1 and sound(organisations.intact)";
            let mut select = self.connection.prepare_cached(select)?;
            let found = select.query_row([organisation.0], |row| {
                Ok((row.get::<String>(0)?, row.get::<String>(1)?))
            });
            // The store accepts orders of unregistered organisations. Callers check who may send them.
            let found = match found.optional()? {
                Some((code, zone)) => (code, time_zone(&zone)?),
                None => (String::new(), TimeZone::UTC),
            };
            self.organisations.insert(organisation, found);
        }
        Ok(&self.organisations[&organisation])
    }

    /// The small columns of a block.
    pub(crate) fn head(&mut self, id: BlockId) -> Result<&Head, Fault> {
        if !self.heads.contains_key(&id) {
            if self.heads.len() == HEADS_MAX {
                self.heads.clear();
            }
            self.heads.insert(id, read_head(self.connection, id)?);
        }
        Ok(&self.heads[&id])
    }

    /// The outcome of an entry.
    pub(crate) fn entry_outcome(&mut self, addr: EntryAddr) -> Result<EntryOutcome, Fault> {
        let entry_outcome = self
            .head(addr.block())?
            .entry_outcomes
            .get(addr.ordinal())
            .copied();
        entry_outcome.ok_or_else(|| missing(addr))
    }

    /// Whether the order of an entry with outcome `entry_outcome` was purged. The outcome of the entry itself may not say so yet: a purge
    /// takes several transactions, and the first of them removes the order.
    pub(crate) fn is_of_purged(
        &mut self,
        entry: EntryAddr,
        entry_outcome: EntryOutcome,
    ) -> Result<bool, Fault> {
        match entry_outcome.order(entry) {
            Some(order) if order != entry => Ok(self.entry_outcome(order)? == EntryOutcome::Purged),
            Some(_) => Ok(false),
            None => Ok(entry_outcome == EntryOutcome::Purged),
        }
    }

    /// Drops a rewritten block from the cache.
    pub(crate) fn forget(&mut self, id: BlockId) {
        self.heads.remove(&id);
        self.packed.remove(&id);
        self.keys.remove(&id);
    }

    /// The id of an order, by the address of its first revision.
    pub(crate) fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        let head = self.head(order.block())?;
        head.order_id(order.ordinal()).ok_or_else(|| missing(order))
    }

    /// The text of an entry.
    pub(crate) fn text(&mut self, addr: EntryAddr) -> Result<&str, Fault> {
        let ordinal = addr.ordinal();
        let packed = self.packed(addr.block())?;
        if packed.frame.text(ordinal).is_none() {
            packed.frame = Frame::read(&packed.texts, ordinal)?;
        }
        packed.frame.text(ordinal).ok_or_else(|| missing(addr))
    }

    /// The catalogue decision on an order, by the address of its first revision. `None` if there is none.
    pub(crate) fn admission(&mut self, order: EntryAddr) -> Result<Option<Admission>, Fault> {
        let block = order.block();
        if !self.admissions.contains_key(&block) {
            if self.admissions.len() == PACKED_MAX {
                self.admissions.clear();
            }
            let read = OfBlock::read(self.connection, block)?;
            self.admissions.insert(block, read);
        }
        self.admissions[&block].get(order.ordinal())
    }

    /// The hash of an entry's e-mail address.
    pub(crate) fn email(&self, addr: EntryAddr) -> Result<EmailHash, Fault> {
        let id = addr.block();
        let emails = rows::emails(self.connection, id)?.ok_or_else(|| rows::missing(id))?;
        let mut hashes = EmailHash::each(&emails);
        Ok(hashes.nth(addr.ordinal()).unwrap_or(EmailHash::NONE))
    }

    /// The key of an order, by the address of its first revision.
    pub(crate) fn key(&mut self, order: EntryAddr) -> Result<String, Fault> {
        // The submitted text does not contain a number that the server assigned.
        if let EntryOutcome::Accepted {
            number: Some(number),
            ..
        } = self.entry_outcome(order)?
        {
            return Ok(number.to_string());
        }
        let packed = self.packed(order.block())?;
        if packed.key_list.len() == 0 {
            packed.key_list = block::decode_keys(&packed.keys)?;
        }
        let key = packed.key_list.get(order.ordinal());
        key.map(str::to_owned).ok_or_else(|| missing(order))
    }

    /// Like [`Self::key`], but reads only the keys of the block. For lists of keys.
    pub(crate) fn key_alone(&mut self, order: EntryAddr) -> Result<String, Fault> {
        if let EntryOutcome::Accepted {
            number: Some(number),
            ..
        } = self.entry_outcome(order)?
        {
            return Ok(number.to_string());
        }
        let key = self.keys(order.block())?.get(order.ordinal());
        key.map(str::to_owned).ok_or_else(|| missing(order))
    }

    /// Like [`Self::key_alone`], but first looks in the block of an entry of the order. A new revision also stores the key
    /// there.
    pub(crate) fn key_at(&mut self, entry: EntryAddr, order: EntryAddr) -> Result<String, Fault> {
        if let EntryOutcome::Updated { .. } = self.entry_outcome(entry)?
            && let Some(key) = self.keys(entry.block())?.get(entry.ordinal())
            && !key.is_empty()
        {
            return Ok(key.to_owned());
        }
        self.key_alone(order)
    }

    fn keys(&mut self, id: BlockId) -> Result<&Texts, Fault> {
        if !self.keys.contains_key(&id) {
            if self.keys.len() == HEADS_MAX {
                self.keys.clear();
            }
            self.keys.insert(id, read_keys(self.connection, id)?);
        }
        Ok(&self.keys[&id])
    }

    fn packed(&mut self, id: BlockId) -> Result<&mut Packed, Fault> {
        if !self.packed.contains_key(&id) {
            if self.packed.len() == PACKED_MAX {
                self.packed.clear();
            }
            self.packed.insert(id, read_packed(self.connection, id)?);
        }
        match self.packed.get_mut(&id) {
            Some(packed) => Ok(packed),
            None => Err(Fault::Damaged("a block was forgotten at once".into())),
        }
    }
}

fn read_keys(connection: &Connection, id: BlockId) -> Result<Texts, Fault> {
    let keys = rows::keys(connection, id)?.ok_or_else(|| rows::missing(id))?;
    Ok(block::decode_keys(&keys)?)
}

fn missing(addr: EntryAddr) -> Fault {
    Fault::Damaged(format!("there is no order in entry {}", addr.0))
}

fn read_head(connection: &Connection, id: BlockId) -> Result<Head, Fault> {
    let row = rows::head(connection, id)?.ok_or_else(|| rows::missing(id))?;
    Ok(Head {
        first_position: row.first_position,
        events: row.events,
        at_ms: row.written.at_ms,
        latest_ms: row.written.latest_ms,
        stamp: row.written.stamp,
        dialect: row.dialect,
        batches: Batches::decode(row.batches.as_deref().unwrap_or_default())?,
        key_id: row.key_id,
        entry_outcomes: entry_outcomes::decode(&row.slots)?,
        indexes: block::decode_indexes(&row.indexes)?,
    })
}

fn read_packed(connection: &Connection, id: BlockId) -> Result<Packed, Fault> {
    let lacks = || Fault::Damaged(format!("block {} has no texts", id.0));
    let rows::Packed { keys, texts } = rows::packed(connection, id)?.ok_or_else(lacks)?;
    Ok(Packed {
        keys,
        key_list: Texts::default(),
        texts,
        frame: Frame::default(),
    })
}

/// The value by which [`blocks_up_to`] compares blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Position,
    /// The latest time of a block and all blocks before it.
    LatestTime,
}

/// The number of an organisation's last block that begins at `bound` or earlier. If there is none, the number before its first
/// block. The search is binary, because block numbers have no gaps.
pub(crate) fn blocks_up_to(
    connection: &Connection,
    organisation: OrganisationId,
    order: Order,
    bound: i64,
) -> Result<u32, Fault> {
    let first = journal::start::start(connection, organisation)?.block;
    let end = last_number(connection, organisation)? + 1;
    let behind = partition(connection, organisation, first..end, |begins| match order {
        Order::Position => begins.first_position.cast_signed() <= bound,
        Order::LatestTime => begins.latest_ms <= bound,
    })?;
    Ok(behind - 1)
}

/// The number of the first of an organisation's blocks that does not meet a condition, or the end of `blocks`. Those that meet it
/// come first.
fn partition(
    connection: &Connection,
    organisation: OrganisationId,
    mut blocks: Range<u32>,
    is_met: impl Fn(&Begins) -> bool,
) -> Result<u32, Fault> {
    while blocks.start < blocks.end {
        let middle = blocks.start + (blocks.end - blocks.start) / 2;
        if is_met(&begins_of(connection, BlockId::new(organisation, middle))?) {
            blocks.start = middle + 1;
        } else {
            blocks.end = middle;
        }
    }
    Ok(blocks.end)
}

fn begins_of(connection: &Connection, id: BlockId) -> Result<Begins, Fault> {
    rows::begins(connection, id)?.ok_or_else(|| rows::missing(id))
}

/// The number of the first of an organisation's blocks that has a greater stamp than `stamp`. If there is none, the end of
/// `blocks`.
pub(crate) fn first_written_after(
    connection: &Connection,
    organisation: OrganisationId,
    (blocks, stamp): (Range<u32>, i64),
) -> Result<u32, Fault> {
    let is_met = |begins: &Begins| begins.stamp <= stamp;
    partition_from_end(connection, organisation, blocks, is_met)
}

/// The number of the first of an organisation's blocks that, or one before which, is later than `until_ms`. If there is none, the end
/// of `blocks`.
pub(crate) fn first_later_than(
    connection: &Connection,
    organisation: OrganisationId,
    (blocks, until_ms): (Range<u32>, i64),
) -> Result<u32, Fault> {
    let is_met = |begins: &Begins| begins.latest_ms <= until_ms;
    partition_from_end(connection, organisation, blocks, is_met)
}

/// As [`partition`]. It is usually one of the last blocks, so the search begins there.
fn partition_from_end(
    connection: &Connection,
    organisation: OrganisationId,
    mut blocks: Range<u32>,
    is_met: impl Fn(&Begins) -> bool,
) -> Result<u32, Fault> {
    let mut distance = 1;
    while blocks.start < blocks.end {
        let near = blocks.end.saturating_sub(distance).max(blocks.start);
        if is_met(&begins_of(connection, BlockId::new(organisation, near))?) {
            blocks.start = near + 1;
            break;
        }
        blocks.end = near;
        distance = distance.saturating_mul(2);
    }
    partition(connection, organisation, blocks, is_met)
}

/// The stamp of an organisation's latest block, found without its counters. 0 if it has no blocks.
pub(crate) fn last_stamp(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<i64, Fault> {
    let start = journal::start::start(connection, organisation)?;
    let stamp = |number| {
        let begins = rows::begins(connection, BlockId::new(organisation, number))?;
        Ok::<_, Fault>(begins.map(|begins| begins.stamp))
    };
    let (mut found, mut latest, mut distance) = (start.block - 1, start.gone_stamp, 1);
    let mut end = loop {
        let number = found.saturating_add(distance);
        match stamp(number)? {
            Some(stamp) => (found, latest, distance) = (number, stamp, distance * 2),
            None => break number,
        }
    };
    while end - found > 1 {
        let middle = found + (end - found) / 2;
        match stamp(middle)? {
            Some(stamp) => (found, latest) = (middle, stamp),
            None => end = middle,
        }
    }
    Ok(latest)
}

/// The number of the last block that, like all blocks before it, is earlier than `from_ms`. Later blocks hold everything else.
pub(crate) fn blocks_before(
    connection: &Connection,
    organisation: OrganisationId,
    from_ms: i64,
) -> Result<u32, Fault> {
    let bound = from_ms.saturating_sub(1);
    blocks_up_to(connection, organisation, Order::LatestTime, bound)
}

/// The number of the last block that may have a time of `until_ms` or earlier. If the clock was set back, blocks before it may
/// have later times.
pub(crate) fn blocks_until(
    connection: &Connection,
    organisation: OrganisationId,
    until_ms: i64,
) -> Result<u32, Fault> {
    let until = blocks_up_to(connection, organisation, Order::LatestTime, until_ms)?;
    let back = read_counters(connection, organisation)?.back_block;
    Ok(until.max(back))
}

/// The content hash of an order's text. `None` if the text cannot be read. Limits are not checked, because they may have changed
/// since the order was accepted.
pub(crate) fn content_hash(text: &str, names: NameCase) -> Option<u128> {
    let mut reader = Reader::of_stored(text, names).ok()?;
    let entry = reader.next().ok()??;
    entry.faults.is_empty().then_some(entry.hash)
}
