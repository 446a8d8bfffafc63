//! Entries of the audit log, written in the transaction of the change that they name.
//!
//! Changes of orders are collected in the transaction, and written with one statement at its end. All changes of one kind that a key
//! made to the orders of an organisation in one transaction share an entry. Changing many orders therefore costs one short row. What
//! happened to each order is in its history.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wharfinger_core::order::ids::{OrderId, OrganisationId};

use super::txn::WriteTxn;
use crate::store::engine::driver::{Connection, Session, params};
use crate::store::engine::fault::Fault;

/// How many ids of orders an entry names.
const NAMED_MAX: usize = 20;

/// Adds the entry of a change of orders. Its subject is the code of their organisation.
const INSERT: &str = "insert into audit (at_ms, who, action, subject, details) values (?1, ?2, ?3, \
    coalesce((select code from organisations where id = ?4 and sound(organisations.intact)), ''), ?5)";
/// As [`INSERT`], several entries. Only on PostgreSQL, where each statement costs a round trip. On Citus also for one entry: it has no
/// subqueries in `values`.
const INSERT_ALL: &str = "insert into audit (at_ms, who, action, subject, details) \
    select ?1, new.who, new.action, coalesce(organisations.code, ''), new.details \
    from unnest(?2::text[], ?3::text[], ?4::bigint[], ?5::text[]) as new (who, action, of, details) \
    left join organisations on organisations.id = new.of and sound(organisations.intact)";

/// Adds an entry to the audit log. Returns its id.
pub(crate) fn write_audit(
    txn: &WriteTxn<'_>,
    who: &str,
    action: &str,
    subject: &str,
    details: Option<&Value>,
) -> Result<i64, Fault> {
    let insert = "insert into audit (at_ms, who, action, subject, details) \
                  values (?1, ?2, ?3, ?4, ?5) returning id";
    let details = details.map(Value::to_string);
    let entry = params![txn.now_ms(), who, action, subject, details];
    Ok(txn.connection.query_row(insert, entry, |row| row.get(0))?)
}

/// The changes of orders in a transaction that are not in the audit log yet.
#[derive(Default)]
pub(crate) struct OrderChanges {
    changes: BTreeMap<(OrganisationId, &'static str, String), Changed>,
}

/// The orders of an entry.
#[derive(Default)]
struct Changed {
    count: u64,
    /// The ids of the first ones.
    orders: Vec<OrderId>,
}

impl OrderChanges {
    /// Counts a change of an order by a key. Returns whether the entry still names orders.
    pub(super) fn count(&mut self, by: (&'static str, &str), organisation: OrganisationId) -> bool {
        let changed = self.of(by, organisation);
        changed.count += 1;
        changed.orders.len() < NAMED_MAX
    }

    /// Names an order that was counted.
    pub(super) fn name(
        &mut self,
        by: (&'static str, &str),
        organisation: OrganisationId,
        order: OrderId,
    ) {
        self.of(by, organisation).orders.push(order);
    }

    fn of(
        &mut self,
        (action, who): (&'static str, &str),
        organisation: OrganisationId,
    ) -> &mut Changed {
        let of = (organisation, action, who.to_owned());
        self.changes.entry(of).or_default()
    }

    /// Writes the entries.
    pub(super) fn write(&mut self, connection: &Connection, now_ms: i64) -> Result<(), Fault> {
        let changes = std::mem::take(&mut self.changes);
        let details = |changed: &Changed| {
            let orders = changed.orders.iter().map(OrderId::to_string);
            let orders: Vec<_> = orders.collect();
            json!({"count": changed.count, "orders": orders}).to_string()
        };
        if changes.is_empty() {
            return Ok(());
        }
        let is_together = |session: &&Session| changes.len() > 1 || session.is_citus();
        let Some(session) = connection.postgres().filter(is_together) else {
            for ((organisation, action, who), changed) in &changes {
                let row = params![now_ms, who, *action, organisation.0, details(changed)];
                connection.prepare_cached(INSERT)?.execute(row)?;
            }
            return Ok(());
        };
        let names = changes.keys();
        let who = Vec::from_iter(names.clone().map(|(_, _, who)| who.as_str()));
        let actions = Vec::from_iter(names.clone().map(|(_, action, _)| *action));
        let organisations = Vec::from_iter(names.map(|(id, _, _)| i64::from(id.0)));
        let details = Vec::from_iter(changes.values().map(details));
        let insert = session.prepare(INSERT_ALL)?;
        insert.execute_arrays(&[&now_ms, &who, &actions, &organisations, &details])?;
        Ok(())
    }
}
