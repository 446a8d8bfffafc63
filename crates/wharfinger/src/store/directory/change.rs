//! Organisations, API keys and the audit log: reading and changing.

use serde_json::{Value, json};
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::CatalogueMode;
use wharfinger_core::order::organisation::{
    ListSort, OrgAccess, Organisation, Organisations, Scope,
};
use wharfinger_core::order::zone;

use super::{destinations, rules};
use crate::store::Store;
use crate::store::api::{
    AuditEntry, AuditPage, Change, Directory, Key, OrganisationChange, Rates, ReadAudit, SaveReply,
    StoreError,
};
use crate::store::engine::columns::time_zone;
use crate::store::engine::driver::{Connection, OptionalExtension, Row, params};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::ORGANISATIONS_MAX;
use crate::store::write::audit::write_audit;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;
use wharfinger_core::dialect::Reply;

/// Entries of the audit log that are read for a page, at most.
const AUDIT_ROWS_MAX: i64 = 100_000;

impl Store {
    /// The organisations and keys, if they have changed since `known_version`.
    pub async fn directory(
        &self,
        known_version: Option<u64>,
    ) -> Result<Option<Directory>, StoreError> {
        let read = move |connection: &Connection| directory(connection, known_version);
        self.readers.read(read).await
    }

    /// Changes organisations or keys. Returns the saved response, if one was requested.
    ///
    /// The audit log names `who`: the id of a key, or [`COMMAND_LINE`](crate::store::api::COMMAND_LINE).
    pub async fn administer(
        &self,
        who: &str,
        change: Change,
        save_reply: Option<SaveReply<()>>,
    ) -> Result<Option<Reply>, StoreError> {
        let who = who.to_owned();
        let administer = move |txn: &mut WriteTxn<'_>| administer(txn, &who, &change);
        let done = self
            .change(Task::on_directory(), save_reply, |()| true, administer)
            .await;
        done.map(|((), reply)| reply)
    }

    /// Records when keys were last used, by id. This is not audited and does not change the version of the directory.
    pub async fn note_key_use(&self, uses: Vec<(String, i64)>) -> Result<(), StoreError> {
        let note = move |txn: &mut WriteTxn<'_>| note_key_use(txn, &uses);
        self.writer.ask_for(Task::on_directory(), note).await
    }

    /// Reads the audit log, newest first.
    pub async fn audit(&self, request: ReadAudit) -> Result<AuditPage, StoreError> {
        let read = move |connection: &Connection| audit(connection, &request);
        self.readers.read(read).await
    }
}

/// The organisations and keys. `None` if their version is still `known_version`.
pub(crate) fn directory(
    connection: &Connection,
    known_version: Option<u64>,
) -> Result<Option<Directory>, Fault> {
    let select =
        "select value from settings where name = 'directory_version' and sound(settings.intact)";
    let version: i64 = connection
        .prepare_cached(select)?
        .query_row((), |row| row.get(0))?;
    let version = version.cast_unsigned();
    if known_version == Some(version) {
        return Ok(None);
    }
    let mut organisations = Organisations::new();
    let select = "select id, code, name, customer_orders_enabled, catalogue, time_zone, list_sort, \
                  organisations.intact from organisations";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        if !is_intact(&row, 7, "an organisation", row.get(0)?)? {
            continue;
        }
        let organisation = Organisation {
            id: OrganisationId(row.get(0)?),
            code: row.get(1)?,
            name: row.get(2)?,
            customer_orders_enabled: row.get(3)?,
            catalogue: catalogue(&row.get::<String>(4)?)?,
            time_zone: time_zone(&row.get::<String>(5)?)?,
            list_sort: list_sort(&row.get::<String>(6)?)?,
        };
        organisations.insert(organisation.code.clone(), organisation);
    }
    let select = "select id, secret_sha256, organisations, scopes, created_at_ms, expires_at_ms, revoked_at_ms, \
                  last_used_at_ms, requests_per_second, orders_per_second, keys.intact, number, \
                  exists (select 1 from test_keys where test_keys.id = keys.id and sound(test_keys.intact)) from keys order by number";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query(())?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        if is_intact(&row, 10, "a key", row.get(11)?)? {
            keys.push(read_key(&row)?);
        }
    }
    Ok(Some(Directory {
        version,
        organisations,
        keys,
        rules: rules::all(connection)?,
    }))
}

/// Whether the checksum of a directory row is right. A damaged row is omitted: requests for its organisation or key are refused,
/// and no others.
pub(super) fn is_intact(
    row: &Row<'_>,
    column: usize,
    what: &str,
    number: i64,
) -> Result<bool, Fault> {
    let is_intact: bool = row.get(column)?;
    if !is_intact {
        tracing::error!(
            number,
            "The checksum of {what} is wrong; requests for it are refused."
        );
    }
    Ok(is_intact)
}

fn read_key(row: &Row<'_>) -> Result<Key, Fault> {
    let broken = |_| Fault::Damaged("a key's organisations or scopes cannot be read".into());
    let organisations: Option<String> = row.get(2)?;
    let scopes: String = row.get(3)?;
    let reach = match organisations {
        None => OrgAccess::All,
        Some(list) => {
            let ids: Vec<u32> = serde_json::from_str(&list).map_err(broken)?;
            OrgAccess::Only(ids.into_iter().map(OrganisationId).collect())
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
        rates: Rates {
            requests_per_second: row.get(8)?,
            orders_per_second: row.get(9)?,
        },
        is_test: row.get(12)?,
    })
}

/// Applies an administrative change and writes its audit entry. Destinations are not in the directory, which keeps its version.
pub(crate) fn administer(txn: &WriteTxn<'_>, who: &str, change: &Change) -> Result<(), Fault> {
    let noted = match change {
        Change::CreateOrganisation(organisation) => create_organisation(txn, organisation)?,
        Change::ChangeOrganisation(change) => change_organisation(txn, change)?,
        Change::SetRules { code, rules, seen } => {
            rules::set(txn, code, rules, seen.as_deref())?;
            Noted {
                details: Some(json!({"rules": rules})),
                ..Noted::new("organisation.rules_set", code)
            }
        }
        Change::CreateKey(key) => create_key(txn, key)?,
        Change::RotateKey { id, secret_sha256 } => {
            check_in_force(txn, id)?;
            let update = "update keys set secret_sha256 = ?2 where id = ?1 and sound(keys.intact)";
            txn.connection.execute(update, params![id, secret_sha256])?;
            Noted::new("key.rotated", id)
        }
        Change::Destination(change) => {
            let Some(noted) = destinations::change::apply(txn, change)? else {
                return Ok(());
            };
            let subject = noted.id.to_string();
            let details = noted.details.as_ref();
            return write_audit(txn, who, noted.action, &subject, details).map(drop);
        }
        Change::RevokeKey { id, at_ms } => {
            check_in_force(txn, id)?;
            let update = "update keys set revoked_at_ms = ?2 where id = ?1 and sound(keys.intact)";
            txn.connection.execute(update, params![id, at_ms])?;
            Noted::new("key.revoked", id)
        }
    };
    note(txn, who, &noted)
}

/// The audit entry of a change.
struct Noted<'n> {
    action: &'static str,
    subject: &'n str,
    details: Option<Value>,
}

impl<'n> Noted<'n> {
    fn new(action: &'static str, subject: &'n str) -> Self {
        Self {
            action,
            subject,
            details: None,
        }
    }
}

/// Records when keys were last used.
pub(crate) fn note_key_use(txn: &WriteTxn<'_>, uses: &[(String, i64)]) -> Result<(), Fault> {
    // The update recomputes the row's checksum, so damaged rows are skipped.
    let update = "update keys set last_used_at_ms = ?2 \
                  where id = ?1 and keys.intact and (coalesce(last_used_at_ms, 0) < ?2 or last_used_at_ms > ?3)";
    let mut update = txn.connection.prepare_cached(update)?;
    // A recorded time later than now is from before the clock went back.
    let now_ms = txn.now_ms();
    for (id, at_ms) in uses {
        update.execute(params![id, at_ms, now_ms])?;
    }
    Ok(())
}

pub(super) fn refuse<T>(why: String) -> Result<T, Fault> {
    Err(Fault::Refused(why))
}

fn create_organisation<'n>(
    txn: &WriteTxn<'_>,
    organisation: &'n Organisation,
) -> Result<Noted<'n>, Fault> {
    let code = &organisation.code;
    let insert = "insert into organisations (code, name, customer_orders_enabled, catalogue, \
                  time_zone, list_sort) values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing returning id";
    let parameters = params![
        code,
        organisation.name,
        organisation.customer_orders_enabled,
        organisation.catalogue.name(),
        zone::name(&organisation.time_zone),
        organisation.list_sort.name()
    ];
    let id = txn
        .connection
        .query_row(insert, parameters, |row| row.get(0));
    let id: Option<i64> = id.optional()?;
    let Some(id) = id else {
        return refuse(format!("the organisation {code} already exists"));
    };
    if id >= i64::from(ORGANISATIONS_MAX) {
        return refuse("the store cannot hold more organisations".into());
    }
    Ok(Noted {
        details: Some(json!({
            "name": organisation.name,
            "customer_orders_enabled": organisation.customer_orders_enabled,
            "catalogue": organisation.catalogue.name(),
            "time_zone": zone::name(&organisation.time_zone),
            "list_sort": organisation.list_sort.name(),
        })),
        ..Noted::new("organisation.created", code)
    })
}

fn change_organisation<'n>(
    txn: &WriteTxn<'_>,
    change: &'n OrganisationChange,
) -> Result<Noted<'n>, Fault> {
    let OrganisationChange {
        code,
        name,
        customer_orders_enabled,
        catalogue,
        time_zone,
        list_sort,
    } = change;
    let catalogue = catalogue.map(CatalogueMode::name);
    let time_zone = time_zone.as_ref().map(zone::name);
    let list_sort = list_sort.map(ListSort::name);
    let update = "update organisations set name = coalesce(?2, name), \
                  customer_orders_enabled = coalesce(?3, customer_orders_enabled), \
                  catalogue = coalesce(?4, catalogue), time_zone = coalesce(?5, time_zone), \
                  list_sort = coalesce(?6, list_sort) where code = ?1 and sound(organisations.intact)";
    let parameters = params![
        code,
        name,
        customer_orders_enabled,
        catalogue,
        time_zone,
        list_sort
    ];
    if txn.connection.execute(update, parameters)? == 0 {
        return refuse(format!("there is no organisation {code}"));
    }
    let mut details = serde_json::Map::new();
    if let Some(name) = name {
        details.insert("name".into(), name.as_str().into());
    }
    if let Some(enabled) = customer_orders_enabled {
        details.insert("customer_orders_enabled".into(), (*enabled).into());
    }
    let names = [
        ("catalogue", catalogue),
        ("time_zone", time_zone),
        ("list_sort", list_sort),
    ];
    for (attribute, name) in names {
        if let Some(name) = name {
            details.insert(attribute.into(), name.into());
        }
    }
    Ok(Noted {
        details: Some(details.into()),
        ..Noted::new("organisation.changed", code)
    })
}

/// Parses a stored catalogue mode.
fn catalogue(name: &str) -> Result<CatalogueMode, Fault> {
    let unknown = || {
        Fault::Damaged(format!(
            "an organisation has the unknown catalogue mode {name}"
        ))
    };
    CatalogueMode::named(name).ok_or_else(unknown)
}

/// Parses a stored list order.
fn list_sort(name: &str) -> Result<ListSort, Fault> {
    let unknown = || Fault::Damaged(format!("an organisation has the unknown list_sort {name}"));
    ListSort::named(name).ok_or_else(unknown)
}

fn create_key<'n>(txn: &WriteTxn<'_>, key: &'n Key) -> Result<Noted<'n>, Fault> {
    let ids = match &key.reach {
        OrgAccess::All => None,
        OrgAccess::Only(ids) => Some(ids),
    };
    let mut codes = Vec::new();
    for id in ids.into_iter().flatten() {
        let select = "select code from organisations where id = ?1 and sound(organisations.intact)";
        let mut select = txn.connection.prepare_cached(select)?;
        let code: Option<String> = select.query_row([id.0], |row| row.get(0)).optional()?;
        let Some(code) = code else {
            return refuse(format!("key {} is for an unknown organisation", key.id));
        };
        codes.push(code);
    }
    let numbers = ids.map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let insert = "insert into keys (id, secret_sha256, organisations, scopes, created_at_ms, expires_at_ms, \
                  revoked_at_ms, last_used_at_ms, requests_per_second, orders_per_second) \
                  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) on conflict do nothing";
    let parameters = params![
        key.id,
        key.secret_sha256,
        numbers.map(|numbers| json!(numbers).to_string()),
        json!(scopes).to_string(),
        key.created_at_ms,
        key.expires_at_ms,
        key.revoked_at_ms,
        key.last_used_at_ms,
        key.rates.requests_per_second,
        key.rates.orders_per_second,
    ];
    if txn.connection.execute(insert, parameters)? == 0 {
        return refuse(format!("the key {} already exists", key.id));
    }
    let mut details = json!({
        "organisations": codes,
        "all_organisations": key.reach == OrgAccess::All,
        "scopes": scopes,
    });
    if key.is_test {
        let insert = "insert into test_keys (id) values (?1)";
        txn.connection.execute(insert, params![key.id])?;
        details["test"] = true.into();
    }
    Ok(Noted {
        details: Some(details),
        ..Noted::new("key.created", &key.id)
    })
}

fn check_in_force(txn: &WriteTxn<'_>, id: &str) -> Result<(), Fault> {
    let select = "select revoked_at_ms from keys where id = ?1 and sound(keys.intact)";
    let mut select = txn.connection.prepare_cached(select)?;
    let mut rows = select.query([id])?;
    let Some(row) = rows.next()? else {
        return refuse(format!("there is no key {id}"));
    };
    let revoked_at_ms: Option<i64> = row.get(0)?;
    if revoked_at_ms.is_some() {
        return refuse(format!("the key {id} is revoked"));
    }
    Ok(())
}

/// Writes the audit entry of a change, and increments the version of the directory.
fn note(txn: &WriteTxn<'_>, who: &str, noted: &Noted<'_>) -> Result<(), Fault> {
    let details = noted.details.as_ref();
    write_audit(txn, who, noted.action, noted.subject, details)?;
    let update = "update settings set value = value + 1 where name = 'directory_version' and sound(settings.intact)";
    txn.connection.execute(update, ())?;
    Ok(())
}

/// Reads the audit log, newest first. A page may be short if many entries were skipped.
pub(crate) fn audit(connection: &Connection, request: &ReadAudit) -> Result<AuditPage, Fault> {
    let select = "select id, at_ms, who, action, subject, details from audit \
                  where id < ?1 and sound(audit.intact) order by id desc limit ?2";
    let mut select = connection.prepare_cached(select)?;
    let before = request.before.unwrap_or(i64::MAX);
    let mut rows = select.query_lazily((before, AUDIT_ROWS_MAX))?;
    let mut page = AuditPage {
        entries: Vec::new(),
        next: None,
    };
    let (mut walked, mut last) = (0, before);
    while let Some(row) = rows.next()? {
        if page.entries.len() == request.limit {
            page.next = Some(last);
            return Ok(page);
        }
        let entry = AuditEntry {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            who: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            details: row.get(5)?,
        };
        walked += 1;
        last = entry.id;
        let about = AuditEntry::about(&entry.action, &entry.subject);
        let is_of_kind = request
            .kind
            .is_none_or(|kind| entry.action.split('.').next() == Some(kind));
        let is_seen = request
            .about
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&about));
        if is_of_kind && is_seen {
            page.entries.push(entry);
        }
    }
    page.next = (walked == AUDIT_ROWS_MAX).then_some(last);
    Ok(page)
}
