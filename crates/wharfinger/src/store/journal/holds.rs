//! Why orders were held, and what was noted when they were released or refused: a row for each such entry of the journal.

use serde::{Deserialize, Serialize};
use wharfinger_core::rules::Hold;

use crate::store::engine::driver::{Connection, Insert, OptionalExtension, Value};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;

/// What is stored beside an entry.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum About {
    /// The entry holds its order.
    Hold(Hold),
    /// The entry releases or refuses its order. What the person noted.
    Note(String),
}

static INSERT: Insert<3> = Insert::new(
    "holds",
    [
        ("organisation", "bigint"),
        ("place", "bigint"),
        ("about", "text"),
    ],
    "",
);

/// Stores what belongs to new entries.
pub(crate) fn write(connection: &Connection, about: &[(EntryAddr, About)]) -> Result<(), Fault> {
    let rows = about.iter();
    let rows = Vec::from_iter(rows.map(|(addr, about)| (addr, to_json(about))));
    let rows = rows.iter().map(|(addr, json)| {
        let organisation = addr.block().organisation().0;
        [
            Value::Integer(organisation.into()),
            Value::Integer(addr.0),
            Value::Text(json),
        ]
    });
    Ok(connection.insert_all(&INSERT, rows)?)
}

/// What is stored beside an entry. `None` if nothing is.
pub(crate) fn read(connection: &Connection, entry: EntryAddr) -> Result<Option<About>, Fault> {
    let select = "select about from holds where place = ?1 and organisation = ?1 >> 42 and sound(holds.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found: Option<String> = select.query_row([entry.0], |row| row.get(0)).optional()?;
    let unreadable = |_| {
        Fault::Damaged(format!(
            "why entry {} holds its order cannot be read",
            entry.0
        ))
    };
    found
        .map(|json| serde_json::from_str(&json).map_err(unreadable))
        .transpose()
}

/// Why an entry holds its order.
///
/// # Errors
/// [`Fault::Damaged`]: it is not stored.
pub(crate) fn read_hold(connection: &Connection, entry: EntryAddr) -> Result<Hold, Fault> {
    match read(connection, entry)? {
        Some(About::Hold(hold)) => Ok(hold),
        Some(About::Note(_)) | None => Err(Fault::Damaged(format!(
            "the rule that holds the order of entry {} is not stored",
            entry.0
        ))),
    }
}

/// What was noted when an entry released or refused its order. `None` if nothing was.
pub(crate) fn read_note(
    connection: &Connection,
    entry: EntryAddr,
) -> Result<Option<String>, Fault> {
    Ok(match read(connection, entry)? {
        Some(About::Note(note)) => Some(note),
        Some(About::Hold(_)) | None => None,
    })
}

/// The entries with a note between two addresses, at most `limit` rows further. Also the last address that was looked at, if there
/// may be more.
pub(crate) fn notes_between(
    connection: &Connection,
    (after, last): (EntryAddr, EntryAddr),
    limit: usize,
) -> Result<(Vec<EntryAddr>, Option<EntryAddr>), Fault> {
    let select = "select place, about from holds where place > ?1 and place <= ?2 and organisation = ?2 >> 42 \
                  and sound(holds.intact) order by place limit ?3";
    let mut select = connection.prepare_cached(select)?;
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let found: Vec<(i64, String)> = select.query_map((after.0, last.0, rows), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let next = found.last().filter(|_| found.len() == limit);
    let next = next.map(|(place, _)| EntryAddr(*place));
    let is_note = |json: &str| matches!(serde_json::from_str(json), Ok(About::Note(_)));
    let notes = found.iter().filter(|(_, json)| is_note(json));
    Ok((notes.map(|(place, _)| EntryAddr(*place)).collect(), next))
}

/// Deletes what is stored beside an entry.
pub(crate) fn forget(connection: &Connection, entry: EntryAddr) -> Result<(), Fault> {
    let delete = "delete from holds where place = ?1 and organisation = ?1 >> 42";
    connection.prepare_cached(delete)?.execute([entry.0])?;
    Ok(())
}

fn to_json(about: &About) -> String {
    serde_json::to_string(about).expect("a hold is always JSON")
}
