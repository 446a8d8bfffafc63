//! Destinations as they are shown: the definition, how far it is, and how far behind.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::attempts::latest_failure;
use crate::clock;
use crate::store::Store;
use crate::store::api::{
    Attempt, DeliveryLag, Destination, DestinationStatus, Parked, Progress, StoreError,
};
use crate::store::directory::destinations::passed::passed_position;
use crate::store::directory::destinations::rows;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal;
use crate::store::journal::end::{Counters, read_all_counters, written_after};
use crate::store::journal::read::{Order, blocks_up_to};
use crate::store::journal::rows as blocks;

/// Organisations that one search returns, at most.
const SEARCHED_MAX: usize = 1_024;
/// Organisations whose oldest event is looked for, at most.
const OLDEST_OF_MAX: usize = 1_024;

impl Store {
    /// All destinations, in the order of their creation.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn destinations(&self) -> Result<Vec<DestinationStatus>, StoreError> {
        let read = |connection: &Connection| {
            let all = rows::all(connection)?.into_iter();
            let all = all.map(|destination| status(connection, destination));
            all.filter_map(Result::transpose).collect()
        };
        self.readers.read(read).await
    }

    /// The destination with this id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn destination(&self, id: Uuid) -> Result<Option<DestinationStatus>, StoreError> {
        let read = move |connection: &Connection| match rows::find(connection, id)? {
            Some(destination) => status(connection, destination),
            None => Ok(None),
        };
        self.readers.read(read).await
    }

    /// The parked order keys of a destination. Those that are tried again come first, in the order of their times.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn parked_orders(&self, id: Uuid) -> Result<Vec<Parked>, StoreError> {
        let read = move |connection: &Connection| rows::parked(connection, id);
        self.readers.read(read).await
    }

    /// How far a destination is behind, if it has come this far.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn delivery_lag(
        &self,
        destination: &Arc<Destination>,
        progress: &Progress,
    ) -> Result<DeliveryLag, StoreError> {
        let (destination, progress) = (Arc::clone(destination), progress.clone());
        let read = move |connection: &Connection| lag(connection, &destination, &progress);
        self.readers.read(read).await
    }
}

/// All destinations, with how far behind they are and their latest failed attempts.
pub(in crate::store) fn of_all(
    connection: &Connection,
) -> Result<Vec<(DestinationStatus, DeliveryLag, Option<Attempt>)>, Fault> {
    let mut found = Vec::new();
    for destination in rows::all(connection)? {
        if let Some(status) = status(connection, destination)? {
            let lag = lag(connection, &status.destination, &status.progress)?;
            let failed = latest_failure(connection, status.destination.id)?;
            found.push((status, lag, failed));
        }
    }
    Ok(found)
}

/// Adds how far a destination is. `None` if it has just been deleted.
fn status(
    connection: &Connection,
    destination: Destination,
) -> Result<Option<DestinationStatus>, Fault> {
    let id = destination.id;
    let Some(progress) = rows::progress(connection, id)? else {
        return Ok(None);
    };
    let select = "select count(*), count(next_at_ms), min(next_at_ms) from parked_orders where destination = ?1";
    let mut select = connection.prepare_cached(select)?;
    let (parked, tried, next_at_ms) = select.query_row([id.into_bytes()], |row| {
        Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get(2)?))
    })?;
    let select =
        "select lease_until_ms from destination_progress where id = ?1 and lease_owner is not null";
    let mut select = connection.prepare_cached(select)?;
    let until_ms: Option<i64> = select
        .query_row([id.into_bytes()], |row| row.get(0))
        .optional()?;
    Ok(Some(DestinationStatus {
        destination: Arc::new(destination),
        progress,
        parked: parked.cast_unsigned(),
        given_up: (parked - tried).cast_unsigned(),
        next_at_ms,
        is_leased: until_ms.is_some_and(|until_ms| until_ms > clock::now_ms()),
    }))
}

fn lag(
    connection: &Connection,
    destination: &Destination,
    progress: &Progress,
) -> Result<DeliveryLag, Fault> {
    let cursor = progress.cursor.as_ref();
    let mut lag = DeliveryLag::default();
    let mut looked = 0;
    behind(
        connection,
        destination,
        progress,
        |organisation, counters| {
            let passed = passed_position(connection, cursor, (organisation, counters))?;
            let start = journal::start::start(connection, organisation)?.position;
            let passed = passed.max(start - 1);
            lag.events += (counters.position - 1).saturating_sub(passed);
            looked += 1;
            if passed + 1 < counters.position && looked <= OLDEST_OF_MAX {
                let position = i64::try_from(passed + 1).unwrap_or(i64::MAX);
                let block = blocks_up_to(connection, organisation, Order::Position, position)?;
                let begins = blocks::begins(connection, BlockId::new(organisation, block))?;
                let at_ms = begins.map(|begins| begins.latest_ms);
                lag.oldest_at_ms = lag.oldest_at_ms.into_iter().chain(at_ms).min();
            }
            Ok(())
        },
    )?;
    lag.events = lag.events.saturating_sub(progress.done.len() as u64);
    if lag.events == 0 {
        lag.oldest_at_ms = None;
    }
    Ok(lag)
}

/// Calls `with` with each organisation of a destination that may have events behind its cursor.
fn behind(
    connection: &Connection,
    destination: &Destination,
    progress: &Progress,
    mut with: impl FnMut(OrganisationId, &Counters) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if let OrgAccess::Only(ids) = &destination.reach {
        for (organisation, counters) in read_all_counters(connection, ids)? {
            with(organisation, &counters)?;
        }
        return Ok(());
    }
    let cursor = progress.cursor.as_ref();
    let from = cursor.map_or(0, |cursor| cursor.from);
    let unfinished = cursor.map_or(&[][..], |cursor| &cursor.lagging);
    let mut left = HashSet::<_>::from_iter(unfinished.iter().map(|(of, _)| *of));
    let mut next = OrganisationId(0);
    loop {
        let found = written_after(connection, from, (next, SEARCHED_MAX))?;
        for (organisation, counters) in &found.found {
            left.remove(organisation);
            with(*organisation, counters)?;
        }
        let Some(last) = found.last else { break };
        next = OrganisationId(last.0.saturating_add(1));
    }
    let left = Vec::from_iter(left);
    for (organisation, counters) in read_all_counters(connection, &left)? {
        with(organisation, &counters)?;
    }
    Ok(())
}
