//! The table of orders that were not taken.

use rusqlite::{Connection, params};
use wharfinger_core::ids::BatchId;

use super::fault::Fault;
use super::shares::{read_organisation, stored_organisation};
use crate::store::Recorded;
use crate::store::rejected::{self, Kind, Part};

/// Writes the parts of a batch.
pub(super) fn write<'p>(
    connection: &Connection,
    batch: BatchId,
    parts: impl Iterator<Item = &'p Part>,
) -> Result<(), Fault> {
    let insert = "insert into rejections (batch, organisation, part, is_withheld, first_index, last_index, orders) \
                  values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    for (at, part) in (0_i64..).zip(parts) {
        connection.prepare_cached(insert)?.execute(params![
            batch.to_bytes(),
            stored_organisation(part.organisation),
            at,
            part.kind == Kind::Withheld,
            part.first_index,
            part.last_index,
            part.packed,
        ])?;
    }
    Ok(())
}

/// All orders of a batch that were not taken.
pub(super) fn read_all(connection: &Connection, batch: BatchId) -> Result<Vec<Recorded>, Fault> {
    let select = "select organisation, is_withheld, orders from rejections where batch = ?1";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([batch.to_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let organisation = read_organisation(row.get(0)?);
        let orders = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        found.extend(rejected::read(organisation, kind(row.get(1)?), orders)?);
    }
    Ok(found)
}

fn kind(is_withheld: bool) -> Kind {
    if is_withheld {
        Kind::Withheld
    } else {
        Kind::Rejected
    }
}
