//! Finding the data of a person: first the orders, then every block that has texts of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use wharfinger_core::dialect::{Dialect, StoredOrder};
use wharfinger_core::dialects;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::reading::email;

use super::Person;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::admissions::OfBlock;
use crate::store::journal::batches::Batches;
use crate::store::journal::block;
use crate::store::journal::dialects::dialect_name;
use crate::store::journal::entry_outcomes::{self, EntryOutcome};
use crate::store::journal::read::Journal;
use crate::store::journal::rows::{emails_between, passed_between};

/// Blocks that are read at a time.
const LOOKED_AT: u32 = 1_024;

/// The first and the last entry address that an organisation can have.
pub(super) fn places_of(organisation: OrganisationId) -> (EntryAddr, EntryAddr) {
    let next = BlockId(BlockId::new(organisation, u32::MAX).0 + 1);
    (
        BlockId::new(organisation, 0).entry(0),
        EntryAddr(next.entry(0).0 - 1),
    )
}

/// Caches the dialects of blocks.
#[derive(Default)]
pub(super) struct Dialects(HashMap<DialectId, &'static dyn Dialect>);

impl Dialects {
    /// The dialect with this number.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        number: DialectId,
    ) -> Result<&'static dyn Dialect, Fault> {
        if let Some(known) = self.0.get(&number) {
            return Ok(*known);
        }
        let name = dialect_name(connection, number)?;
        let dialect = dialects::find(&name);
        let unknown = || Fault::Damaged(format!("there are orders of the unknown dialect {name}"));
        let dialect = dialect.ok_or_else(unknown)?;
        self.0.insert(number, dialect);
        Ok(dialect)
    }
}

/// The orders of the person in some blocks, by any of their revisions. Also the block to continue with, or `None` at the end.
pub(super) fn find(
    connection: &Connection,
    person: &Person,
    blocks: Range<u32>,
) -> Result<(Vec<EntryAddr>, Option<u32>), Fault> {
    let block = |number| BlockId::new(person.organisation, number);
    let within = block(blocks.start)..block(blocks.end);
    let mut journal = Journal::new(connection);
    let mut dialects = Dialects::default();
    let (mut found, mut looked_at, mut next) = (Vec::new(), 0, None);
    emails_between(connection, within, (None, false), |id, emails| {
        for (ordinal, hash) in EmailHash::each(emails).enumerate() {
            if hash != person.hash {
                continue;
            }
            let addr = id.entry(ordinal);
            let entry_outcome = journal.entry_outcome(addr)?;
            if let Some(order) = entry_outcome.order(addr)
                && !journal.is_of_purged(addr, entry_outcome)?
            {
                let dialect = dialects.get(connection, journal.head(id)?.dialect)?;
                if is_of(person, dialect, journal.text(addr)?) {
                    found.push(order);
                }
            }
        }
        looked_at += 1;
        next = (looked_at == LOOKED_AT).then(|| id.number() + 1);
        Ok(next.is_none())
    })?;
    if let Some(customer) = person.customer {
        let looked_at = blocks.start..next.unwrap_or(blocks.end);
        found.extend(attached(
            connection,
            &mut journal,
            customer,
            (person, looked_at),
        )?);
    }
    Ok((found, next))
}

/// The orders that belong to a customer of the catalogue, whatever e-mail address they have.
fn attached(
    connection: &Connection,
    journal: &mut Journal<'_>,
    customer: u64,
    (person, blocks): (&Person, Range<u32>),
) -> Result<Vec<EntryAddr>, Fault> {
    let select = "select block from admissions where block >= ?1 and block < ?2 and organisation = ?1 >> 32 order by block";
    let mut select = connection.prepare_cached(select)?;
    let block = |number| BlockId::new(person.organisation, number).0;
    let mut rows = select.query((block(blocks.start), block(blocks.end)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = BlockId(row.get(0)?);
        for (ordinal, admission) in OfBlock::read(connection, id)?.all()? {
            let addr = id.entry(ordinal);
            if admission.customer == Some(customer)
                && journal.entry_outcome(addr)? != EntryOutcome::Purged
            {
                found.push(addr);
            }
        }
    }
    Ok(found)
}

/// Whether the person is the customer of a text. Another address may have the same hash.
fn is_of(person: &Person, dialect: &dyn Dialect, text: &str) -> bool {
    let order = StoredOrder::of_text(text);
    let address = dialect.email(&order);
    address.is_some_and(|address| email::is_same(&address, &person.address))
}

/// The result of scanning some blocks.
#[derive(Default)]
pub(super) struct Scanned {
    /// The blocks to rewrite: they have texts of the orders, or of refused entries with the person's hash.
    pub blocks: Vec<BlockId>,
    /// The entries of the orders, by batch and index in the batch.
    pub entries: BTreeMap<[u8; 16], BTreeSet<u32>>,
    /// The block to continue with. `None` at the end, if there was nothing to rewrite.
    pub next: Option<u32>,
}

/// Scans the blocks that have entries of some orders, beginning with block `from`.
pub(super) fn scan(
    connection: &Connection,
    person: &Person,
    orders: &HashSet<EntryAddr>,
    from: u32,
) -> Result<Scanned, Fault> {
    let block = |number| BlockId::new(person.organisation, number);
    let within = block(from)..block(u32::MAX).plus(1);
    let mut scanned = Scanned::default();
    let mut looked_at = 0;
    passed_between(connection, within, |passed| {
        let id = passed.id;
        let Some(batches) = passed.batches else {
            return Ok(true);
        };
        let batches = Batches::decode(batches)?;
        let indexes = block::decode_indexes(passed.indexes)?;
        let mut hashes = EmailHash::each(passed.emails.unwrap_or_default());
        let mut has_any = false;
        for (ordinal, entry_outcome) in entry_outcomes::decode(passed.slots)?
            .into_iter()
            .enumerate()
        {
            let has_hash = hashes.next() == Some(person.hash);
            let is_of_person = match entry_outcome.order(id.entry(ordinal)) {
                Some(order) => orders.contains(&order),
                None => has_hash,
            };
            if is_of_person {
                has_any = true;
                if let (Some(batch), Some(index)) = (batches.of(ordinal), indexes.get(ordinal)) {
                    let of_batch = scanned.entries.entry(batch.to_bytes()).or_default();
                    of_batch.insert(*index);
                }
            }
        }
        if has_any && passed.has_texts {
            scanned.blocks.push(id);
        }
        looked_at += 1;
        // Entries may be added while the blocks are rewritten: a processed order can still be amended.
        let goes_on = looked_at == LOOKED_AT || !scanned.blocks.is_empty();
        scanned.next = goes_on.then(|| id.number() + 1);
        Ok(looked_at < LOOKED_AT)
    })?;
    Ok(scanned)
}
