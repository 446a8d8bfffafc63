//! Reading the outcomes of orders over time.

use wharfinger_core::order::outcome::Counts;

use super::ALL;
use super::deltas::{Entry, unlisted};
use super::shown::{Shown, each_log_row, each_row};
use super::steps::covering;
use crate::store::Store;
use crate::store::api::{OutcomeSums, ReadOutcomes, StoreError};
use crate::store::engine::driver::{Connection, Row};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::journal::dialects::find_dialect;
use crate::store::receipts::extents::{read_organisation, stored_organisation};

impl Store {
    /// How many orders had which outcome, for each step of a time.
    pub async fn outcomes(&self, request: ReadOutcomes) -> Result<OutcomeSums, StoreError> {
        let read = move |connection: &Connection| outcomes(connection, &request);
        self.readers.read(read).await
    }
}

/// The counts in a row, which follow its four other columns.
fn counts_of(row: &Row<'_>) -> Result<Counts, Fault> {
    let mut counts = [0; 5];
    for (column, count) in (4..).zip(&mut counts) {
        *count = row.get::<i64>(column)?.cast_unsigned();
    }
    Ok(unlisted(counts))
}

fn outcomes(connection: &Connection, request: &ReadOutcomes) -> Result<OutcomeSums, Fault> {
    let step = request.step;
    let first_ms = step.floor(request.from_ms);
    let place = |at_ms: i64| {
        let at = at_ms.saturating_sub(first_ms).div_euclid(step.length_ms());
        usize::try_from(at).unwrap_or(usize::MAX)
    };
    let time = request.from_ms..request.to_ms;
    let mut sums = OutcomeSums {
        steps: vec![Counts::default(); place(step.ceiling(request.to_ms))],
        totals: Counts::default(),
    };
    let mut only = None;
    if let Some(name) = &request.dialect {
        only = find_dialect(connection, name)?;
        if only.is_none() {
            // It has not been used yet.
            return Ok(sums);
        }
    }
    let is_wanted = |dialect: DialectId| only.is_none_or(|only| only == dialect);
    let mut count = |at_ms: i64, counts: Counts| {
        if let Some(step) = sums.steps.get_mut(place(at_ms)) {
            *step += counts;
        }
    };
    let shown = Shown::new(&request.visible, request.organisation);
    let nobody = i64::from(stored_organisation(None));
    let looked_up = if shown.has_all() {
        Some(vec![ALL, nobody])
    } else {
        shown.looked_up()
    };
    let columns =
        "at_ms, organisation, dialect, key_id, accepted, updated, unchanged, rejected, withheld";
    for (length, begins) in covering([request.from_ms, request.to_ms], step) {
        let steps = (length, begins.as_slice());
        each_row(
            connection,
            ("stats", columns),
            steps,
            looked_up.as_deref(),
            |row| {
                let organisation = row.get::<i64>(1)?;
                let is_shown = match u32::try_from(organisation) {
                    Ok(organisation) => {
                        shown.has(read_organisation(organisation), &row.get::<String>(3)?)
                    }
                    Err(_) => shown.has_all(),
                };
                if is_shown && is_wanted(row.get(2)?) {
                    count(row.get(0)?, counts_of(row)?);
                }
                Ok(())
            },
        )?;
    }
    each_log_row(connection, |row| {
        Ok(row.each(|at, organisation, entry| {
            if let Entry::Outcomes(counts) = entry
                && time.contains(&at.minute_ms)
                && is_wanted(at.dialect)
                && shown.has(organisation, &row.key_id)
            {
                count(at.minute_ms, counts);
            }
        })?)
    })?;
    sums.totals = sums.steps.iter().copied().sum();
    Ok(sums)
}
