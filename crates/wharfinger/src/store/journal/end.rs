//! The end of an organisation's journal: the counters of what comes next.

mod written;

use std::sync::LazyLock;
use std::time::Duration;

use wharfinger_core::order::ids::OrganisationId;

pub(crate) use self::written::{
    WrittenAfter, latest_stamp, latest_stamp_up_to, stamps_after, written_after,
};
use super::state_counts::StatesByDialect;
use crate::store::engine::driver::{Connection, Insert, OptionalExtension, Row, Session, Value};
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
use crate::store::format::id_map::{IdMap, IdSet};
use crate::store::format::varint::{Damage, read_number, read_signed, write_number, write_signed};

/// How far an organisation's journal extends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalEnd {
    /// The number of the next block.
    pub block: u32,
    /// The position of the next event.
    pub position: u64,
}

impl JournalEnd {
    /// The end of an empty journal.
    pub(crate) const START: Self = Self {
        block: 1,
        position: 1,
    };
}

/// The counters of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// The number of its next block.
    pub block: u32,
    /// The position of its next event.
    pub position: u64,
    /// The next order number to assign.
    pub number: u64,
    /// When the latest block was written.
    pub last_ms: i64,
    /// The latest time of any block.
    pub latest_ms: i64,
    /// The number of the last block whose time is earlier than that of a block before it. 0 if there is none.
    pub back_block: u32,
    /// The epoch of the latest block.
    pub epoch: i64,
    /// The stamp of the latest block. 0 if there is none.
    pub stamp: i64,
    /// How many of its orders are in each state.
    pub states: StatesByDialect,
}

impl Counters {
    /// Those of an organisation without a journal.
    const START: Self = Self {
        block: 1,
        position: 1,
        number: 1,
        last_ms: 0,
        latest_ms: 0,
        back_block: 0,
        epoch: 0,
        stamp: 0,
        states: StatesByDialect::NONE,
    };

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        write_number(&mut out, self.block.into());
        write_number(&mut out, self.position);
        write_number(&mut out, self.number);
        write_signed(&mut out, self.last_ms);
        write_signed(&mut out, self.latest_ms);
        write_number(&mut out, self.back_block.into());
        write_signed(&mut out, self.epoch);
        write_signed(&mut out, self.stamp);
        out.extend_from_slice(&self.states.encode());
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, Damage> {
        let bytes = &mut bytes;
        let block = |bytes: &mut &[u8]| {
            let number = u32::try_from(read_number(bytes)?);
            number.map_err(|_| Damage("the number of a block is out of range"))
        };
        Ok(Self {
            block: block(bytes)?,
            position: read_number(bytes)?,
            number: read_number(bytes)?,
            last_ms: read_signed(bytes)?,
            latest_ms: read_signed(bytes)?,
            back_block: block(bytes)?,
            epoch: read_signed(bytes)?,
            stamp: read_signed(bytes)?,
            states: StatesByDialect::decode(bytes)?,
        })
    }

    /// How far the journal extends.
    pub(crate) fn end(&self) -> JournalEnd {
        JournalEnd {
            block: self.block,
            position: self.position,
        }
    }
}

const COLUMNS: [(&str, &str); 10] = [
    ("organisation", "bigint"),
    ("next_block", "bigint"),
    ("next_position", "bigint"),
    ("next_number", "bigint"),
    ("last_ms", "bigint"),
    ("latest_ms", "bigint"),
    ("back_block", "bigint"),
    ("epoch", "bigint"),
    ("stamp", "bigint"),
    ("states", "bytea"),
];
/// The counters of one organisation, of several, and of several whose rows are locked, on Citus.
static SELECT: LazyLock<String> = LazyLock::new(|| select("organisation = ?1", ""));
static SELECT_ALL: LazyLock<String> =
    LazyLock::new(|| select("organisation = any(?1::bigint[])", ""));
static LOCK_ALL: LazyLock<String> = LazyLock::new(|| {
    let lock = "order by organisation for update";
    select("organisation = any(?1::bigint[])", lock)
});

fn select(condition: &str, then: &str) -> String {
    let columns = COLUMNS.map(|(name, _)| name).join(", ");
    format!("select {columns} from counters where {condition} and sound(counters.intact) {then}")
}

static WRITE: Insert<10> = Insert::new(
    "counters",
    COLUMNS,
    "on conflict (organisation) do update set next_block = excluded.next_block, \
           next_position = excluded.next_position, next_number = excluded.next_number, last_ms = excluded.last_ms, \
           latest_ms = excluded.latest_ms, back_block = excluded.back_block, epoch = excluded.epoch, \
           stamp = excluded.stamp, states = excluded.states",
);
static CREATE: Insert<10> =
    Insert::new("counters", COLUMNS, "on conflict (organisation) do nothing");

/// The rows that stand for organisations when these are locked. They are not those of the counters, which are changed when recent
/// changes are merged, whoever has locked the organisation.
const LOCK_FREE: &str = "select organisation from organisation_locks where organisation = any(?1::bigint[]) \
    order by organisation for update skip locked";
/// The same, and only counts the rows. They are nearly always all, so their ids need not be sent.
static LOCK_AND_COUNT: LazyLock<String> =
    LazyLock::new(|| format!("select count(*) from ({LOCK_FREE}) as locked"));
const LOCKS_OF: &str =
    "select organisation from organisation_locks where organisation = any(?1::bigint[])";
const CREATE_LOCKS: &str = "insert into organisation_locks (organisation) select unnest(?1::bigint[]) on conflict do nothing";

/// On Citus, a statement cannot lock rows of several nodes in a certain order. The coordinator therefore locks the ids before. The
/// rows must still be locked, because the crash of a node can leave a transaction prepared that the coordinator has forgotten.
const LOCK_NAMES: &str = "select pg_advisory_xact_lock(0, cast(id & 2147483647 as integer)) from unnest(?1::bigint[]) as ids (id)";
const LOCK_ROWS: &str = "update counters set epoch = epoch where organisation = any(?1::bigint[]) and sound(counters.intact)";

/// Reads the counters of an organisation. Returns the initial counters if none are stored.
pub(crate) fn read_counters(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Counters, Fault> {
    let mut found = counters_by_id(connection, &[organisation])?;
    Ok(found.remove(&organisation).unwrap_or(Counters::START))
}

/// As [`read_counters`], of several organisations, in one statement on PostgreSQL. In the order of `organisations`.
pub(crate) fn read_all_counters(
    connection: &Connection,
    organisations: &[OrganisationId],
) -> Result<Vec<(OrganisationId, Counters)>, Fault> {
    let mut found = counters_by_id(connection, organisations)?;
    let of = |id: &OrganisationId| (*id, found.remove(id).unwrap_or(Counters::START));
    Ok(organisations.iter().map(of).collect())
}

/// As [`read_all_counters`], in no order.
pub(crate) fn counters_by_id(
    connection: &Connection,
    organisations: &[OrganisationId],
) -> Result<IdMap<OrganisationId, Counters>, Fault> {
    let mut found = IdMap::default();
    found.reserve(organisations.len());
    let mut in_table = Vec::new();
    for organisation in organisations {
        match recent_counters(connection, *organisation)? {
            Some(counters) => drop(found.insert(*organisation, counters)),
            None => in_table.push(*organisation),
        }
    }
    if let Some(session) = connection.postgres() {
        select_counters(session, &in_table, &SELECT_ALL, &mut found)?;
    } else {
        let mut select = connection.prepare_cached(&SELECT)?;
        for organisation in in_table {
            let row = select.query_row([organisation.0], |row| Ok(counters_of(row)));
            found.extend(row.optional()?.transpose()?);
        }
    }
    for organisation in organisations {
        found.entry(*organisation).or_insert(Counters::START);
    }
    Ok(found)
}

/// As [`counters_by_id`], and locks the organisations until the end of the transaction. Leaves out those that others have locked. On
/// SQLite, where a transaction locks the store, that is nothing more.
///
/// Organisations must be sorted. This waits for nobody, except at the first use of an organisation, when another transaction has
/// just created its row. Of those rows too, all transactions wait in the same order, after all others, so there are no deadlocks.
///
/// On Citus it waits for the rows. `skip locked` is not possible there.
pub(crate) fn lock_free_counters(
    connection: &Connection,
    organisations: &[OrganisationId],
) -> Result<IdMap<OrganisationId, Counters>, Fault> {
    let Some(session) = connection.postgres() else {
        return counters_by_id(connection, organisations);
    };
    if organisations.is_empty() {
        return Ok(IdMap::default());
    }
    if session.is_citus() {
        return lock_on_citus(connection, organisations);
    }
    let count = session.prepare(&LOCK_AND_COUNT)?;
    let count = count.query_arrays(&[&ids(organisations)])?;
    let count: Option<i64> = count
        .first()
        .map(|row| Row::Postgres(row).get(0))
        .transpose()?;
    if count == i64::try_from(organisations.len()).ok() {
        return counters_by_id(connection, organisations);
    }
    let mut locked = select_ids(session, LOCK_FREE, organisations)?;
    if locked.len() < organisations.len() {
        let all = IdSet::from_iter(select_ids(session, LOCKS_OF, organisations)?);
        let missing = organisations.iter().copied();
        let missing = Vec::from_iter(missing.filter(|id| !all.contains(id)));
        if !missing.is_empty() {
            session
                .prepare(CREATE_LOCKS)?
                .execute_arrays(&[&ids(&missing)])?;
            locked.extend(select_ids(session, LOCK_FREE, &missing)?);
        }
    }
    // After the locks: whoever had locked them before has written what is now read.
    counters_by_id(connection, &locked)
}

/// The organisations, of these, that a statement returns.
fn select_ids(
    session: &Session,
    select: &str,
    organisations: &[OrganisationId],
) -> Result<Vec<OrganisationId>, Fault> {
    let rows = session
        .prepare(select)?
        .query_arrays(&[&ids(organisations)])?;
    let found = rows
        .iter()
        .map(|row| Row::Postgres(row).get(0).map(OrganisationId));
    Ok(found.collect::<Result<_, _>>()?)
}

/// Locks organisations on Citus, where the rows of their counters stand for them, and reads the counters.
fn lock_on_citus(
    connection: &Connection,
    organisations: &[OrganisationId],
) -> Result<IdMap<OrganisationId, Counters>, Fault> {
    let Some(session) = connection.citus() else {
        return Ok(IdMap::default());
    };
    let mut found = IdMap::default();
    lock_counters(session, organisations, &mut found)?;
    let is_missing = |id: &OrganisationId| !found.contains_key(id);
    let missing = Vec::from_iter(organisations.iter().copied().filter(is_missing));
    if !missing.is_empty() {
        let rows = missing.iter().map(|id| values(*id, &Counters::START, &[]));
        connection.insert_all(&CREATE, rows)?;
        lock_counters(session, &missing, &mut found)?;
    }
    Ok(found)
}

/// Waits until nobody else has locked the rows of these organisations, and locks them. If that takes longer than `at_most`, the
/// transaction has failed. A transaction must do this before it locks anything else that others wait for.
///
/// Organisations must be sorted: all transactions wait for rows in the same order, so that none waits for one that waits for it.
pub(crate) fn await_counters(
    session: &Session,
    organisations: &[OrganisationId],
    at_most: Duration,
) -> Result<(), Fault> {
    let ids = Vec::from_iter(ids(organisations).iter().map(i64::to_string)).join(",");
    let lock = format!(
        "select 1 from organisation_locks where organisation = any('{{{ids}}}'::bigint[]) order by organisation for update"
    );
    Ok(session.run_within(at_most, &lock)?)
}

fn lock_counters(
    session: &Session,
    organisations: &[OrganisationId],
    found: &mut IdMap<OrganisationId, Counters>,
) -> Result<(), Fault> {
    if organisations.len() == 1 {
        return select_counters(session, organisations, &LOCK_ALL, found);
    }
    let ids = ids(organisations);
    session.prepare(LOCK_NAMES)?.query_arrays(&[&ids])?;
    session.prepare(LOCK_ROWS)?.execute_arrays(&[&ids])?;
    select_counters(session, organisations, &SELECT_ALL, found)
}

fn select_counters(
    session: &Session,
    organisations: &[OrganisationId],
    select: &str,
    found: &mut IdMap<OrganisationId, Counters>,
) -> Result<(), Fault> {
    if organisations.is_empty() {
        return Ok(());
    }
    let ids = ids(organisations);
    for row in session.prepare(select)?.query_arrays(&[&ids])? {
        let (organisation, counters) = counters_of(&Row::Postgres(&row))?;
        found.insert(organisation, counters);
    }
    Ok(())
}

fn ids(organisations: &[OrganisationId]) -> Vec<i64> {
    Vec::from_iter(organisations.iter().map(|id| i64::from(id.0)))
}

fn counters_of(row: &Row<'_>) -> Result<(OrganisationId, Counters), Fault> {
    let counters = Counters {
        block: row.get(1)?,
        position: row.get::<i64>(2)?.cast_unsigned(),
        number: row.get::<i64>(3)?.cast_unsigned(),
        last_ms: row.get(4)?,
        latest_ms: row.get(5)?,
        back_block: row.get(6)?,
        epoch: row.get(7)?,
        stamp: row.get(8)?,
        states: StatesByDialect::decode(&row.get::<Vec<u8>>(9)?)?,
    };
    Ok((OrganisationId(row.get(0)?), counters))
}

/// Writes the counters of organisations.
pub(crate) fn write_counters(
    connection: &Connection,
    counters: &IdMap<OrganisationId, Counters>,
) -> Result<(), Fault> {
    let Some(recent) = connection.recent() else {
        return write_to_table(connection, counters.iter().map(|(id, of)| (*id, of)));
    };
    for (organisation, of) in counters {
        let key = organisation.0.to_be_bytes();
        recent.put(Space::Counters, &key, Some(&of.encode()))?;
    }
    Ok(())
}

fn write_to_table<'c>(
    connection: &Connection,
    counters: impl Iterator<Item = (OrganisationId, &'c Counters)>,
) -> Result<(), Fault> {
    let rows = Vec::from_iter(counters.map(|(id, of)| (id, of, of.states.encode())));
    let rows = rows.iter();
    let rows = rows.map(|(organisation, of, states)| values(*organisation, of, states));
    Ok(connection.insert_all(&WRITE, rows)?)
}

/// The recently changed counters of an organisation. `None` if the table has them.
fn recent_counters(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Option<Counters>, Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(None);
    };
    let key = organisation.0.to_be_bytes();
    let found = recent.get(Space::Counters, &key, |value| {
        Counters::decode(value.unwrap_or_default())
    })?;
    Ok(found.transpose()?)
}

/// Calls `read` with all recently changed counters.
pub(crate) fn each_recent(
    connection: &Connection,
    read: impl FnMut(OrganisationId, Counters) -> Result<(), Fault>,
) -> Result<(), Fault> {
    recent_between(connection, [0, u32::MAX], read)
}

/// As [`each_recent`], of the organisations from the first to the last.
fn recent_between(
    connection: &Connection,
    [first, last]: [u32; 2],
    mut read: impl FnMut(OrganisationId, Counters) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(());
    };
    let first = first.to_be_bytes();
    // The bound is behind the last key.
    let end = [last.to_be_bytes().as_slice(), &[0]].concat();
    let bounds: [&[u8]; 2] = [&first, &end];
    recent.range(Space::Counters, bounds, |key, value| {
        let counters = Counters::decode(value.unwrap_or_default())?;
        read(organisation_of(key)?, counters)?;
        Ok(true)
    })
}

fn organisation_of(key: &[u8]) -> Result<OrganisationId, Damage> {
    let id = key.try_into().map(u32::from_be_bytes);
    id.map(OrganisationId)
        .map_err(|_| Damage("recent counters are of no organisation"))
}

/// Merges recently changed counters into the table, each under the key of its organisation.
pub(crate) fn merge(connection: &Connection, changed: &[(&[u8], &[u8])]) -> Result<(), Fault> {
    let mut counters = Vec::with_capacity(changed.len());
    for (key, value) in changed {
        counters.push((organisation_of(key)?, Counters::decode(value)?));
    }
    write_to_table(connection, counters.iter().map(|(id, of)| (*id, of)))
}

/// Organisations that have a journal, in order.
pub(crate) fn organisations(connection: &Connection) -> Result<Vec<OrganisationId>, Fault> {
    let mut select =
        connection.prepare_cached("select organisation from counters order by organisation")?;
    let mut found = select.query_map((), |row| row.get(0).map(OrganisationId))?;
    each_recent(connection, |organisation, _| {
        found.push(organisation);
        Ok(())
    })?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn values<'v>(
    organisation: OrganisationId,
    counters: &Counters,
    states: &'v [u8],
) -> [Value<'v>; 10] {
    [
        Value::Integer(organisation.0.into()),
        Value::Integer(counters.block.into()),
        Value::Integer(counters.position.cast_signed()),
        Value::Integer(counters.number.cast_signed()),
        Value::Integer(counters.last_ms),
        Value::Integer(counters.latest_ms),
        Value::Integer(counters.back_block.into()),
        Value::Integer(counters.epoch),
        Value::Integer(counters.stamp),
        Value::Blob(states),
    ]
}
