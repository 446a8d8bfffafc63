//! The rows of destinations.

use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::packed;
use crate::store::api::{
    DeliveryOrder, Destination, DestinationState, EventKind, FeedCursor, Parked, Progress,
};
use crate::store::engine::driver::{Connection, OptionalExtension, Row, params};
use crate::store::engine::fault::Fault;

/// The columns of a definition, in the order in which [`read`] reads them.
const COLUMNS: &str = "id, created_by, created_at_ms, organisations, kinds, form, delivery_order, max_events, max_wait_ms, parallel, \
    timeout_s, settings, secrets, state, state_since_ms, reason, begins, begins_ms, version, replays";

/// The definition with this id.
pub(crate) fn find(connection: &Connection, id: Uuid) -> Result<Option<Destination>, Fault> {
    let select =
        format!("select {COLUMNS} from destinations where id = ?1 and sound(destinations.intact)");
    let mut select = connection.prepare_cached(&select)?;
    let found = select.query_row([id.into_bytes()], |row| Ok(read(row)));
    found.optional()?.transpose()
}

/// All definitions, in the order of their creation. Damaged ones are left out, and reported in the log.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Destination>, Fault> {
    let select = format!(
        "select {COLUMNS}, destinations.intact from destinations order by created_at_ms, id"
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query(())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get(20)? {
            found.push(read(&row)?);
        } else {
            let id = Uuid::from_bytes(row.get(0)?);
            tracing::error!(%id, "The checksum of a destination is wrong; nothing is delivered to it.");
        }
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Destination, Fault> {
    let organisations: Option<String> = row.get(3)?;
    let reach = match organisations {
        None => OrgAccess::All,
        Some(list) => {
            let ids: Vec<u32> = json(&list)?;
            OrgAccess::Only(ids.into_iter().map(OrganisationId).collect())
        }
    };
    let kinds: Option<String> = row.get(4)?;
    let kinds = kinds.map(|kinds| kinds_of(&kinds)).transpose()?;
    Ok(Destination {
        id: Uuid::from_bytes(row.get(0)?),
        created_by: row.get(1)?,
        created_at_ms: row.get(2)?,
        reach,
        kinds,
        form: row.get(5)?,
        order: DeliveryOrder::named(&row.get::<String>(6)?).ok_or_else(unreadable)?,
        max_events: row.get(7)?,
        max_wait_ms: row.get(8)?,
        parallel: row.get(9)?,
        timeout_s: row.get(10)?,
        settings: row.get(11)?,
        secrets: json(&row.get::<String>(12)?)?,
        state: DestinationState::named(&row.get::<String>(13)?).ok_or_else(unreadable)?,
        state_since_ms: row.get(14)?,
        reason: row.get(15)?,
        begins: cursor(row, 16)?,
        begins_ms: row.get(17)?,
        version: row.get(18)?,
        replays: row.get(19)?,
    })
}

fn unreadable() -> Fault {
    Fault::Damaged("the definition of a destination cannot be read".into())
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|_| unreadable())
}

fn kinds_of(list: &str) -> Result<Vec<EventKind>, Fault> {
    let names: Vec<String> = json(list)?;
    let kinds = names.iter().map(|name| EventKind::named(name));
    kinds.collect::<Option<_>>().ok_or_else(unreadable)
}

fn cursor(row: &Row<'_>, column: usize) -> Result<Option<FeedCursor>, Fault> {
    let Some(bytes) = row.blob_or_null(column)? else {
        return Ok(None);
    };
    FeedCursor::decode(bytes).map(Some).ok_or_else(unreadable)
}

/// Stores a new definition, or replaces that with the same id.
pub(crate) fn write(connection: &Connection, of: &Destination) -> Result<(), Fault> {
    let organisations = match &of.reach {
        OrgAccess::All => None,
        OrgAccess::Only(ids) => Some(Vec::from_iter(ids.iter().map(|id| id.0))),
    };
    let kinds = of.kinds.as_ref().map(|kinds| {
        let names = kinds.iter().map(|kind| kind.name());
        Vec::from_iter(names)
    });
    let begins = of.begins.as_ref().map(FeedCursor::encode);
    let delete = "delete from destinations where id = ?1";
    let id = of.id.into_bytes();
    connection.prepare_cached(delete)?.execute([id])?;
    let insert = format!(
        "insert into destinations ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
         ?18, ?19, ?20)"
    );
    connection.prepare_cached(&insert)?.execute(params![
        id,
        of.created_by,
        of.created_at_ms,
        organisations.map(|ids| text(&ids)),
        kinds.map(|names| text(&names)),
        of.form,
        of.order.name(),
        of.max_events,
        of.max_wait_ms,
        of.parallel,
        of.timeout_s,
        of.settings,
        text(&of.secrets),
        of.state.name(),
        of.state_since_ms,
        of.reason,
        begins,
        of.begins_ms,
        of.version,
        of.replays,
    ])?;
    Ok(())
}

fn text<T: serde::Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("lists of numbers and texts are always JSON")
}

/// Sets the state of a destination. The version grows with it.
pub(crate) fn set_state(
    connection: &Connection,
    id: Uuid,
    (state, since_ms): (DestinationState, i64),
    reason: Option<&str>,
) -> Result<(), Fault> {
    let update = "update destinations set state = ?2, state_since_ms = ?3, reason = ?4, version = version + 1 \
                  where id = ?1 and sound(destinations.intact)";
    let mut update = connection.prepare_cached(update)?;
    update.execute(params![id.into_bytes(), state.name(), since_ms, reason])?;
    Ok(())
}

/// How far a destination is. `None` if there is no such destination.
pub(crate) fn progress(connection: &Connection, id: Uuid) -> Result<Option<Progress>, Fault> {
    let select = "select cursor, done, delivered, delivered_at_ms, failing_since_ms from destination_progress \
                  where id = ?1 and sound(destination_progress.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row([id.into_bytes()], |row| Ok(read_progress(row)));
    found.optional()?.transpose()
}

fn read_progress(row: &Row<'_>) -> Result<Progress, Fault> {
    Ok(Progress {
        cursor: cursor(row, 0)?,
        done: packed::read_places(row.blob(1)?)?,
        delivered: row.get::<i64>(2)?.cast_unsigned(),
        delivered_at_ms: row.get(3)?,
        failing_since_ms: row.get(4)?,
    })
}

/// The parked order keys of a destination. Those that are tried again come first, in the order of their times.
pub(crate) fn parked(connection: &Connection, id: Uuid) -> Result<Vec<Parked>, Fault> {
    let select = "select organisation, lane_key, label, positions, attempts, next_at_ms, last_error from parked_orders \
                  where destination = ?1 and sound(parked_orders.intact) \
                  order by next_at_ms is null, next_at_ms, organisation, lane_key";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([id.into_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Parked {
            organisation: OrganisationId(row.get(0)?),
            lane_key: row.get::<i64>(1)?.cast_unsigned(),
            label: row.get(2)?,
            positions: packed::read_positions(row.blob(3)?)?,
            attempts: row.get(4)?,
            next_at_ms: row.get(5)?,
            last_error: row.get(6)?,
        });
    }
    Ok(found)
}

/// Stores a parked order key, or replaces what is stored of it.
pub(crate) fn park(connection: &Connection, id: Uuid, of: &Parked) -> Result<(), Fault> {
    let insert = "insert into parked_orders (destination, organisation, lane_key, label, positions, attempts, next_at_ms, last_error) \
                  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (destination, organisation, lane_key) do update set \
                  label = excluded.label, positions = excluded.positions, attempts = excluded.attempts, \
                  next_at_ms = excluded.next_at_ms, last_error = excluded.last_error";
    connection.prepare_cached(insert)?.execute(params![
        id.into_bytes(),
        of.organisation.0,
        of.lane_key.cast_signed(),
        of.label,
        packed::positions(&of.positions),
        of.attempts,
        of.next_at_ms,
        of.last_error,
    ])?;
    Ok(())
}

/// Forgets that an order key is parked.
pub(crate) fn release(
    connection: &Connection,
    id: Uuid,
    (organisation, lane_key): (OrganisationId, u64),
) -> Result<(), Fault> {
    let delete =
        "delete from parked_orders where destination = ?1 and organisation = ?2 and lane_key = ?3";
    let lane_key = lane_key.cast_signed();
    let mut delete = connection.prepare_cached(delete)?;
    delete.execute((id.into_bytes(), organisation.0, lane_key))?;
    Ok(())
}
