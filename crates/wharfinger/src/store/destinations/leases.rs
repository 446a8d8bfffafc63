//! Leases: of several servers on one database, one delivers to a destination.

use std::sync::Arc;

use uuid::Uuid;

use crate::clock;
use crate::store::Store;
use crate::store::api::{HeldLease, Lease, StoreError};
use crate::store::directory::destinations::rows;
use crate::store::engine::driver::{Connection, Engine, params};
use crate::store::engine::fault::Fault;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

/// How long a lease lasts after it was taken or renewed, in milliseconds.
const LEASE_MS: i64 = 15_000;

/// Destinations without a lease, or whose lease is over.
const FREE: &str = "select destinations.id from destinations join destination_progress on destination_progress.id = destinations.id \
    where state = 'active' and (lease_owner is null or lease_until_ms <= ?1) \
    and destinations.intact and destination_progress.intact order by destinations.id";

impl Store {
    /// Takes the leases of all active destinations that are free, under a random name of the server. If the server is the only one on the
    /// store, nobody else can hold a lease, and it also takes those that are not over.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn lease(&self, owner: &str, server_is_sole: bool) -> Result<Vec<Lease>, StoreError> {
        let whose = owner.to_owned();
        let look = move |connection: &Connection| {
            let others = server_is_sole.then_some(whose.as_str());
            Ok(!free(connection, others, Wanted::Seen)?.is_empty())
        };
        if !self.readers.read(look).await? {
            return Ok(Vec::new());
        }
        let whose = owner.to_owned();
        let take = move |txn: &mut WriteTxn<'_>| {
            let others = server_is_sole.then_some(whose.as_str());
            let mut taken = Vec::new();
            for id in free(txn.connection, others, Wanted::Locked)? {
                taken.push((id, take(txn.connection, id, &whose)?));
            }
            Ok(taken)
        };
        // It writes to no organisation.
        let taken = self.writer.ask_for(Task::on(1, []), take).await?;
        let load = move |connection: &Connection| {
            let mut leases = Vec::new();
            for (id, number) in taken {
                leases.extend(load(connection, id, number)?);
            }
            Ok(leases)
        };
        self.readers.read(load).await
    }

    /// Renews all leases of a server. Those that it has lost are not among the returned ones.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn renew_leases(&self, owner: &str) -> Result<Vec<HeldLease>, StoreError> {
        let owner = owner.to_owned();
        let renew = move |txn: &mut WriteTxn<'_>| renew(txn.connection, &owner);
        self.writer.ask_for(Task::on(1, []), renew).await
    }

    /// The leases that a server holds. It only reads.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn held_leases(&self, owner: &str) -> Result<Vec<HeldLease>, StoreError> {
        let owner = owner.to_owned();
        let read = move |connection: &Connection| held(connection, &owner);
        self.readers.read(read).await
    }

    /// Gives a lease back, so that another server need not wait until it is over. Does nothing if it is lost.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn release_lease(&self, id: Uuid, number: i64) -> Result<(), StoreError> {
        let release = move |txn: &mut WriteTxn<'_>| {
            let update = "update destination_progress set lease_owner = null, lease_until_ms = 0 \
                          where id = ?1 and lease_number = ?2 and sound(destination_progress.intact)";
            let mut update = txn.connection.prepare_cached(update)?;
            update.execute((id.into_bytes(), number))?;
            Ok(())
        };
        self.writer.ask_for(Task::on(1, []), release).await
    }
}

/// What is done with destinations that are free.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// They are only looked at.
    Seen,
    /// Their rows are locked. Those that another server has locked are left out.
    Locked,
}

/// Destinations that can be leased; those of all others too, if `owner` is given.
fn free(connection: &Connection, owner: Option<&str>, wanted: Wanted) -> Result<Vec<Uuid>, Fault> {
    let is_on_server = connection.engine() == Engine::Postgres;
    let mut select = FREE.to_owned();
    if owner.is_some() {
        select = select.replace(
            "lease_until_ms <= ?1",
            "lease_until_ms <= ?1 or lease_owner <> ?2",
        );
    }
    if is_on_server && wanted == Wanted::Locked {
        select += " for update of destination_progress skip locked";
    }
    let now_ms = now_ms(connection)?;
    let mut select = connection.prepare_cached(&select)?;
    let id = |row: &crate::store::engine::driver::Row<'_>| row.get(0).map(Uuid::from_bytes);
    Ok(match owner {
        Some(owner) => select.query_map(params![now_ms, owner], id)?,
        None => select.query_map([now_ms], id)?,
    })
}

/// The time by which leases end: that of the database, because several servers share it.
fn now_ms(connection: &Connection) -> Result<i64, Fault> {
    match connection.engine() {
        Engine::Sqlite => Ok(clock::now_ms()),
        Engine::Postgres => {
            let select = "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)";
            Ok(connection.query_row(select, (), |row| row.get(0))?)
        }
    }
}

/// Takes the lease of a destination whose row is locked. Returns its number.
fn take(connection: &Connection, id: Uuid, owner: &str) -> Result<i64, Fault> {
    let until_ms = now_ms(connection)?.saturating_add(LEASE_MS);
    let update = "update destination_progress set lease_owner = ?2, lease_until_ms = ?3, lease_number = lease_number + 1, \
                  lease_version = (select version from destinations where destinations.id = ?1 and sound(destinations.intact)) \
                  where id = ?1 and sound(destination_progress.intact) returning lease_number";
    let mut update = connection.prepare_cached(update)?;
    let of = params![id.into_bytes(), owner, until_ms];
    Ok(update.query_row(of, |row| row.get(0))?)
}

/// What the holder of a lease needs. `None` if the lease was lost since it was taken.
fn load(connection: &Connection, id: Uuid, number: i64) -> Result<Option<Lease>, Fault> {
    let select = "select 1 from destination_progress where id = ?1 and lease_number = ?2";
    let mut select = connection.prepare_cached(select)?;
    if !select.exists((id.into_bytes(), number))? {
        return Ok(None);
    }
    let destination = rows::find(connection, id)?;
    let progress = rows::progress(connection, id)?;
    let (Some(destination), Some(progress)) = (destination, progress) else {
        return Ok(None);
    };
    Ok(Some(Lease {
        destination: Arc::new(destination),
        progress,
        parked: rows::parked(connection, id)?,
        number,
    }))
}

fn renew(connection: &Connection, owner: &str) -> Result<Vec<HeldLease>, Fault> {
    let until_ms = now_ms(connection)?.saturating_add(LEASE_MS);
    let update = "update destination_progress set lease_until_ms = ?2 \
                  where lease_owner = ?1 and sound(destination_progress.intact)";
    let mut update = connection.prepare_cached(update)?;
    update.execute((owner, until_ms))?;
    held(connection, owner)
}

/// The leases of a server, and whether each destination is as it was when it was leased.
fn held(connection: &Connection, owner: &str) -> Result<Vec<HeldLease>, Fault> {
    let select = "select destinations.id, lease_number, lease_version = version and state = 'active' \
                  from destination_progress join destinations on destinations.id = destination_progress.id \
                  where lease_owner = ?1 order by destinations.id";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_map([owner], |row| {
        Ok(HeldLease {
            id: Uuid::from_bytes(row.get(0)?),
            number: row.get(1)?,
            is_current: row.get(2)?,
        })
    })?)
}
