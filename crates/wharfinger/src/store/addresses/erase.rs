//! Removing erased addresses from runs.

use wharfinger_core::order::ids::OrganisationId;

use super::merge::BEFORE_ALL;
use super::{Entry, Run, Segment, read_entries, segment_after, segment_up_to, whole_runs};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::journal::rows;

/// Stale entries that are removed at a time.
const SWEPT_MAX: usize = 8_192;

/// How often addresses have been erased from blocks and runs.
pub(crate) fn times_erased(connection: &Connection) -> Result<i64, Fault> {
    let select =
        "select value from settings where name = 'emails_erased' and sound(settings.intact)";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_row((), |row| row.get(0))?)
}

/// Removes entries from an organisation's runs, in the transaction that removes them from its blocks.
///
/// It also invalidates runs whose sources were read before: the builder discards them.
pub(crate) fn take_out(
    connection: &Connection,
    organisation: OrganisationId,
    entries: &mut [Entry],
) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let update = "update settings set value = value + 1 where name = 'emails_erased' and sound(settings.intact)";
    connection.prepare_cached(update)?.execute(())?;
    entries.sort_unstable();
    for run in whole_runs(connection, organisation)? {
        let blocks = run.first_block..=run.last_block;
        let of_run = entries.iter().copied();
        let of_run = of_run.filter(|entry| blocks.contains(&entry.place.block().number()));
        take_out_of_run(connection, organisation, &run, &of_run.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Removes sorted entries from a run, segment by segment.
fn take_out_of_run(
    connection: &Connection,
    organisation: OrganisationId,
    run: &Run,
    entries: &[Entry],
) -> Result<(), Fault> {
    let mut taken = 0;
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let Some(part) = segment_up_to(connection, run.id, *first)? else {
            rest = &rest[1..];
            continue;
        };
        let (mut left, mut last) = (Vec::new(), *first);
        for entry in read_entries(organisation, &part.entries)? {
            if entries.binary_search(&entry).is_ok() {
                taken += 1;
            } else {
                left.push(entry);
            }
            last = last.max(entry);
        }
        replace(connection, run.id, &part, &left)?;
        rest = &rest[rest.partition_point(|entry| *entry <= last)..];
    }
    let update =
        "update email_runs set entries = entries - ?2 where id = ?1 and sound(email_runs.intact)";
    let mut update = connection.prepare_cached(update)?;
    update.execute((run.id, taken))?;
    Ok(())
}

/// Rewrites a segment. An empty segment is deleted.
fn replace(connection: &Connection, run: i64, part: &Segment, left: &[Entry]) -> Result<(), Fault> {
    let delete = "delete from email_parts where run = ?1 and first_hash = ?2 and first_place = ?3";
    let (hash, place) = (part.first.hash.0, part.first.place.0);
    let mut delete = connection.prepare_cached(delete)?;
    delete.execute((run, hash, place))?;
    let Some(first) = left.first() else {
        return Ok(());
    };
    let mut entries = Vec::with_capacity(part.entries.len());
    for entry in left {
        entry.write(&mut entries);
    }
    let insert = "insert into email_parts (organisation, run, first_hash, first_place, entries) \
                  values (?1, ?2, ?3, ?4, ?5)";
    let organisation = part.first.place.block().organisation().0;
    let mut insert = connection.prepare_cached(insert)?;
    insert.execute((organisation, run, first.hash.0, first.place.0, entries))?;
    Ok(())
}

/// Removes a hash from an organisation's runs where the blocks no longer have it, after a purge. Returns whether more may remain.
pub(crate) fn sweep(
    connection: &Connection,
    organisation: OrganisationId,
    hash: EmailHash,
) -> Result<bool, Fault> {
    let mut stale = Vec::new();
    for run in whole_runs(connection, organisation)? {
        let first = Entry {
            hash,
            place: BEFORE_ALL.place,
        };
        let mut part = match segment_up_to(connection, run.id, first)? {
            Some(part) => Some(part),
            None => segment_after(connection, run.id, first)?,
        };
        while let Some(current) = part.filter(|part| part.first.hash <= hash) {
            for entry in read_entries(organisation, &current.entries)? {
                if entry.hash == hash && !has(connection, entry.place, hash)? {
                    stale.push(entry);
                }
                if stale.len() == SWEPT_MAX {
                    take_out(connection, organisation, &mut stale)?;
                    return Ok(true);
                }
            }
            part = segment_after(connection, run.id, current.first)?;
        }
    }
    take_out(connection, organisation, &mut stale)?;
    Ok(false)
}

/// Whether an entry of a block still has a hash.
fn has(connection: &Connection, place: EntryAddr, hash: EmailHash) -> Result<bool, Fault> {
    let emails = rows::emails(connection, place.block())?.unwrap_or_default();
    Ok(EmailHash::each(&emails).nth(place.ordinal()) == Some(hash))
}

/// The unfinished runs of an organisation. They may contain entries that are no longer in the blocks.
pub(crate) fn unfinished(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Vec<i64>, Fault> {
    let select = "select id from email_runs where organisation = ?1 and case when sound(email_runs.intact) then not is_whole end";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_map([organisation.0], |row| row.get(0))?;
    Ok(found)
}
