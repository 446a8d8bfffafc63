//! Tables in a database of the user's: `orders`, `order_lines` and `customers`.
//!
//! The rows of a batch and the destination's cursor are written in one transaction, which begins by checking that the lease was
//! not given to another server meanwhile. A row has the position of the event that it comes from, and gives way only to later
//! ones. So what is delivered again changes nothing.

mod columns;
mod order;
mod rows;
mod schema;

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use self::columns::{CUSTOMERS, LINES, ORDERS};
use self::rows::{Changed, Changes, Moved, line_rows};
use super::{Failure, Opening, Outgoing, PostgresSettings, Taken};

/// Begins a transaction. It must be on disk when it is reported, whatever is usual in this database.
const BEGIN: &str = "begin isolation level read committed; set local synchronous_commit = on; \
    set local lock_timeout = '10s'; set local statement_timeout = '60s'; \
    set local idle_in_transaction_session_timeout = '60s'";

/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tables that are written to.
#[derive(Debug)]
pub struct Postgres {
    client: Client,
    statements: Statements,
    destination: Uuid,
    lease: i64,
}

/// Prepared statements.
#[derive(Debug)]
struct Statements {
    move_cursor: Statement,
    find_orders: Statement,
    upsert_orders: Statement,
    remove_lines: Statement,
    insert_lines: Statement,
    upsert_customers: Statement,
    move_orders: Statement,
}

impl Statements {
    async fn prepare(client: &Client, schema: &str) -> Result<Self, Error> {
        let move_cursor = format!(
            "update {schema}.wharfinger_cursor set cursor = $3, events = events + $4, updated_at = now() \
             where destination = $1::text::uuid and fence = $2"
        );
        let find_orders = format!(
            "select id::text, revision, position from {schema}.orders where id = any($1::text[]::uuid[])"
        );
        let remove_lines =
            format!("delete from {schema}.order_lines where order_id = any($1::text[]::uuid[])");
        let move_orders = format!(
            "update {schema}.orders set state = moved.state, position = moved.position, \
             updated_at = to_timestamp(moved.at_ms / 1000.0) \
             from unnest($1::text[]::uuid[], $2::text[], $3::bigint[], $4::bigint[]) as moved (id, state, at_ms, position) \
             where orders.id = moved.id and orders.position < moved.position"
        );
        Ok(Self {
            move_cursor: client.prepare(&move_cursor).await?,
            find_orders: client.prepare(&find_orders).await?,
            upsert_orders: client
                .prepare(&columns::upsert(schema, "orders", ORDERS, &["id"]))
                .await?,
            remove_lines: client.prepare(&remove_lines).await?,
            insert_lines: client
                .prepare(&columns::insert(schema, "order_lines", LINES))
                .await?,
            upsert_customers: client
                .prepare(&columns::upsert(
                    schema,
                    "customers",
                    CUSTOMERS,
                    &["organisation", "key"],
                ))
                .await?,
            move_orders: client.prepare(&move_orders).await?,
        })
    }
}

/// A row of an order that is there.
struct Known {
    revision: i32,
    position: i64,
}

impl Postgres {
    /// Connects, and makes or updates the tables.
    pub(super) async fn open(
        settings: &PostgresSettings,
        opening: Opening<'_>,
    ) -> Result<Self, Failure> {
        let target = settings.target().map_err(Failure::refused)?;
        let mut addresses = Vec::new();
        for (host, port) in target.places() {
            let found = opening.guard.resolve(&host, port).await;
            let found = found.map_err(|refused| super::forbidden(&refused))?;
            addresses.extend(found.into_iter().map(|address| (host.clone(), address)));
        }
        let connected = target.connect_to(&addresses).await;
        let client = connected.map_err(Failure::unreachable)?;
        let schema = format!("\"{}\"", settings.schema);
        schema::prepare(&client, &schema, &opening).await?;
        let statements = Statements::prepare(&client, &schema).await.map_err(fault)?;
        Ok(Self {
            client,
            statements,
            destination: opening.destination.id,
            lease: opening.lease,
        })
    }

    /// Writes the rows of events, and the cursor after the last one.
    pub(super) async fn deliver(&mut self, events: &[Outgoing<'_>]) -> Result<Taken, Failure> {
        let Some(last) = events.last() else {
            return Ok(Taken::default());
        };
        let cursor = URL_SAFE_NO_PAD.encode(last.delivery.next.encode());
        let changes = Changes::read(events).map_err(Failure::refused)?;
        let write = self.write(&changes, &cursor, events.len());
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(written) => written?,
            Err(_) => {
                return Err(Failure::timeout(format!(
                    "the database has not taken {} events within {} s",
                    events.len(),
                    PATIENCE.as_secs()
                )));
            }
        }
        Ok(Taken {
            events: events.len(),
        })
    }

    async fn write(
        &self,
        changes: &Changes<'_>,
        cursor: &str,
        events: usize,
    ) -> Result<(), Failure> {
        let (client, statements) = (&self.client, &self.statements);
        client.batch_execute(BEGIN).await.map_err(fault)?;
        let id = self.destination.to_string();
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 4] = [&id, &self.lease, &cursor, &events];
        let moved = client.execute(&statements.move_cursor, &parameters).await;
        if moved.map_err(fault)? == 0 {
            return Err(Failure::fenced(
                "another server delivers to this destination by now",
            ));
        }
        self.write_orders(&changes.orders).await?;
        if !changes.moved.is_empty() {
            self.move_orders(&changes.moved).await?;
        }
        client.batch_execute("commit").await.map_err(fault)
    }

    /// Writes those orders that no later event has written.
    async fn write_orders(&self, orders: &[Changed<'_>]) -> Result<(), Failure> {
        let (client, statements) = (&self.client, &self.statements);
        let known = self.known(orders).await?;
        let mut written = Vec::with_capacity(orders.len());
        let (mut with_lines, mut replaced) = (Vec::new(), Vec::new());
        for changed in orders {
            let position = i64::try_from(changed.position).unwrap_or(i64::MAX);
            let Some(known) = known.get(&*changed.order.id.0) else {
                written.push(changed);
                with_lines.push(changed);
                continue;
            };
            if known.position > position {
                continue;
            }
            written.push(changed);
            let is_again = known.position == position;
            let is_new = i64::from(known.revision) != i64::from(changed.order.revision);
            if is_again || is_new || changed.changes_lines {
                with_lines.push(changed);
                replaced.push(&*changed.order.id.0);
            }
        }
        if written.is_empty() {
            return Ok(());
        }
        let (rows, customers) = rows::rows(&written, self.destination);
        let lines = line_rows(&with_lines).map_err(Failure::refused)?;
        let done = client
            .execute(&statements.upsert_orders, &rows.parameters())
            .await;
        done.map_err(fault)?;
        if !replaced.is_empty() {
            let done = client.execute(&statements.remove_lines, &[&replaced]).await;
            done.map_err(fault)?;
        }
        if !lines.is_empty() {
            let done = client
                .execute(&statements.insert_lines, &lines.parameters())
                .await;
            done.map_err(fault)?;
        }
        if !customers.is_empty() {
            let done = client
                .execute(&statements.upsert_customers, &customers.parameters())
                .await;
            done.map_err(fault)?;
        }
        Ok(())
    }

    /// The rows of these orders that are there.
    async fn known(&self, orders: &[Changed<'_>]) -> Result<HashMap<String, Known>, Failure> {
        let ids = Vec::from_iter(orders.iter().map(|changed| &*changed.order.id.0));
        let find = &self.statements.find_orders;
        let found = self.client.query(find, &[&ids]).await.map_err(fault)?;
        let known = found.iter().map(|row| {
            let known = Known {
                revision: row.get(1),
                position: row.get(2),
            };
            (row.get(0), known)
        });
        Ok(known.collect())
    }

    /// Writes the states of orders of which nothing else is known.
    async fn move_orders(&self, moved: &[Moved]) -> Result<(), Failure> {
        // The last event of each order decides.
        let mut last = HashMap::new();
        for moved in moved {
            last.insert(&moved.id, moved);
        }
        let (mut ids, mut states) = (Vec::new(), Vec::new());
        let (mut times, mut positions) = (Vec::new(), Vec::new());
        for moved in last.into_values() {
            ids.push(&moved.id);
            states.push(moved.state);
            times.push(moved.at_ms);
            positions.push(i64::try_from(moved.position).unwrap_or(i64::MAX));
        }
        let parameters: [&(dyn ToSql + Sync); 4] = [&ids, &states, &times, &positions];
        let update = self
            .client
            .execute(&self.statements.move_orders, &parameters);
        update.await.map_err(fault)?;
        Ok(())
    }
}

/// Explains an error of the database. Says nothing of the rows: they are about persons.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn fault(error: Error) -> Failure {
    let Some(refusal) = error.as_db_error() else {
        if error.is_closed() {
            return Failure::unreachable("the database has closed the connection");
        }
        let source = std::error::Error::source(&error);
        let why = source.map_or_else(|| error.to_string(), ToString::to_string);
        return Failure::unreachable(format!("the connection to the database failed: {why}"));
    };
    let (code, message) = (refusal.code(), refusal.message());
    if *code == SqlState::DISK_FULL {
        return Failure::new(
            "full",
            "the disk of the database is full; free some space there",
        );
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return Failure::refused(format!(
            "the database refuses: {message}; grant the user what it lacks, or let it create the schema itself (grant create on database)"
        ));
    }
    let class = code.code().get(..2).unwrap_or_default();
    match class {
        "57" | "08" => Failure::unreachable(format!("the database is not available: {message}")),
        "22" => Failure::refused(format!(
            "the database cannot take a value of a row ({})",
            code.code()
        )),
        _ => Failure::refused(format!("the database refuses: {message} ({})", code.code())),
    }
}
