//! The e-mail index: from the hash of an e-mail address to the entries that have it.
//!
//! ```text
//!  blocks 1 … 4096         4097 … 4352    4353 … 4360     numbers of the organisation's blocks
//! ┌───────────────────────┬──────────────┬─────────────┐
//! │ run, tier 2           │ run, tier 1  │ (no run yet)│
//! │ (hash, address) sorted│              │             │   find: search each run, then scan the hashes
//! └───────────────────────┴──────────────┴─────────────┘   of the blocks that no run covers
//!  merge: 16 neighbouring runs of one tier → one run of the next tier
//! ```
//!
//! The writer stores the hashes in the blocks and does nothing else. The `builder` thread follows it: it sorts the hashes of new
//! blocks into runs and merges runs. `schedule` tells the builder which organisations have grown enough. A lookup yields entry
//! addresses; it reads no orders.
//!
//! May import: `write` (the builder's jobs) and the rooms below it, but not `directory` or `catalogue`.

pub(crate) mod builder;
mod coverage;
pub(crate) mod erase;
mod find;
pub(crate) mod jobs;
mod merge;
mod schedule;

use wharfinger_core::order::ids::OrganisationId;

pub(crate) use self::coverage::is_built;
pub(crate) use self::find::Search;
use crate::store::engine::driver::{Connection, OptionalExtension, Row};
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::{EmailHash, EmailKey, HASH_BYTES};
use crate::store::format::entry_addr::{BlockId, ENTRIES_MAX, EntryAddr};
use crate::store::format::varint::Damage;
use crate::store::journal::entry_outcomes::EntryOutcome;

/// The key that addresses are hashed with. It is created with the store.
pub(crate) fn key(connection: &Connection) -> Result<EmailKey, Fault> {
    let select = "select value from settings where name = ?1 and sound(settings.intact)";
    let half = |name: &str| connection.query_row(select, [name], |row| row.get::<i64>(0));
    let halves = [half("email_key_1")?, half("email_key_2")?].map(i64::to_le_bytes);
    let mut key = [0; 16];
    key.copy_from_slice(halves.as_flattened());
    Ok(EmailKey(key))
}

/// When runs are built. The defaults suit millions of orders; tests need many small runs.
#[derive(Clone, Copy, Debug)]
pub struct EmailRuns {
    /// Events without a run from which a run is built.
    pub events_min: u64,
    /// Blocks without a run from which a run is built.
    pub blocks_min: u32,
    /// Neighbouring runs of a tier that are merged into one run of the next tier.
    pub fan_in: usize,
    /// Entries per segment.
    pub part_entries: usize,
}

impl Default for EmailRuns {
    fn default() -> Self {
        Self {
            events_min: 1 << 16,
            // Lookups scan the blocks without a run, at two microseconds per block.
            blocks_min: 1 << 10,
            fan_in: 16,
            // 16 KiB.
            part_entries: (16 << 10) / ENTRY_BYTES,
        }
    }
}

/// Bytes of an entry: hash, block number, ordinal.
const ENTRY_BYTES: usize = HASH_BYTES + 4 + 2;

/// An entry of a run, in the sort order of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The hash of its e-mail address.
    pub hash: EmailHash,
    /// The entry address of its text.
    pub place: EntryAddr,
}

impl Entry {
    fn write(self, out: &mut Vec<u8>) {
        let ordinal = u16::try_from(self.place.ordinal()).unwrap_or(u16::MAX);
        out.extend_from_slice(&self.hash.to_bytes());
        out.extend_from_slice(&self.place.block().number().to_le_bytes());
        out.extend_from_slice(&ordinal.to_le_bytes());
    }
}

/// Decodes the entries of a segment.
pub(crate) fn read_entries(
    organisation: OrganisationId,
    blob: &[u8],
) -> Result<impl ExactSizeIterator<Item = Entry> + DoubleEndedIterator, Damage> {
    let (entries, rest) = blob.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() {
        return Err(Damage("a part of an e-mail index is truncated"));
    }
    Ok(entries.iter().map(move |bytes| {
        let [h0, h1, h2, h3, h4, h5, h6, h7, b0, b1, b2, b3, o0, o1] = *bytes;
        let block = u32::from_le_bytes([b0, b1, b2, b3]);
        let ordinal = usize::from(u16::from_le_bytes([o0, o1]));
        Entry {
            hash: EmailHash::from_bytes([h0, h1, h2, h3, h4, h5, h6, h7]),
            place: BlockId::new(organisation, block).entry(ordinal % ENTRIES_MAX),
        }
    }))
}

/// The entries of a block that belong in a run: revisions of orders that have an e-mail address.
pub(crate) fn entries_of<'b>(
    block: BlockId,
    entry_outcomes: &'b [EntryOutcome],
    emails: &'b [u8],
) -> impl Iterator<Item = Entry> + 'b {
    let pairs = entry_outcomes
        .iter()
        .zip(EmailHash::each(emails))
        .enumerate();
    pairs
        .filter(|(_, (entry_outcome, hash))| entry_outcome.is_alive() && *hash != EmailHash::NONE)
        .map(move |(ordinal, (_, hash))| Entry {
            hash,
            place: block.entry(ordinal),
        })
}

/// A sorted run of the e-mail index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Its id.
    pub id: i64,
    /// The numbers of the first and the last block it covers.
    pub first_block: u32,
    pub last_block: u32,
    /// 0 for a run built from blocks. A merged run has the tier of its sources plus one.
    pub tier: u32,
    /// How many entries it has.
    pub entries: u64,
}

/// The finished runs of an organisation, in block order.
pub(crate) fn whole_runs(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Vec<Run>, Fault> {
    let select = "select id, first_block, last_block, tier, entries from email_runs \
                  where organisation = ?1 and case when sound(email_runs.intact) then is_whole end \
                  order by first_block";
    let mut select = connection.prepare_cached(select)?;
    let runs = select.query_map([organisation.0], read_run)?;
    Ok(runs)
}

fn read_run(row: &Row<'_>) -> crate::store::engine::driver::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        first_block: row.get(1)?,
        last_block: row.get(2)?,
        tier: row.get(3)?,
        entries: row.get::<i64>(4)?.cast_unsigned(),
    })
}

/// The number of the last block that the runs cover. 0 if there are no runs.
pub(crate) fn covered(runs: &[Run]) -> u32 {
    runs.last().map_or(0, |run| run.last_block)
}

/// A segment of a run.
pub(crate) struct Segment {
    /// Its first entry.
    pub first: Entry,
    /// All its entries, encoded.
    pub entries: Vec<u8>,
}

/// The last segment of a run whose first entry is not after `entry`.
fn segment_up_to(
    connection: &Connection,
    run: i64,
    entry: Entry,
) -> Result<Option<Segment>, Fault> {
    let select = "select first_hash, first_place, entries from email_parts \
                  where run = ?1 and (first_hash, first_place) <= (?2, ?3) and sound(email_parts.intact) \
                  order by first_hash desc, first_place desc limit 1";
    read_segment(connection, select, run, entry)
}

/// The first segment of a run whose first entry is after `entry`.
fn segment_after(
    connection: &Connection,
    run: i64,
    entry: Entry,
) -> Result<Option<Segment>, Fault> {
    let select = "select first_hash, first_place, entries from email_parts \
                  where run = ?1 and (first_hash, first_place) > (?2, ?3) and sound(email_parts.intact) \
                  order by first_hash, first_place limit 1";
    read_segment(connection, select, run, entry)
}

fn read_segment(
    connection: &Connection,
    select: &str,
    run: i64,
    entry: Entry,
) -> Result<Option<Segment>, Fault> {
    let mut select = connection.prepare_cached(select)?;
    let bounds = (run, entry.hash.0, entry.place.0);
    let part = select.query_row(bounds, |row| {
        Ok(Segment {
            first: Entry {
                hash: EmailHash(row.get(0)?),
                place: EntryAddr(row.get(1)?),
            },
            entries: row.get(2)?,
        })
    });
    Ok(part.optional()?)
}
