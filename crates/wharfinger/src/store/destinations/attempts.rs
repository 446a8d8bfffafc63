//! The latest attempts to deliver to each destination.

use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;

use crate::store::Store;
use crate::store::api::{Attempt, StoreError};
use crate::store::directory::destinations::rows;
use crate::store::engine::driver::{self, Connection, OptionalExtension, Row, params};
use crate::store::engine::fault::Fault;

/// Failed attempts that are kept of a destination.
const FAILED_MAX: i64 = 1_000;

impl Store {
    /// The latest attempts to deliver to a destination, newest first: those that failed, and a few that did not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn delivery_attempts(&self, id: Uuid) -> Result<Vec<Attempt>, StoreError> {
        let read = move |connection: &Connection| all(connection, id);
        self.readers.read(read).await
    }

    /// The latest attempt to deliver to a destination that failed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn latest_failure(&self, id: Uuid) -> Result<Option<Attempt>, StoreError> {
        let read = move |connection: &Connection| latest_failure(connection, id);
        self.readers.read(read).await
    }
}

/// The columns of an attempt, in the order in which [`read`] reads them.
const COLUMNS: &str =
    "at_ms, webhook_id, organisation, position, events, attempt, result, status, took_ms, answer";

fn all(connection: &Connection, id: Uuid) -> Result<Vec<Attempt>, Fault> {
    let select = format!(
        "select {COLUMNS} from delivery_attempts where destination = ?1 and sound(delivery_attempts.intact) order by number desc"
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut attempts = select.query_map([id.into_bytes()], read)?;
    // Those that succeeded are stored later than those that failed meanwhile.
    attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.at_ms));
    Ok(attempts)
}

/// The latest attempt that failed.
pub(super) fn latest_failure(connection: &Connection, id: Uuid) -> Result<Option<Attempt>, Fault> {
    let select = format!(
        "select {COLUMNS} from delivery_attempts where destination = ?1 and is_delivered = ?2 \
         and sound(delivery_attempts.intact) order by number desc limit 1"
    );
    let mut select = connection.prepare_cached(&select)?;
    Ok(select
        .query_row((id.into_bytes(), false), read)
        .optional()?)
}

fn read(row: &Row<'_>) -> driver::Result<Attempt> {
    Ok(Attempt {
        at_ms: row.get(0)?,
        webhook_id: row.get(1)?,
        organisation: row.get(2)?,
        position: row.get::<i64>(3)?.cast_unsigned(),
        events: row.get(4)?,
        attempt: row.get(5)?,
        result: row.get(6)?,
        status: row.get(7)?,
        took_ms: row.get(8)?,
        answer: row.get(9)?,
    })
}

/// Adds attempts that failed, and drops the oldest ones. Replaces those that succeeded, if there are new ones.
pub(crate) fn add(
    connection: &Connection,
    id: Uuid,
    (failed, succeeded): (&[Attempt], Option<&[Attempt]>),
) -> Result<(), Fault> {
    if failed.is_empty() && succeeded.is_none() {
        return Ok(());
    }
    let id = id.into_bytes();
    if succeeded.is_some() {
        let delete = "delete from delivery_attempts where destination = ?1 and is_delivered = ?2";
        connection.prepare_cached(delete)?.execute((id, true))?;
    }
    let select = "select coalesce(max(number), 0) from delivery_attempts where destination = ?1";
    let mut select = connection.prepare_cached(select)?;
    let mut number: i64 = select.query_row([id], |row| row.get(0))?;
    let failed = failed.iter().map(|attempt| (attempt, false));
    let succeeded = succeeded.unwrap_or_default().iter();
    for (attempt, is_delivered) in failed.chain(succeeded.map(|attempt| (attempt, true))) {
        number += 1;
        let insert = "insert into delivery_attempts (destination, number, is_delivered, at_ms, webhook_id, organisation, position, events, \
                      attempt, result, status, took_ms, answer) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        connection.prepare_cached(insert)?.execute(params![
            id,
            number,
            is_delivered,
            attempt.at_ms,
            attempt.webhook_id,
            attempt.organisation,
            attempt.position.cast_signed(),
            attempt.events,
            attempt.attempt,
            attempt.result,
            attempt.status,
            attempt.took_ms,
            attempt.answer,
        ])?;
    }
    let delete = "delete from delivery_attempts where destination = ?1 and number <= ?2";
    let mut delete = connection.prepare_cached(delete)?;
    delete.execute((id, number - FAILED_MAX))?;
    Ok(())
}

/// Erases what receivers have answered to events of an organisation, and to requests with several events, some of which may be of it.
/// Returns how many answers there were. What is said of parked order keys may quote an answer, and is erased too.
pub(crate) fn erase(connection: &Connection, organisation: OrganisationId) -> Result<u64, Fault> {
    let update = "update delivery_attempts set answer = '' \
                  where (organisation = ?1 or events > 1) and answer <> '' and sound(delivery_attempts.intact)";
    let mut update = connection.prepare_cached(update)?;
    let erased = update.execute([organisation.0])?;
    let update = "update parked_orders set last_error = '' \
                  where organisation = ?1 and last_error <> '' and sound(parked_orders.intact)";
    connection
        .prepare_cached(update)?
        .execute([organisation.0])?;
    Ok(erased as u64)
}

/// The destinations that have got events, and are to get those of an organisation.
pub(crate) fn delivered_to(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Vec<Uuid>, Fault> {
    let mut found = Vec::new();
    for destination in rows::all(connection)? {
        let id = destination.id;
        let progress = rows::progress(connection, id)?;
        let has_some = progress.is_some_and(|progress| progress.delivered > 0);
        if has_some && destination.reach.has(organisation) {
            found.push(id);
        }
    }
    Ok(found)
}
