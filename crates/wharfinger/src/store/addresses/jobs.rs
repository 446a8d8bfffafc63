//! The builder's jobs for the writer. Each checks again, under the lock of its organisation, that its assumptions hold: another
//! process may have built the same run, and an erasure, which locks the store, may have taken entries out.

use wharfinger_core::order::ids::OrganisationId;

use super::erase::times_erased;
use super::{Segment, covered, whole_runs};
use crate::store::engine::driver::OptionalExtension;
use crate::store::engine::fault::Fault;
use crate::store::write::txn::WriteTxn;

/// Segments that one job deletes, at most.
const DELETED_PARTS_MAX: i64 = 16;

/// A run that is being built.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its organisation.
    pub organisation: OrganisationId,
    /// The numbers of the first and the last block that it covers.
    pub first_block: u32,
    pub last_block: u32,
    pub tier: u32,
    /// The runs that are merged into it. Empty if it is built from blocks.
    pub replaces: Vec<i64>,
    /// How often addresses had been erased before its sources were read. An erasure since then makes them stale.
    pub erased: i64,
}

/// A slice of a run to be written.
pub(super) struct Slice {
    /// Its run.
    pub target: Target,
    /// The id of the run, once it has one.
    pub run: Option<i64>,
    /// The segments to add.
    pub parts: Vec<Segment>,
    /// The number of entries of the whole run, if this is its last slice.
    pub ends_with: Option<u64>,
}

/// Writes a slice. Returns the id of the run, or `None` if another process was faster or an erasure intervened.
pub(super) fn write(txn: &WriteTxn<'_>, slice: &Slice) -> Result<Option<i64>, Fault> {
    let target = &slice.target;
    if !still_holds(txn, target)? {
        return Ok(None);
    }
    let run = match slice.run {
        Some(run) if is_being_made(txn, run)? => run,
        Some(_) => return Ok(None),
        None => begin(txn, target)?,
    };
    let insert = "insert into email_parts (organisation, run, first_hash, first_place, entries) \
                  values (?1, ?2, ?3, ?4, ?5)";
    let organisation = target.organisation.0;
    let mut insert = txn.connection.prepare_cached(insert)?;
    for part in &slice.parts {
        let (hash, place) = (part.first.hash.0, part.first.place.0);
        insert.execute((organisation, run, hash, place, &part.entries))?;
    }
    if let Some(entries) = slice.ends_with {
        let replace =
            "update email_runs set is_whole = false where id = ?1 and sound(email_runs.intact)";
        let mut replace = txn.connection.prepare_cached(replace)?;
        for replaced in &target.replaces {
            replace.execute([replaced])?;
        }
        let end = "update email_runs set is_whole = true, entries = ?2 where id = ?1 and sound(email_runs.intact)";
        let mut end = txn.connection.prepare_cached(end)?;
        end.execute((run, entries.cast_signed()))?;
    }
    Ok(Some(run))
}

/// Whether a run can still be built: nothing was erased since its sources were read, and it follows the other runs or all of
/// its sources still exist.
fn still_holds(txn: &WriteTxn<'_>, target: &Target) -> Result<bool, Fault> {
    if times_erased(txn.connection)? != target.erased {
        return Ok(false);
    }
    let runs = whole_runs(txn.connection, target.organisation)?;
    if target.replaces.is_empty() {
        return Ok(covered(&runs) + 1 == target.first_block);
    }
    let mut replaced = target.replaces.iter();
    Ok(replaced.all(|id| runs.iter().any(|run| run.id == *id)))
}

fn is_being_made(txn: &WriteTxn<'_>, run: i64) -> Result<bool, Fault> {
    let select = "select 1 from email_runs where id = ?1 and not is_whole";
    Ok(txn.connection.prepare_cached(select)?.exists([run])?)
}

fn begin(txn: &WriteTxn<'_>, target: &Target) -> Result<i64, Fault> {
    let insert = "insert into email_runs (organisation, first_block, last_block, tier, entries, is_whole) \
                  values (?1, ?2, ?3, ?4, 0, false) returning id";
    let run = (
        target.organisation.0,
        target.first_block,
        target.last_block,
        target.tier,
    );
    let mut insert = txn.connection.prepare_cached(insert)?;
    Ok(insert.query_row(run, |row| row.get(0))?)
}

/// Whether a run has more to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Parts,
    Nothing,
}

/// Deletes some segments of an unfinished run, and the run itself after the last one.
pub(crate) fn delete(txn: &WriteTxn<'_>, run: i64) -> Result<Left, Fault> {
    let select = "select is_whole from email_runs where id = ?1 and sound(email_runs.intact)";
    let mut select = txn.connection.prepare_cached(select)?;
    let is_whole: Option<bool> = select.query_row([run], |row| row.get(0)).optional()?;
    if is_whole != Some(false) {
        return Ok(Left::Nothing);
    }
    let delete = "delete from email_parts where (run, first_hash, first_place) in \
                  (select run, first_hash, first_place from email_parts where run = ?1 limit ?2)";
    let mut delete = txn.connection.prepare_cached(delete)?;
    if i64::try_from(delete.execute((run, DELETED_PARTS_MAX))?) == Ok(DELETED_PARTS_MAX) {
        return Ok(Left::Parts);
    }
    let delete = "delete from email_runs where id = ?1";
    txn.connection.prepare_cached(delete)?.execute([run])?;
    Ok(Left::Nothing)
}

#[cfg(test)]
mod tests {
    use super::super::Entry;
    use super::super::erase::take_out;
    use super::*;
    use crate::store::engine::driver::Connection;
    use crate::store::engine::schema;
    use crate::store::format::email_hash::EmailHash;
    use crate::store::format::entry_addr::EntryAddr;
    use crate::store::stock::overlay::Kept;
    use crate::store::write::txn::Known;

    fn empty() -> Connection {
        schema::in_memory()
    }

    fn slice(target: &Target, run: Option<i64>, place: i64, ends_with: Option<u64>) -> Slice {
        let first = Entry {
            hash: EmailHash(1),
            place: EntryAddr(place),
        };
        Slice {
            target: target.clone(),
            run,
            parts: vec![Segment {
                first,
                entries: Vec::new(),
            }],
            ends_with,
        }
    }

    fn target(first_block: u32, last_block: u32, replaces: &[i64]) -> Target {
        Target {
            organisation: OrganisationId(1),
            first_block,
            last_block,
            tier: 0,
            replaces: replaces.to_vec(),
            erased: 0,
        }
    }

    fn parts(connection: &Connection) -> i64 {
        let select = "select count(*) from email_parts";
        let count = connection.query_row(select, (), |row| row.get(0));
        count.expect("they can be counted")
    }

    #[test]
    fn a_run_that_somebody_deleted_is_not_written_on() {
        let connection = empty();
        let txn = WriteTxn::new(&connection, Known::default(), Kept::default()).expect("it begins");
        let first = target(1, 2, &[]);
        let run = write(&txn, &slice(&first, None, 1, None)).expect("it is written");
        assert!(run.is_some());
        let left = delete(&txn, run.expect("it has an id")).expect("it is deleted");
        assert_eq!(left, Left::Nothing);
        let next = write(&txn, &slice(&first, run, 2, Some(2))).expect("it runs");
        assert_eq!((next, parts(&connection)), (None, 0));
    }

    #[test]
    fn a_run_that_somebody_made_is_made_once() {
        let connection = empty();
        let txn = WriteTxn::new(&connection, Known::default(), Kept::default()).expect("it begins");
        let first = target(1, 2, &[]);
        let slow = write(&txn, &slice(&first, None, 1, None)).expect("it is written");
        let fast = write(&txn, &slice(&first, None, 1, Some(1))).expect("it is written");
        assert_ne!(slow, fast);
        let last = write(&txn, &slice(&first, slow, 2, Some(2))).expect("it runs");
        assert_eq!(last, None);
        // A finished run is neither deleted nor extended.
        let fast = fast.expect("it has an id");
        assert_eq!(delete(&txn, fast).expect("it runs"), Left::Nothing);
        assert_eq!(parts(&connection), 2);
        let merged = target(1, 2, &[fast]);
        let on = write(&txn, &slice(&merged, Some(fast), 3, Some(3))).expect("it runs");
        assert_eq!(on, None);
        // A run that would leave a gap is not built, and a run that is gone is not merged.
        for beaten in [target(4, 5, &[]), target(1, 2, &[fast, 99])] {
            let beaten = write(&txn, &slice(&beaten, None, 1, Some(1))).expect("it runs");
            assert_eq!(beaten, None);
        }
        assert!(
            write(&txn, &slice(&merged, None, 1, Some(1)))
                .expect("it is written")
                .is_some()
        );
        let runs = whole_runs(&connection, OrganisationId(1)).expect("they can be read");
        assert_eq!(runs.len(), 1);
        assert_ne!(runs[0].id, fast);
    }

    #[test]
    fn what_was_read_before_an_erasure_is_not_made_into_a_run() {
        let connection = empty();
        let txn = WriteTxn::new(&connection, Known::default(), Kept::default()).expect("it begins");
        let first = target(1, 2, &[]);
        let run = write(&txn, &slice(&first, None, 1, None)).expect("it is written");
        assert!(run.is_some());
        let gone = Entry {
            hash: EmailHash(1),
            place: EntryAddr(1),
        };
        take_out(&connection, OrganisationId(1), &mut [gone]).expect("it is taken out");
        let next = write(&txn, &slice(&first, run, 2, Some(2))).expect("it runs");
        assert_eq!(next, None);
    }
}
