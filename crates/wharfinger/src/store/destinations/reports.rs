//! Reports of what was delivered.

use serde_json::json;
use uuid::Uuid;

use super::attempts;
use crate::store::Store;
use crate::store::api::{DestinationState, FeedCursor, Report, StoreError};
use crate::store::directory::destinations::{packed, rows};
use crate::store::engine::driver::{Connection, OptionalExtension, params};
use crate::store::engine::fault::Fault;
use crate::store::write::audit::write_audit;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

/// The author in the audit log of what a server does by itself.
const SERVER: &str = "server";

impl Store {
    /// Stores what a server has achieved under a lease, in one transaction. Returns whether it is to go on.
    ///
    /// If not, either the lease is lost, and nothing was stored; or the destination was paused, changed or disabled, and the report was
    /// stored. The server then stops and releases the lease.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn report(&self, id: Uuid, number: i64, report: Report) -> Result<bool, StoreError> {
        let store = move |txn: &mut WriteTxn<'_>| store(txn, (id, number), &report);
        // It locks no organisation, and so shares the commits of orders.
        self.writer.ask_for(Task::on(1, []), store).await
    }
}

fn store(txn: &WriteTxn<'_>, (id, number): (Uuid, i64), report: &Report) -> Result<bool, Fault> {
    let connection = txn.connection;
    let Report {
        progress,
        parked,
        released,
        failed,
        succeeded,
        disable,
    } = report;
    let update = "update destination_progress set cursor = ?3, done = ?4, delivered = ?5, delivered_at_ms = ?6, failing_since_ms = ?7 \
                  where id = ?1 and lease_number = ?2 and sound(destination_progress.intact)";
    let stored = connection.prepare_cached(update)?.execute(params![
        id.into_bytes(),
        number,
        progress.cursor.as_ref().map(FeedCursor::encode),
        packed::places(&progress.done),
        progress.delivered.cast_signed(),
        progress.delivered_at_ms,
        progress.failing_since_ms,
    ])?;
    if stored == 0 {
        return Ok(false);
    }
    for lane in released {
        rows::release(connection, id, *lane)?;
    }
    for parked in parked {
        rows::park(connection, id, parked)?;
    }
    attempts::add(connection, id, (failed, succeeded.as_deref()))?;
    let Some(goes_on) = goes_on(connection, id)? else {
        return Ok(false);
    };
    let Some(reason) = disable else {
        return Ok(goes_on);
    };
    if goes_on {
        let state = (DestinationState::Disabled, txn.now_ms());
        rows::set_state(connection, id, state, Some(reason))?;
        let details = json!({ "reason": reason });
        let subject = id.to_string();
        write_audit(
            txn,
            SERVER,
            "destination.disabled",
            &subject,
            Some(&details),
        )?;
    }
    Ok(false)
}

/// Whether a destination is as it was when it was leased. `None` if it was deleted.
fn goes_on(connection: &Connection, id: Uuid) -> Result<Option<bool>, Fault> {
    let select = "select lease_version = version and state = 'active' \
                  from destination_progress join destinations on destinations.id = destination_progress.id \
                  where destination_progress.id = ?1";
    let mut select = connection.prepare_cached(select)?;
    let goes_on = select.query_row([id.into_bytes()], |row| row.get(0));
    Ok(goes_on.optional()?)
}
