//! The tables: made, brought up to date, and emptied.

use tokio_postgres::Client;
use uuid::Uuid;

use super::fault;
use crate::onward::sinks::{Failure, Opening};

/// The statements of each version, the first one for version 1.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("0001_tables.sql")];

/// What the database says of the destination.
struct Known {
    fence: i64,
    replays: i64,
}

/// Makes the tables if they are missing in the schema, a quoted name, and takes them for this holder of the lease. Everything in one
/// transaction: of two servers that do this at the same time, the second waits for the first.
pub(super) async fn prepare(
    client: &Client,
    schema: &str,
    opening: &Opening<'_>,
) -> Result<(), Failure> {
    let prepared = begin(client, schema, opening).await;
    // Others may wait for the locks. If the connection is broken, the database rolls back by itself.
    let end = if prepared.is_ok() {
        "commit"
    } else {
        "rollback"
    };
    let ended = client.batch_execute(end).await.map_err(fault);
    prepared.and(ended)
}

async fn begin(client: &Client, schema: &str, opening: &Opening<'_>) -> Result<(), Failure> {
    let id = opening.destination.id;
    client.batch_execute(super::BEGIN).await.map_err(fault)?;
    migrate(client, schema).await?;
    let known = known(client, schema, id).await?;
    if known
        .as_ref()
        .is_some_and(|known| known.fence > opening.lease)
    {
        return Err(Failure::fenced(
            "another server delivers to this destination by now",
        ));
    }
    let before = known.map_or(0, |known| known.replays);
    let is_rebuilt = opening.destination.replays > before && opening.progress.cursor.is_none();
    if is_rebuilt {
        empty(client, schema, id).await?;
    }
    let claim = format!(
        "insert into {schema}.wharfinger_cursor (destination, fence, replays, events, updated_at) \
         values ($1::text::uuid, $2, $3, 0, now()) \
         on conflict (destination) do update set fence = excluded.fence, replays = excluded.replays"
    );
    let id = id.to_string();
    client
        .execute(&claim, &[&id, &opening.lease, &opening.destination.replays])
        .await
        .map_err(fault)?;
    Ok(())
}

/// Brings the tables to the version of this program.
async fn migrate(client: &Client, schema: &str) -> Result<(), Failure> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('wharfinger tables in ' || $1, 0))";
    client.execute(lock, &[&schema]).await.map_err(fault)?;
    let find = "select exists (select from pg_namespace where nspname = $1), \
                to_regclass($2 || '.wharfinger_version') is not null";
    let name = schema.trim_matches('"');
    let found = client
        .query_one(find, &[&name, &schema])
        .await
        .map_err(fault)?;
    let (has_schema, has_version) = (found.get::<_, bool>(0), found.get::<_, bool>(1));
    let mut create = String::new();
    if !has_schema {
        create += &format!("create schema {schema}; ");
    }
    if !has_version {
        create += &format!("create table {schema}.wharfinger_version (version integer not null); ");
        create += &format!("insert into {schema}.wharfinger_version values (0); ");
    }
    client.batch_execute(&create).await.map_err(fault)?;
    let select = format!("select version from {schema}.wharfinger_version");
    let version = client.query_opt(&select, &[]).await.map_err(fault)?;
    let version: i32 = version.map_or(0, |row| row.get(0));
    let done = usize::try_from(version).unwrap_or_default();
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(Failure::refused(format!(
            "the tables in schema {schema} were made by a newer version of Wharfinger; run that version, or name another schema"
        )));
    };
    for statements in missing {
        let statements = statements.replace("{schema}", schema);
        client.batch_execute(&statements).await.map_err(fault)?;
    }
    if !missing.is_empty() {
        let latest = MIGRATIONS.len();
        let update = format!("update {schema}.wharfinger_version set version = {latest}");
        client.batch_execute(&update).await.map_err(fault)?;
    }
    Ok(())
}

/// Finds the destination, and waits until an earlier holder of the lease has ended its transaction.
async fn known(client: &Client, schema: &str, id: Uuid) -> Result<Option<Known>, Failure> {
    let select = format!(
        "select fence, replays from {schema}.wharfinger_cursor where destination = $1::text::uuid for update"
    );
    let id = id.to_string();
    let found = client.query_opt(&select, &[&id]).await.map_err(fault)?;
    Ok(found.map(|row| Known {
        fence: row.get(0),
        replays: row.get(1),
    }))
}

/// Removes the destination's rows.
async fn empty(client: &Client, schema: &str, id: Uuid) -> Result<(), Failure> {
    let others = format!(
        "select exists (select from {schema}.wharfinger_cursor where destination <> $1::text::uuid)"
    );
    let text = id.to_string();
    let others = client.query_one(&others, &[&text]).await.map_err(fault)?;
    // `id` is a UUID: digits and hyphens.
    let statements = if others.get(0) {
        format!(
            "delete from {schema}.order_lines using {schema}.orders \
             where orders.id = order_lines.order_id and orders.destination = '{id}'; \
             delete from {schema}.orders where destination = '{id}'; \
             delete from {schema}.customers where destination = '{id}'"
        )
    } else {
        format!("truncate {schema}.orders, {schema}.order_lines, {schema}.customers")
    };
    // However many rows there are.
    let statements = format!("set local statement_timeout = 0; {statements}");
    client.batch_execute(&statements).await.map_err(fault)
}
