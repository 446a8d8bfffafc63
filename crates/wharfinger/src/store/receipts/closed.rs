//! The table of closed rejections: rejected orders that were mended or dismissed. All others are open.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};

use super::extents::{read_organisation, stored_organisation};
use crate::store::api::{Closed, Dismissed, MendedBy, Visible};
use crate::store::engine::driver::{Connection, Insert, Row, ToValue, Value};
use crate::store::engine::fault::Fault;

const MENDED: i64 = 1;
const DISMISSED: i64 = 2;

/// Rows that a search for a person reads at once.
const SLICE_ROWS: usize = 1_024;

static INSERT: Insert<10> = Insert::new(
    "closed_rejections",
    [
        ("batch", "bytea"),
        ("organisation", "bigint"),
        ("place", "bigint"),
        ("state", "bigint"),
        ("at_ms", "bigint"),
        ("key_id", "text"),
        ("note", "text"),
        ("mended_batch", "bytea"),
        ("mended_order", "bytea"),
        ("mended_in", "bigint"),
    ],
    "on conflict (batch, organisation, place) do update set state = excluded.state, at_ms = excluded.at_ms, \
     key_id = excluded.key_id, note = excluded.note, mended_batch = excluded.mended_batch, \
     mended_order = excluded.mended_order, mended_in = excluded.mended_in",
);

/// A rejected order in its batch: the organisation, if known, and the position.
pub(crate) type PlaceInBatch = (Option<OrganisationId>, u32);

/// Why a rejected order is closed, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClosedRow {
    /// It was mended by an order of this organisation.
    Mended(MendedBy, OrganisationId),
    /// It was dismissed.
    Dismissed(Dismissed),
}

impl ClosedRow {
    /// What a caller may see of it. `sender` is the key that sent the rejected order.
    pub(crate) fn seen(&self, visible: &Visible, sender: &str) -> Closed {
        match self {
            Self::Mended(by, organisation) => {
                let is_seen = visible.shows(Some(*organisation), sender);
                Closed::Mended(is_seen.then_some(*by))
            }
            Self::Dismissed(dismissed) => Closed::Dismissed(dismissed.clone()),
        }
    }
}

/// The closed rejections of a batch.
pub(crate) type ClosedOfBatch = BTreeMap<PlaceInBatch, ClosedRow>;

/// Closes rejected orders of a batch: now, by this key. Replaces an earlier dismissal.
pub(crate) fn write<'r>(
    connection: &Connection,
    batch: BatchId,
    (at_ms, key_id): (i64, &str),
    rows: impl IntoIterator<Item = (PlaceInBatch, &'r ClosedRow)>,
) -> Result<(), Fault> {
    let batch = batch.to_bytes();
    let ids = |row: &ClosedRow| match row {
        ClosedRow::Mended(by, _) => Some((by.batch.to_bytes(), by.order.to_bytes())),
        ClosedRow::Dismissed(_) => None,
    };
    let rows = Vec::from_iter(rows.into_iter().map(|(place, row)| (place, row, ids(row))));
    let values = rows.iter().map(|((organisation, place), row, ids)| {
        let (state, note, mended_in) = match row {
            ClosedRow::Mended(_, mended_in) => (MENDED, None, Some(mended_in.0)),
            ClosedRow::Dismissed(dismissed) => (DISMISSED, dismissed.note.as_deref(), None),
        };
        [
            batch.to_value(),
            Value::Integer(stored_organisation(*organisation).into()),
            place.to_value(),
            Value::Integer(state),
            Value::Integer(at_ms),
            key_id.to_value(),
            note.map_or(Value::Null, Value::Text),
            ids.as_ref()
                .map_or(Value::Null, |(batch, _)| batch.to_value()),
            ids.as_ref()
                .map_or(Value::Null, |(_, order)| order.to_value()),
            mended_in.map_or(Value::Null, |id| Value::Integer(id.into())),
        ]
    });
    Ok(connection.insert_all(&INSERT, values)?)
}

/// Selects closed rejections, with the columns that [`read`] reads.
const SELECT: &str = "select batch, organisation, place, state, at_ms, key_id, note, mended_batch, mended_order, mended_in \
                      from closed_rejections";

/// The closed rejections of a batch.
pub(crate) fn of_batch(connection: &Connection, batch: BatchId) -> Result<ClosedOfBatch, Fault> {
    let select = format!("{SELECT} where batch = ?1 and sound(closed_rejections.intact)");
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query([batch.to_bytes()])?;
    let mut found = ClosedOfBatch::new();
    while let Some(row) = rows.next()? {
        let (_, place, row) = read(&row)?;
        found.insert(place, row);
    }
    Ok(found)
}

/// The closed rejections of several batches. On PostgreSQL in one statement, which saves round trips.
pub(crate) fn of_batches(
    connection: &Connection,
    batches: &[BatchId],
) -> Result<HashMap<BatchId, ClosedOfBatch>, Fault> {
    let mut found = HashMap::<BatchId, ClosedOfBatch>::new();
    let Some(session) = connection.postgres() else {
        for batch in batches {
            found.insert(*batch, of_batch(connection, *batch)?);
        }
        return Ok(found);
    };
    let ids = Vec::from_iter(batches.iter().map(|batch| batch.to_bytes().to_vec()));
    let select =
        format!("{SELECT} where batch = any(?1::bytea[]) and sound(closed_rejections.intact)");
    for row in &session.prepare(&select)?.query_arrays(&[&ids])? {
        let (batch, place, row) = read(&Row::Postgres(row))?;
        found.entry(batch).or_default().insert(place, row);
    }
    Ok(found)
}

/// How many orders of a batch were mended, per organisation.
type Mended = Vec<(Option<OrganisationId>, u64)>;

/// How many orders of each batch were mended, per organisation.
pub(crate) fn count_mended(
    connection: &Connection,
    batches: &[BatchId],
) -> Result<HashMap<BatchId, Mended>, Fault> {
    let mut counts = HashMap::<_, Vec<_>>::new();
    let mut note = |row: &Row<'_>| -> Result<(), Fault> {
        let batch = BatchId::from_bytes(row.get(0)?);
        let count = row.get::<i64>(2)?.cast_unsigned();
        let of_batch = counts.entry(batch).or_default();
        of_batch.push((read_organisation(row.get(1)?), count));
        Ok(())
    };
    let select = |batches: &str| {
        format!(
            "select batch, organisation, count(*) from closed_rejections where batch {batches} \
             and case when sound(closed_rejections.intact) then state = {MENDED} end group by batch, organisation"
        )
    };
    if let Some(session) = connection.postgres() {
        let ids = Vec::from_iter(batches.iter().map(|batch| batch.to_bytes().to_vec()));
        let select = session.prepare(&select("= any(?1::bytea[])"))?;
        for row in &select.query_arrays(&[&ids])? {
            note(&Row::Postgres(row))?;
        }
    } else {
        let mut select = connection.prepare_cached(&select("= ?1"))?;
        for batch in batches {
            let mut rows = select.query([batch.to_bytes()])?;
            while let Some(row) = rows.next()? {
                note(&row)?;
            }
        }
    }
    Ok(counts)
}

fn read(row: &Row<'_>) -> Result<(BatchId, PlaceInBatch, ClosedRow), Fault> {
    let place = (read_organisation(row.get(1)?), row.get(2)?);
    let closed = match row.get::<i64>(3)? {
        MENDED => ClosedRow::Mended(
            MendedBy {
                batch: BatchId::from_bytes(row.get(7)?),
                order: OrderId::from_bytes(row.get(8)?),
            },
            OrganisationId(row.get(9)?),
        ),
        DISMISSED => ClosedRow::Dismissed(Dismissed {
            at_ms: row.get(4)?,
            key_id: row.get(5)?,
            note: row.get(6)?,
        }),
        state => {
            return Err(Fault::Damaged(format!(
                "a rejected order has the unknown state {state}"
            )));
        }
    };
    Ok((BatchId::from_bytes(row.get(0)?), place, closed))
}

/// A row with a note: the batch, the organisation as stored, and the position.
pub(crate) type NoteAt = ([u8; 16], u32, u32);

/// Searches some notes after this row for mentions of a person. Notes of orders without a known organisation are searched too.
/// Returns the rows that mention the person, and where to continue.
pub(crate) fn find_notes(
    connection: &Connection,
    organisation: OrganisationId,
    is_of_person: impl Fn(&str) -> bool,
    after: Option<NoteAt>,
) -> Result<(Vec<NoteAt>, Option<NoteAt>), Fault> {
    let (batch, whose, place) = after.unwrap_or_default();
    let select = "select batch, organisation, place, note from closed_rejections \
                  where note is not null and (batch, organisation, place) > (?1, ?2, ?3) and sound(closed_rejections.intact) \
                  order by batch, organisation, place limit ?4";
    let mut select = connection.prepare_cached(select)?;
    let limit = i64::try_from(SLICE_ROWS).unwrap_or(i64::MAX);
    let mut rows = select.query((batch, whose, place, limit))?;
    let (mut found, mut last, mut looked_at) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let at: NoteAt = (row.get(0)?, row.get(1)?, row.get(2)?);
        last = Some(at);
        let note: String = row.get(3)?;
        let may_concern = at.1 == 0 || at.1 == organisation.0;
        if may_concern && is_of_person(&note) {
            found.push(at);
        }
    }
    Ok((found, last.filter(|_| looked_at == SLICE_ROWS)))
}

/// Removes notes.
pub(crate) fn erase_notes(connection: &Connection, notes: &[NoteAt]) -> Result<(), Fault> {
    let update = "update closed_rejections set note = null where batch = ?1 and organisation = ?2 and place = ?3";
    let mut update = connection.prepare_cached(update)?;
    for at in notes {
        update.execute(*at)?;
    }
    Ok(())
}

/// Removes the notes of some orders of a batch.
pub(crate) fn erase_notes_of(
    connection: &Connection,
    batch: [u8; 16],
    places: &BTreeSet<u32>,
) -> Result<(), Fault> {
    let update = "update closed_rejections set note = null where batch = ?1 and place = ?2 and note is not null";
    let mut update = connection.prepare_cached(update)?;
    for place in places {
        update.execute((batch, *place))?;
    }
    Ok(())
}
