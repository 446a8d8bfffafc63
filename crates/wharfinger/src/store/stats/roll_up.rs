//! Adding the log to the sums, and deleting sums that have become old.

use super::deltas::LogRow;
use super::sums::Sums;
use crate::store::api::Step;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;

/// Rows of the log that are added at once, at most.
const LOG_ROWS_MAX: usize = 4_096;
/// Sums that are written at once for each step, about. That takes some tens of milliseconds.
const SUMS_MAX: usize = 4_096;
/// How long sums are kept after the time from which nobody can ask for them.
const GRACE_MS: i64 = 24 * 3_600_000;

/// Adds some rows of the log to the sums, and deletes them. Returns whether there may be more.
pub(crate) fn roll_up(connection: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let select = "select id, key_id, changes from stats_log where sound(stats_log.intact) order by id limit ?1";
    let mut sums = Sums::default();
    let mut ids = Vec::new();
    {
        let mut select = connection.prepare_cached(select)?;
        let mut rows = select.query_lazily([i64::try_from(LOG_ROWS_MAX).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            ids.push(row.get::<i64>(0)?);
            sums.add(&LogRow::read(&row, 1)?)?;
            if sums.len() >= SUMS_MAX {
                break;
            }
        }
    }
    if ids.is_empty() {
        return Ok(false);
    }
    let has_more = ids.len() == LOG_ROWS_MAX || sums.len() >= SUMS_MAX;
    sums.write(connection, now_ms)?;
    delete(connection, &ids)?;
    Ok(has_more)
}

/// Deletes the rows that were added, and no others: another transaction may have added one with a lower id.
fn delete(connection: &Connection, ids: &[i64]) -> Result<(), Fault> {
    if let Some(session) = connection.postgres() {
        let delete = "delete from stats_log where id = any(?1::bigint[])";
        session.prepare(delete)?.execute_arrays(&[&ids])?;
        return Ok(());
    }
    let mut delete = connection.prepare_cached("delete from stats_log where id = ?1")?;
    for id in ids {
        delete.execute([id])?;
    }
    Ok(())
}

/// Deletes the oldest minutes and hours, if they are no longer kept. Returns whether there may be more.
pub(crate) fn expire(connection: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let mut has_more = false;
    for step in Step::ALL {
        let Some(kept_ms) = step.kept_ms() else {
            continue;
        };
        let before_ms = now_ms - kept_ms - GRACE_MS;
        for table in ["stats", "error_causes"] {
            let select = format!(
                "select at_ms from {table} where step = ?1 and sound({table}.intact) order by at_ms limit 1"
            );
            let mut select = connection.prepare_cached(&select)?;
            let first: Option<i64> = select
                .query_row([step.number()], |row| row.get(0))
                .optional()?;
            if let Some(first) = first.filter(|first| *first < before_ms) {
                let delete = format!("delete from {table} where step = ?1 and at_ms = ?2");
                connection.execute(&delete, (step.number(), first))?;
                has_more = true;
            }
        }
    }
    Ok(has_more)
}

#[cfg(test)]
mod tests {
    use wharfinger_core::order::ids::OrganisationId;
    use wharfinger_core::order::outcome::Counts;

    use super::*;
    use crate::store::engine::schema;
    use crate::store::format::dialect_id::DialectId;
    use crate::store::stats::{Deltas, OfBatch};

    #[test]
    fn old_minutes_and_hours_are_deleted_and_days_stay() {
        let connection = schema::in_memory();
        let day_ms = Step::Day.length_ms();
        let now_ms = 20_000 * day_ms;
        let mut deltas = Deltas::default();
        for minute in 0..3 {
            let of = OfBatch {
                key_id: "key",
                dialect: DialectId(1),
                received_at_ms: now_ms + minute * Step::Minute.length_ms(),
            };
            let counts = Counts {
                accepted: 2,
                ..Counts::default()
            };
            deltas.count(of, [(Some(OrganisationId(7)), counts)].into_iter());
        }
        deltas.write(&connection).expect("it is written");
        assert!(!roll_up(&connection, now_ms).expect("it is rolled up"));
        let rows = || {
            Step::ALL.map(|step| {
                let select = "select count(*), sum(accepted) from stats where step = ?1 and organisation = 7";
                let counted = connection.query_row(select, [step.number()], |row| {
                    Ok((row.get::<i64>(0)?, row.get::<Option<i64>>(1)?))
                });
                counted.expect("they can be counted")
            })
        };
        let (minutes, long) = ((3, Some(6)), (1, Some(6)));
        for (days, expected) in [
            (7, [minutes, long, long]),
            (9, [(0, None), long, long]),
            (402, [(0, None), (0, None), long]),
            (10_000, [(0, None), (0, None), long]),
        ] {
            while expire(&connection, now_ms + days * day_ms).expect("it runs") {}
            assert_eq!(rows(), expected, "{days}");
        }
    }
}
