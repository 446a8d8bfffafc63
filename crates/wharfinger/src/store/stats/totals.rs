//! Totals of the sums and of the log, by which a check compares them with the receipts.

use std::collections::BTreeMap;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::Counts;

use super::ALL;
use super::deltas::{Entry, LogRow, unlisted};
use crate::store::api::Step;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::receipts::extents::read_organisation;

/// Outcomes by organisation (`None`: not known) and dialect.
pub(crate) type Totals = BTreeMap<(Option<OrganisationId>, DialectId), Counts>;

/// The totals of all steps of a length that begin at a time or later.
pub(crate) struct Summed {
    /// Of each organisation.
    pub each: Totals,
    /// Of all known organisations, by dialect, as the table has them.
    pub together: Totals,
}

/// What the log has that is not in the sums yet.
pub(crate) fn logged(connection: &Connection) -> Result<Totals, Fault> {
    let select = "select key_id, changes from stats_log where sound(stats_log.intact) order by id";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(())?;
    let mut totals = Totals::new();
    while let Some(row) = rows.next()? {
        LogRow::read(&row, 0)?.each(|at, organisation, entry| {
            if let Entry::Outcomes(counts) = entry {
                *totals.entry((organisation, at.dialect)).or_default() += counts;
            }
        })?;
    }
    Ok(totals)
}

/// When the first sum of a length begins. `None` if there is none.
pub(crate) fn first_ms(connection: &Connection, step: Step) -> Result<Option<i64>, Fault> {
    let select = "select min(at_ms) from stats where step = ?1";
    Ok(connection.query_row(select, [step.number()], |row| row.get(0))?)
}

/// The totals of the sums.
pub(crate) fn summed(connection: &Connection, step: Step, from_ms: i64) -> Result<Summed, Fault> {
    let sum = |name| format!("cast(sum({name}) as bigint)");
    let sums = ["accepted", "updated", "unchanged", "rejected", "withheld"].map(sum);
    let select = format!(
        "select organisation, dialect, {} from stats where step = ?1 and at_ms >= ?2 group by organisation, dialect",
        sums.join(", ")
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query((step.number(), from_ms))?;
    let mut summed = Summed {
        each: Totals::new(),
        together: Totals::new(),
    };
    while let Some(row) = rows.next()? {
        let (organisation, dialect): (i64, DialectId) = (row.get(0)?, row.get(1)?);
        let mut counts = [0; 5];
        for (count, column) in counts.iter_mut().zip(2..) {
            *count = row.get::<i64>(column)?.cast_unsigned();
        }
        let counts = unlisted(counts);
        match u32::try_from(organisation) {
            Ok(stored) => {
                let key = (read_organisation(stored), dialect);
                *summed.each.entry(key).or_default() += counts;
            }
            Err(_) if organisation == ALL => {
                *summed.together.entry((None, dialect)).or_default() += counts;
            }
            Err(_) => {
                let why = format!("there are statistics of an organisation {organisation}");
                return Err(Fault::Damaged(why));
            }
        }
    }
    Ok(summed)
}
