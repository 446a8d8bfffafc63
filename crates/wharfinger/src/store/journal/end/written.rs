//! Which organisations have blocks with a stamp greater than some.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use wharfinger_core::order::ids::OrganisationId;

use super::{Counters, counters_of, each_recent, recent_between, select};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::journal::read::last_stamp;

/// A row with a damaged stamp must not be passed over, so each checksum is checked.
static WRITTEN_AFTER: LazyLock<String> = LazyLock::new(|| {
    let order = "and stamp > ?1 order by organisation limit ?3";
    select("organisation >= ?2", order)
});

/// The greatest stamp of any block. 0 if there is none.
pub(crate) fn latest_stamp(connection: &Connection) -> Result<i64, Fault> {
    latest_stamp_up_to(connection, i64::MAX)
}

/// The greatest stamp of the latest block of any organisation that is not greater than `bound`. 0 if there is none.
pub(crate) fn latest_stamp_up_to(connection: &Connection, bound: i64) -> Result<i64, Fault> {
    let select = "select coalesce(max(stamp) filter (where counters.intact and stamp <= ?1), 0), \
                  count(*) filter (where not counters.intact) from counters";
    let (mut latest, damaged) = connection.query_row(select, [bound], |row| {
        Ok((row.get::<i64>(0)?, row.get::<i64>(1)?))
    })?;
    each_recent(connection, |_, counters| {
        if counters.stamp <= bound {
            latest = latest.max(counters.stamp);
        }
        Ok(())
    })?;
    if damaged > 0 {
        // A damaged row must not stop the writes of other organisations. The journal has its stamp too.
        let select = "select organisation from counters where not counters.intact";
        let mut select = connection.prepare_cached(select)?;
        for organisation in select.query_map((), |row| row.get(0).map(OrganisationId))? {
            let last = last_stamp(connection, organisation)?;
            if last <= bound {
                latest = latest.max(last);
            }
        }
    }
    Ok(latest)
}

/// The next organisations that have blocks with a stamp greater than some.
pub(crate) struct WrittenAfter {
    /// They and their counters, in ascending order.
    pub found: Vec<(OrganisationId, Counters)>,
    /// The organisation up to which they were searched. `None` if there are no more.
    pub last: Option<OrganisationId>,
}

/// The organisations that have blocks with a greater stamp than `stamp`, from `from` on. `limit` bounds how many rows are read.
pub(crate) fn written_after(
    connection: &Connection,
    stamp: i64,
    (from, limit): (OrganisationId, usize),
) -> Result<WrittenAfter, Fault> {
    let mut select = connection.prepare_cached(&WRITTEN_AFTER)?;
    let bound = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query((stamp, from.0, bound))?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (organisation, counters) = counters_of(&row)?;
        found.insert(organisation, counters);
    }
    let last = found.last_key_value().map(|(last, _)| *last);
    let last = last.filter(|_| found.len() >= limit);
    let end = last.map_or(u32::MAX, |last| last.0);
    recent_between(connection, [from.0, end], |organisation, counters| {
        if counters.stamp > stamp {
            found.insert(organisation, counters);
        }
        Ok(())
    })?;
    let found = Vec::from_iter(found);
    Ok(WrittenAfter { found, last })
}

/// The stamp of the latest block of each organisation that has blocks with a greater stamp than `stamp`. Some may come twice, the
/// greater stamp later.
pub(crate) fn stamps_after(
    connection: &Connection,
    stamp: i64,
) -> Result<Vec<(OrganisationId, i64)>, Fault> {
    // A damaged row is reported when it is read for its organisation. It must not stop the events of other organisations.
    let select = "select organisation, stamp from counters where stamp > ?1 and counters.intact";
    let mut select = connection.prepare_cached(select)?;
    let mut found = select.query_map([stamp], |row| {
        Ok((OrganisationId(row.get(0)?), row.get(1)?))
    })?;
    each_recent(connection, |organisation, counters| {
        if counters.stamp > stamp {
            found.push((organisation, counters.stamp));
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {

    use rusqlite::functions::FunctionFlags;

    use super::super::write_counters;
    use super::*;
    use crate::store::engine::{checksums, schema};
    use crate::store::format::id_map::IdMap;

    #[test]
    fn a_damaged_row_does_not_hide_the_latest_stamp() {
        let connection = schema::in_memory();
        assert_eq!(latest_stamp(&connection).ok(), Some(0));
        let counters = |stamp| Counters {
            stamp,
            ..Counters::START
        };
        let both = [
            (OrganisationId(1), counters(5)),
            (OrganisationId(2), counters(7)),
        ];
        write_counters(&connection, &IdMap::from_iter(both)).expect("written");
        assert_eq!(latest_stamp(&connection).ok(), Some(7));
        let insert = "insert into blocks (id, first_position, events, at_ms, latest_ms, dialect, epoch, stamp, checksum, \
                      slots, indexes, organisation) values ((2 << 32) + ?1, 1, 1, 0, 0, 1, 1, ?2, 0, x'', x'', 2)";
        for (number, stamp) in [(1, 4), (2, 7)] {
            connection
                .execute(insert, (number, stamp))
                .expect("valid SQL");
        }
        let sqlite = connection.sqlite().expect("it is in memory");
        let wrong = |_: &rusqlite::functions::Context<'_>| Ok(0_i64);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        let made = sqlite.create_scalar_function("checksum_of", -1, flags, wrong);
        made.expect("functions can be registered");
        let damage = "update counters set stamp = 1000 where organisation = 2";
        connection.execute(damage, ()).expect("valid SQL");
        checksums::register(sqlite).expect("functions can be registered");
        assert_eq!(latest_stamp(&connection).ok(), Some(7));
    }
}
