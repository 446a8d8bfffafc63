//! The rules of organisations that hold orders for a person: reading and replacing.

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::rules::Rule;

use super::change::{is_intact, refuse};
use crate::store::api::rules_revision;
use crate::store::engine::driver::{Connection, OptionalExtension, Params, params};
use crate::store::engine::fault::Fault;
use crate::store::write::txn::WriteTxn;

/// The rules of all organisations that have any.
pub(super) fn all(connection: &Connection) -> Result<Vec<(OrganisationId, Vec<Rule>)>, Fault> {
    read(connection, "true", ())
}

/// The rules of the organisations for which a condition holds.
fn read(
    connection: &Connection,
    condition: &str,
    params: impl Params,
) -> Result<Vec<(OrganisationId, Vec<Rule>)>, Fault> {
    let select = format!("select organisation, rules, rules.intact from rules where {condition}");
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let organisation = OrganisationId(row.get(0)?);
        let number = i64::from(organisation.0);
        let is_intact = is_intact(&row, 2, "the rules of an organisation", number)?;
        let read = serde_json::from_str(&row.get::<String>(1)?);
        let rules = read.ok().filter(|_| is_intact);
        // Orders must not go on because their rules cannot be read: this rule does not compile, and so holds all of them.
        let rules = rules.unwrap_or_else(|| {
            vec![Rule {
                name: "damaged".into(),
                when: String::new(),
                sentence: "The rules of the organisation cannot be read; set them again.".into(),
            }]
        });
        found.push((organisation, rules));
    }
    Ok(found)
}

/// Replaces the rules of an organisation. With the revision that somebody has seen, only rules of this revision are replaced.
pub(super) fn set(
    txn: &WriteTxn<'_>,
    code: &str,
    rules: &[Rule],
    seen: Option<&str>,
) -> Result<(), Fault> {
    let connection = txn.connection;
    let select = "select id from organisations where code = ?1 and sound(organisations.intact)";
    let id = connection.query_row(select, [code], |row| row.get(0));
    let id: Option<i64> = id.optional()?;
    let Some(id) = id else {
        return refuse(format!("there is no organisation {code}"));
    };
    if let Some(seen) = seen {
        let before = read(connection, "organisation = ?1", params![id])?.pop();
        let before = before.map(|(_, rules)| rules).unwrap_or_default();
        if rules_revision(&before) != seen {
            return refuse(
                "the rules were changed in the meantime; read them again, and send their revision"
                    .into(),
            );
        }
    }
    connection.execute("delete from rules where organisation = ?1", params![id])?;
    if !rules.is_empty() {
        let insert = "insert into rules (organisation, rules) values (?1, ?2)";
        let json = serde_json::to_string(rules).expect("rules are always JSON");
        connection.execute(insert, params![id, json])?;
    }
    Ok(())
}
