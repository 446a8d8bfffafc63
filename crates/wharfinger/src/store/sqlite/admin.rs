//! Organisations and keys, and the log of who changed what.

use rusqlite::{Connection, Row, params};
use wharfinger_core::caller::{Organisation, Organisations, Reach, Scope};
use wharfinger_core::ids::OrganisationId;

use super::fault::Fault;
use super::work::Work;
use crate::store::place::ORGANISATIONS_MAX;
use crate::store::{Change, Directory, Key};

/// The organisations and keys, unless they are still those of `known_version`.
pub(super) fn directory(
    connection: &Connection,
    known_version: Option<u64>,
) -> Result<Option<Directory>, Fault> {
    let select = "select value from settings where name = 'directory_version'";
    let version: i64 = connection
        .prepare_cached(select)?
        .query_row([], |row| row.get(0))?;
    let version = version.cast_unsigned();
    if known_version == Some(version) {
        return Ok(None);
    }
    let mut organisations = Organisations::new();
    let select = "select id, code, name, customer_orders_enabled from organisations";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let organisation = Organisation {
            id: OrganisationId(row.get(0)?),
            code: row.get(1)?,
            name: row.get(2)?,
            customer_orders_enabled: row.get(3)?,
        };
        organisations.insert(organisation.code.clone(), organisation);
    }
    let select = "select id, secret_sha256, organisations, scopes, created_at_ms, expires_at_ms, revoked_at_ms, \
                  last_used_at_ms from keys order by number";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read_key(row)?);
    }
    Ok(Some(Directory {
        version,
        organisations,
        keys,
    }))
}

fn read_key(row: &Row<'_>) -> Result<Key, Fault> {
    let broken = |_| Fault::Damaged("a key's organisations or scopes cannot be read".into());
    let organisations: Option<String> = row.get(2)?;
    let scopes: String = row.get(3)?;
    let reach = match organisations {
        None => Reach::All,
        Some(list) => {
            let ids: Vec<u32> = serde_json::from_str(&list).map_err(broken)?;
            Reach::Only(ids.into_iter().map(OrganisationId).collect())
        }
    };
    let names: Vec<String> = serde_json::from_str(&scopes).map_err(broken)?;
    let is_given = |scope: &Scope| names.iter().any(|name| name == scope.name());
    Ok(Key {
        id: row.get(0)?,
        secret_sha256: row.get(1)?,
        reach,
        scopes: Scope::ALL.into_iter().filter(is_given).collect(),
        created_at_ms: row.get(4)?,
        expires_at_ms: row.get(5)?,
        revoked_at_ms: row.get(6)?,
        last_used_at_ms: row.get(7)?,
    })
}

/// Makes an administrative change.
pub(super) fn administer(work: &Work<'_>, change: &Change) -> Result<(), Fault> {
    match change {
        Change::CreateOrganisation(organisation) => create_organisation(work, organisation),
        Change::EnableCustomerOrders { code, enabled } => {
            let update = "update organisations set customer_orders_enabled = ?2 where code = ?1";
            if work.connection.execute(update, params![code, enabled])? == 0 {
                return refuse(format!("there is no organisation {code}"));
            }
            let details = format!("{{\"enabled\":{enabled}}}");
            note(work, "organisation.customer_orders", code, Some(&details))
        }
        Change::CreateKey(key) => create_key(work, key),
        Change::RotateKey { id, secret_sha256 } => {
            check_in_force(work, id)?;
            let update = "update keys set secret_sha256 = ?2 where id = ?1";
            work.connection
                .execute(update, params![id, secret_sha256])?;
            note(work, "key.rotated", id, None)
        }
        Change::RevokeKey { id, at_ms } => {
            check_in_force(work, id)?;
            let update = "update keys set revoked_at_ms = ?2 where id = ?1";
            work.connection.execute(update, params![id, at_ms])?;
            note(work, "key.revoked", id, None)
        }
        Change::NoteKeyUse(uses) => {
            let update = "update keys set last_used_at_ms = max(?2, coalesce(last_used_at_ms, ?2)) where id = ?1";
            let mut update = work.connection.prepare_cached(update)?;
            for (id, at_ms) in uses {
                update.execute(params![id, at_ms])?;
            }
            Ok(())
        }
    }
}

fn refuse<T>(why: String) -> Result<T, Fault> {
    Err(Fault::Refused(why))
}

fn create_organisation(work: &Work<'_>, organisation: &Organisation) -> Result<(), Fault> {
    let code = &organisation.code;
    let insert = "insert into organisations (code, name, customer_orders_enabled) values (?1, ?2, ?3) \
                  on conflict do nothing";
    let parameters = params![
        code,
        organisation.name,
        organisation.customer_orders_enabled
    ];
    if work.connection.execute(insert, parameters)? == 0 {
        return refuse(format!("there is an organisation {code} already"));
    }
    if work.connection.last_insert_rowid() >= i64::from(ORGANISATIONS_MAX) {
        return refuse("there is no room for more organisations".into());
    }
    note(work, "organisation.created", code, None)
}

fn create_key(work: &Work<'_>, key: &Key) -> Result<(), Fault> {
    let organisations = match &key.reach {
        Reach::All => None,
        Reach::Only(ids) => {
            for id in ids {
                let select = "select 1 from organisations where id = ?1";
                if !work.connection.prepare_cached(select)?.exists([id.0])? {
                    return refuse(format!("key {} is for an unknown organisation", key.id));
                }
            }
            let ids: Vec<u32> = ids.iter().map(|id| id.0).collect();
            Some(serde_json::to_string(&ids).expect("numbers are always JSON"))
        }
    };
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let scopes = serde_json::to_string(&scopes).expect("text is always JSON");
    let insert = "insert into keys (id, secret_sha256, organisations, scopes, created_at_ms, expires_at_ms, \
                  revoked_at_ms, last_used_at_ms) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing";
    let parameters = params![
        key.id,
        key.secret_sha256,
        organisations,
        scopes,
        key.created_at_ms,
        key.expires_at_ms,
        key.revoked_at_ms,
        key.last_used_at_ms,
    ];
    if work.connection.execute(insert, parameters)? == 0 {
        return refuse(format!("there is a key {} already", key.id));
    }
    note(work, "key.created", &key.id, Some(&scopes))
}

fn check_in_force(work: &Work<'_>, id: &str) -> Result<(), Fault> {
    let select = "select revoked_at_ms from keys where id = ?1";
    let mut select = work.connection.prepare_cached(select)?;
    let mut rows = select.query([id])?;
    let Some(row) = rows.next()? else {
        return refuse(format!("there is no key {id}"));
    };
    let revoked_at_ms: Option<i64> = row.get(0)?;
    if revoked_at_ms.is_some() {
        return refuse(format!("key {id} has been revoked"));
    }
    Ok(())
}

/// Notes a change in the audit log, and makes a new version of the directory.
fn note(work: &Work<'_>, action: &str, subject: &str, details: Option<&str>) -> Result<(), Fault> {
    let insert = "insert into audit (at_ms, action, subject, details) values (?1, ?2, ?3, ?4)";
    work.connection
        .execute(insert, params![work.now_ms(), action, subject, details])?;
    let update = "update settings set value = value + 1 where name = 'directory_version'";
    work.connection.execute(update, [])?;
    Ok(())
}
