//! What a backup says about the store in it.

use jiff::Timestamp;
use wharfinger_core::order::ids::OrganisationId;

use super::super::copy::refuse_unfinished;
use crate::store::api::FeedCursor;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::SharedRuns;
use crate::store::engine::schema;
use crate::store::journal::end::{latest_stamp, read_all_counters};

/// What a store contains, and how far its readers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// The version of the schema.
    pub schema: usize,
    /// A name of the store that its copies share: the random number of its first epoch.
    pub store: String,
    /// The stamp of the latest transaction with events.
    pub stamp: i64,
    /// Where the feed of each organisation ends.
    pub feeds: Vec<FeedEnd>,
    /// How far each destination is.
    pub destinations: Vec<DestinationEnd>,
}

/// Where the feed of an organisation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEnd {
    /// The organisation's code.
    pub organisation: String,
    /// The position of the last event. 0 if there is none.
    pub position: u64,
}

/// How far a destination is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationEnd {
    /// The destination's id.
    pub id: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// How many events were delivered.
    pub delivered: i64,
    /// Up to which stamp everything was delivered.
    pub stamp: i64,
    /// When the last event was delivered.
    pub delivered_at: Option<Timestamp>,
}

/// Reads the facts of a store of the current schema.
///
/// # Errors
/// [`Fault::Refused`]: it has another schema, or is an unfinished copy.
pub(super) fn read(connection: &Connection) -> Result<StoreFacts, Fault> {
    schema::require(connection)?;
    refuse_unfinished(connection)?;
    let select = "select id from epochs where number = 1 and sound(epochs.intact)";
    let store: i64 = connection.query_row(select, (), |row| row.get(0))?;
    Ok(StoreFacts {
        schema: schema::known(connection.engine()),
        store: format!("{store:016x}"),
        stamp: latest_stamp(connection)?,
        feeds: feeds(connection)?,
        destinations: destinations(connection)?,
    })
}

/// As [`read`], through SQLite's own connection.
pub(super) fn read_embedded(connection: rusqlite::Connection) -> Result<StoreFacts, Fault> {
    read(&Connection::embedded(connection, SharedRuns::default()))
}

fn feeds(connection: &Connection) -> Result<Vec<FeedEnd>, Fault> {
    let select =
        "select id, code from organisations where sound(organisations.intact) order by code";
    let mut select = connection.prepare_cached(select)?;
    let named: Vec<(OrganisationId, String)> =
        select.query_map((), |row| Ok((OrganisationId(row.get(0)?), row.get(1)?)))?;
    let mut feeds = Vec::with_capacity(named.len());
    for (id, organisation) in named {
        let counters = read_all_counters(connection, &[id])?;
        let next = counters
            .first()
            .map_or(1, |(_, counters)| counters.position);
        feeds.push(FeedEnd {
            organisation,
            position: next.saturating_sub(1),
        });
    }
    Ok(feeds)
}

fn destinations(connection: &Connection) -> Result<Vec<DestinationEnd>, Fault> {
    let select = "select d.id, d.state, p.cursor, p.delivered, p.delivered_at_ms from destinations d \
        join destination_progress p on p.id = d.id where sound(d.intact) and sound(p.intact) order by d.id";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_map((), |row| {
        let id: [u8; 16] = row.get(0)?;
        let cursor: Option<Vec<u8>> = row.get(2)?;
        let cursor = cursor.and_then(|bytes| FeedCursor::decode(&bytes));
        let at_ms: Option<i64> = row.get(4)?;
        Ok(DestinationEnd {
            id: uuid::Uuid::from_bytes(id).to_string(),
            state: row.get(1)?,
            delivered: row.get(3)?,
            stamp: cursor.map_or(0, |cursor| cursor.from),
            delivered_at: at_ms.and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok()),
        })
    })?)
}
