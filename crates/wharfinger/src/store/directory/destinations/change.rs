//! Changes of destinations that somebody asks for.

use serde_json::{Value, json};
use uuid::Uuid;
use wharfinger_core::order::organisation::OrgAccess;

use super::{replay, rows};
use crate::store::api::{
    Destination, DestinationChange, DestinationPatch, DestinationState, FeedCursor, SigningSecret,
};
use crate::store::engine::driver::{OptionalExtension, params};
use crate::store::engine::fault::Fault;
use crate::store::write::txn::WriteTxn;

/// The audit entry of a change.
pub(crate) struct Noted {
    /// The action, a dot and a verb in the past tense.
    pub action: &'static str,
    /// The destination.
    pub id: Uuid,
    /// Details as a JSON object.
    pub details: Option<Value>,
}

impl Noted {
    pub(super) fn new(action: &'static str, id: Uuid) -> Self {
        Self {
            action,
            id,
            details: None,
        }
    }
}

/// Applies a change. Returns its audit entry; `None` if there was nothing to change.
pub(crate) fn apply(
    txn: &WriteTxn<'_>,
    change: &DestinationChange,
) -> Result<Option<Noted>, Fault> {
    let noted = match change {
        DestinationChange::Create(destination) => create(txn, destination)?,
        DestinationChange::Change(patch) => change_definition(txn, patch)?,
        DestinationChange::Delete(id) => delete(txn, *id)?,
        DestinationChange::Pause(id) => return pause(txn, *id),
        DestinationChange::Resume(id) => return resume(txn, *id),
        DestinationChange::Rotate {
            id,
            secret,
            others_until_ms,
        } => rotate(txn, *id, (secret, *others_until_ms))?,
        DestinationChange::Replay { id, from } => replay::replay(txn, known(txn, *id)?, from)?,
    };
    Ok(Some(noted))
}

/// The destination as it is now.
fn known(txn: &WriteTxn<'_>, id: Uuid) -> Result<Destination, Fault> {
    let unknown = || Fault::Refused(format!("there is no destination {id}"));
    rows::find(txn.connection, id)?.ok_or_else(unknown)
}

fn create(txn: &WriteTxn<'_>, destination: &Destination) -> Result<Noted, Fault> {
    let details = json!({
        "kind": kind(destination),
        "organisations": codes(txn, &destination.reach)?,
        "all_organisations": destination.reach == OrgAccess::All,
    });
    rows::write(txn.connection, destination)?;
    let insert = "insert into destination_progress (id, cursor, done, delivered, lease_until_ms, lease_number, lease_version) \
                  values (?1, ?2, ?3, 0, 0, 0, 0)";
    let cursor = destination.begins.as_ref().map(FeedCursor::encode);
    let id = destination.id.into_bytes();
    let mut insert = txn.connection.prepare_cached(insert)?;
    insert.execute(params![id, cursor, Vec::<u8>::new()])?;
    Ok(Noted {
        details: Some(details),
        ..Noted::new("destination.created", destination.id)
    })
}

/// The kind in the settings.
fn kind(destination: &Destination) -> Value {
    let settings = serde_json::from_str::<Value>(&destination.settings);
    settings.map_or(Value::Null, |settings| settings["kind"].clone())
}

/// The codes of the organisations, which must exist.
fn codes(txn: &WriteTxn<'_>, reach: &OrgAccess) -> Result<Vec<String>, Fault> {
    let OrgAccess::Only(ids) = reach else {
        return Ok(Vec::new());
    };
    let mut codes = Vec::new();
    for id in ids {
        let select = "select code from organisations where id = ?1 and sound(organisations.intact)";
        let mut select = txn.connection.prepare_cached(select)?;
        let code: Option<String> = select.query_row([id.0], |row| row.get(0)).optional()?;
        let unknown = || Fault::Refused("the destination is for an unknown organisation".into());
        codes.push(code.ok_or_else(unknown)?);
    }
    Ok(codes)
}

fn change_definition(txn: &WriteTxn<'_>, patch: &DestinationPatch) -> Result<Noted, Fault> {
    let mut destination = known(txn, patch.id)?;
    let mut details = serde_json::Map::new();
    if let Some(reach) = &patch.reach {
        details.insert("organisations".into(), codes(txn, reach)?.into());
    }
    let changed = destination.change(patch);
    details.insert("changed".into(), changed.into());
    destination.version += 1;
    rows::write(txn.connection, &destination)?;
    Ok(Noted {
        details: Some(details.into()),
        ..Noted::new("destination.changed", patch.id)
    })
}

fn delete(txn: &WriteTxn<'_>, id: Uuid) -> Result<Noted, Fault> {
    known(txn, id)?;
    for delete in [
        "delete from destinations where id = ?1",
        "delete from destination_progress where id = ?1",
        "delete from parked_orders where destination = ?1",
        "delete from delivery_attempts where destination = ?1",
    ] {
        let mut delete = txn.connection.prepare_cached(delete)?;
        delete.execute([id.into_bytes()])?;
    }
    Ok(Noted::new("destination.deleted", id))
}

fn pause(txn: &WriteTxn<'_>, id: Uuid) -> Result<Option<Noted>, Fault> {
    if known(txn, id)?.state == DestinationState::Paused {
        return Ok(None);
    }
    let state = (DestinationState::Paused, txn.now_ms());
    rows::set_state(txn.connection, id, state, None)?;
    Ok(Some(Noted::new("destination.paused", id)))
}

/// The failures of before count no more. Otherwise the next one could disable the destination again.
fn resume(txn: &WriteTxn<'_>, id: Uuid) -> Result<Option<Noted>, Fault> {
    if known(txn, id)?.state == DestinationState::Active {
        return Ok(None);
    }
    let state = (DestinationState::Active, txn.now_ms());
    rows::set_state(txn.connection, id, state, None)?;
    let update = "update destination_progress set failing_since_ms = null \
                  where id = ?1 and sound(destination_progress.intact)";
    let mut update = txn.connection.prepare_cached(update)?;
    update.execute([id.into_bytes()])?;
    Ok(Some(Noted::new("destination.resumed", id)))
}

fn rotate(
    txn: &WriteTxn<'_>,
    id: Uuid,
    (secret, others_until_ms): (&str, i64),
) -> Result<Noted, Fault> {
    let mut destination = known(txn, id)?;
    let now_ms = txn.now_ms();
    let is_over = |other: &mut SigningSecret| other.until_ms.is_some_and(|until| until <= now_ms);
    let mut others = std::mem::take(&mut destination.secrets);
    others.extract_if(.., is_over).for_each(drop);
    for other in &mut others {
        let until_ms = other.until_ms.unwrap_or(others_until_ms);
        other.until_ms = Some(until_ms.min(others_until_ms));
    }
    let new = SigningSecret {
        secret: secret.to_owned(),
        until_ms: None,
    };
    destination.secrets = Vec::from_iter(std::iter::once(new).chain(others));
    destination.version += 1;
    rows::write(txn.connection, &destination)?;
    Ok(Noted::new("destination.rotated", id))
}
