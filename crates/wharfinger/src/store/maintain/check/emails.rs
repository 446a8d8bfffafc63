//! Checks the e-mail index against the blocks that it was built from.

use wharfinger_core::order::ids::OrganisationId;
use xxhash_rust::xxh3::xxh3_64;

use super::Check;
use crate::store::addresses::{Entry, Run, entries_of, read_entries, whole_runs};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::end::read_counters;
use crate::store::journal::rows::checked_emails_between;
use crate::store::journal::{self, entry_outcomes};

/// Checks that each run has exactly the entries of its blocks, and that runs cover each block once.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let connection = check.connection;
    let select =
        "select distinct organisation from email_runs where is_whole order by organisation";
    let mut select = connection.prepare_cached(select)?;
    let organisations = select.query_map((), |row| row.get(0).map(OrganisationId))?;
    for organisation in organisations {
        let mut next = 1;
        for run in whole_runs(connection, organisation)? {
            let whose = organisation.0;
            let is_next = run.first_block == next && run.last_block >= next;
            check.expect(is_next, || {
                let (first, last) = (run.first_block, run.last_block);
                format!("e-mail index of organisation {whose}: a run covers blocks {first} to {last}, but the next block is {next}")
            });
            next = run.last_block.saturating_add(1);
            let part = one_run(check, organisation, &run);
            check.survive(part, &format!("run {} of the e-mail index", run.id))?;
        }
        let last = read_counters(connection, organisation)?.block - 1;
        check.expect(next - 1 <= last, || {
            let whose = organisation.0;
            format!("e-mail index of organisation {whose}: runs cover more than its {last} blocks")
        });
    }
    let select = "select count(*) from email_parts where not exists (select 1 from email_runs where email_runs.organisation = email_parts.organisation and id = run)";
    let lost: i64 = connection.query_row(select, (), |row| row.get(0))?;
    check.expect(lost == 0, || {
        format!("{lost} parts of e-mail indexes belong to no run")
    });
    Ok(())
}

fn one_run(check: &mut Check<'_>, organisation: OrganisationId, run: &Run) -> Result<(), Fault> {
    let connection = check.connection;
    let expected = in_blocks(connection, organisation, run)?;
    let start = BlockId::new(
        organisation,
        journal::start::start(connection, organisation)?.block,
    );
    let (mut found, mut all) = (Sum::default(), 0);
    let mut last = None;
    let mut is_sorted = true;
    let select = "select first_hash, first_place, entries from email_parts where run = ?1 \
                  order by first_hash, first_place";
    let mut select = connection.prepare_cached(select)?;
    let mut parts = select.query_lazily([run.id])?;
    while let Some(part) = parts.next()? {
        let (hash, place): (i64, i64) = (part.get(0)?, part.get(1)?);
        let blob = part.blob(2)?;
        let entries = read_entries(organisation, blob)?;
        for (at, entry) in entries.enumerate() {
            let begins = at > 0 || (entry.hash.0, entry.place) == (hash, EntryAddr(place));
            is_sorted &= begins && last < Some(entry);
            last = Some(entry);
            all += 1;
            // A run may still have entries that were purged.
            let block = entry.place.block();
            let purged = check.purged.get(&block);
            let is_purged = purged.is_some_and(|purged| purged.contains(entry.place.ordinal()));
            if block >= start && !is_purged {
                found.add(entry);
            }
        }
    }
    let id = run.id;
    check.expect(is_sorted, || {
        format!("run {id} of the e-mail index is not in order")
    });
    check.expect(found == expected && all == run.entries, || {
        let (has, should) = (found.entries, expected.entries);
        format!("run {id} of the e-mail index does not match its blocks: it has {has} entries, expected {should}")
    });
    Ok(())
}

/// The sum of the entries that a run should have.
fn in_blocks(
    connection: &Connection,
    organisation: OrganisationId,
    run: &Run,
) -> Result<Sum, Fault> {
    let mut sum = Sum::default();
    let block = |number| BlockId::new(organisation, number);
    let blocks = block(run.first_block)..block(run.last_block).plus(1);
    checked_emails_between(connection, blocks, |id, slots, emails| {
        let entry_outcomes = entry_outcomes::decode(slots)?;
        for entry in entries_of(id, &entry_outcomes, emails) {
            sum.add(entry);
        }
        Ok(true)
    })?;
    Ok(sum)
}

/// A sum over entries that does not depend on their order.
#[derive(Default, PartialEq, Eq)]
struct Sum {
    entries: u64,
    hashes: u64,
}

impl Sum {
    fn add(&mut self, entry: Entry) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&entry.hash.to_bytes());
        bytes[8..].copy_from_slice(&entry.place.0.to_le_bytes());
        self.entries += 1;
        self.hashes = self.hashes.wrapping_add(xxh3_64(&bytes));
    }
}
