//! Checks that what is kept of destinations can be read, and belongs to one.

use uuid::Uuid;

use super::Check;
use crate::store::directory::destinations::rows;
use crate::store::engine::fault::Fault;

/// The tables of what is kept of a destination, each with the column that names it.
const OF_DESTINATIONS: [(&str, &str); 3] = [
    ("destination_progress", "id"),
    ("parked_orders", "destination"),
    ("delivery_attempts", "destination"),
];

/// Checks every destination.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    let mut select = check
        .connection
        .prepare_cached("select id from destinations order by id")?;
    for id in select.query_map((), |row| row.get(0).map(Uuid::from_bytes))? {
        let part = readable(check, id);
        check.survive(part, &format!("destination {id}"))?;
    }
    for (table, column) in OF_DESTINATIONS {
        let select = format!(
            "select count(*) from {table} where not exists (select 1 from destinations where destinations.id = {table}.{column})"
        );
        let lost: i64 = check.connection.query_row(&select, (), |row| row.get(0))?;
        check.expect(lost == 0, || {
            format!("{lost} rows of table {table} belong to no destination")
        });
    }
    Ok(())
}

fn readable(check: &mut Check<'_>, id: Uuid) -> Result<(), Fault> {
    let connection = check.connection;
    rows::find(connection, id)?;
    let progress = rows::progress(connection, id)?;
    check.expect(progress.is_some(), || {
        format!("destination {id} has lost how far it is")
    });
    for parked in rows::parked(connection, id)? {
        let positions = &parked.positions;
        let is_sound = !positions.is_empty() && positions.is_sorted_by(|left, right| left < right);
        check.expect(is_sound, || {
            let of = parked.organisation.0;
            format!("destination {id}: a parked order key of organisation {of} has wrong positions")
        });
    }
    Ok(())
}
