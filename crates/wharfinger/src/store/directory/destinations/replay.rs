//! Delivering again: the cursor of a destination goes back or forward, or its parked order keys are due.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::change::Noted;
use super::passed::passed_position;
use super::{packed, rows};
use crate::store::api::{Destination, FeedCursor, Parked, ReplayFrom};
use crate::store::engine::driver::{Connection, params};
use crate::store::engine::fault::Fault;
use crate::store::journal::end::read_counters;
use crate::store::write::txn::WriteTxn;

/// Delivers again. A server that works on the destination loses its lease, so that no report from before undoes the replay.
pub(super) fn replay(
    txn: &WriteTxn<'_>,
    mut destination: Destination,
    from: &ReplayFrom,
) -> Result<Noted, Fault> {
    let (connection, id) = (txn.connection, destination.id);
    destination.version += 1;
    let what = match from {
        ReplayFrom::Failed => {
            let update = "update parked_orders set attempts = 0, next_at_ms = ?2 \
                          where destination = ?1 and sound(parked_orders.intact)";
            let mut update = connection.prepare_cached(update)?;
            update.execute((id.into_bytes(), txn.now_ms()))?;
            "failed"
        }
        ReplayFrom::Beginning => {
            (destination.begins, destination.begins_ms) = (None, None);
            go_to(connection, &mut destination, None)?;
            "beginning"
        }
        ReplayFrom::After(cursor, begins_ms) => {
            begin_earlier(&mut destination, cursor, *begins_ms);
            go_to(connection, &mut destination, Some(cursor))?;
            "cursor"
        }
    };
    rows::write(connection, &destination)?;
    let update = "update destination_progress set failing_since_ms = null, lease_owner = null, lease_until_ms = 0, \
                  lease_number = lease_number + 1 where id = ?1 and sound(destination_progress.intact)";
    let mut update = connection.prepare_cached(update)?;
    update.execute([id.into_bytes()])?;
    Ok(Noted {
        details: Some(json!({ "from": what })),
        ..Noted::new("destination.replayed", id)
    })
}

/// Events from before the beginning of a destination become its events, if it is to deliver them now.
fn begin_earlier(destination: &mut Destination, cursor: &FeedCursor, begins_ms: Option<i64>) {
    let place = |cursor: &FeedCursor| (cursor.from, cursor.to, cursor.next);
    let Some(begins) = &destination.begins else {
        return;
    };
    if place(cursor) < place(begins) {
        destination.begins = Some(cursor.clone());
        destination.begins_ms = begins_ms;
    }
}

/// Moves the cursor. What is read again waits no more.
fn go_to(
    connection: &Connection,
    destination: &mut Destination,
    cursor: Option<&FeedCursor>,
) -> Result<(), Fault> {
    let id = destination.id;
    destination.replays += 1;
    let update = "update destination_progress set cursor = ?2, done = ?3 \
                  where id = ?1 and sound(destination_progress.intact)";
    let bytes = cursor.map(FeedCursor::encode);
    let nothing = packed::places(&[]);
    let mut update = connection.prepare_cached(update)?;
    update.execute(params![id.into_bytes(), bytes, nothing])?;
    let mut passed = HashMap::new();
    for mut parked in rows::parked(connection, id)? {
        let organisation = parked.organisation;
        let passed = match passed.get(&organisation) {
            Some(known) => *known,
            None => {
                let counters = read_counters(connection, organisation)?;
                let of = (organisation, &counters);
                let found = passed_position(connection, cursor, of)?;
                passed.insert(organisation, found);
                found
            }
        };
        let waiting = parked.positions.len();
        parked.positions.retain(|position| *position <= passed);
        if parked.positions.len() < waiting {
            keep(connection, id, &parked)?;
        }
    }
    Ok(())
}

/// Stores what is left of a parked order key.
fn keep(connection: &Connection, id: Uuid, parked: &Parked) -> Result<(), Fault> {
    if parked.positions.is_empty() {
        rows::release(connection, id, (parked.organisation, parked.lane_key))
    } else {
        rows::park(connection, id, parked)
    }
}
