//! The tables of sums, and adding entries of the log to them.

use std::collections::{BTreeMap, HashSet};

use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::Counts;
use wharfinger_core::reading::email::is_mentioned;

use super::ALL;
use super::deltas::{Entry, LogRow, listed};
use crate::store::api::Step;
use crate::store::engine::driver::{Connection, Insert, Row, ToValue, Value, params};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::varint::Damage;
use crate::store::receipts::extents::stored_organisation;
use crate::store::receipts::mentions::keys_that_reach;

/// The key of a sum of outcomes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OutcomesKey {
    at_ms: i64,
    organisation: i64,
    dialect: DialectId,
    /// Empty if the organisation is known.
    key_id: String,
}

/// The key of a cause's sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CauseKey {
    at_ms: i64,
    organisation: i64,
    dialect: DialectId,
    code: String,
    pointer: String,
    key_id: String,
}

/// How often orders were rejected for a cause.
#[derive(Clone, Copy, Debug, Default)]
struct CauseSum {
    orders: u64,
    closed: u64,
    last: Option<LastSeen>,
}

/// The last order that was rejected for a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LastSeen {
    /// When its batch was received, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its batch.
    pub batch: [u8; 16],
    /// Its position in the batch.
    pub index: u32,
}

impl CauseSum {
    fn add(&mut self, other: Self) {
        self.orders += other.orders;
        self.closed += other.closed;
        self.last = self.last.max(other.last);
    }
}

/// Sums of minutes that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Sums {
    outcomes: BTreeMap<OutcomesKey, Counts>,
    causes: BTreeMap<CauseKey, CauseSum>,
}

static OUTCOMES: Insert<10> = Insert::new(
    "stats",
    [
        ("step", "bigint"),
        ("at_ms", "bigint"),
        ("organisation", "bigint"),
        ("dialect", "bigint"),
        ("key_id", "text"),
        ("accepted", "bigint"),
        ("updated", "bigint"),
        ("unchanged", "bigint"),
        ("rejected", "bigint"),
        ("withheld", "bigint"),
    ],
    "on conflict (step, at_ms, organisation, dialect, key_id) do update set accepted = stats.accepted + excluded.accepted, \
     updated = stats.updated + excluded.updated, unchanged = stats.unchanged + excluded.unchanged, \
     rejected = stats.rejected + excluded.rejected, withheld = stats.withheld + excluded.withheld where sound(stats.intact)",
);

static CAUSES: Insert<12> = Insert::new(
    "error_causes",
    [
        ("step", "bigint"),
        ("at_ms", "bigint"),
        ("organisation", "bigint"),
        ("dialect", "bigint"),
        ("code", "text"),
        ("pointer", "text"),
        ("key_id", "text"),
        ("orders", "bigint"),
        ("closed", "bigint"),
        ("last_ms", "bigint"),
        ("batch", "bytea"),
        ("batch_index", "bigint"),
    ],
    "on conflict (step, at_ms, organisation, dialect, code, pointer, key_id) do update set \
     orders = error_causes.orders + excluded.orders, closed = error_causes.closed + excluded.closed, \
     last_ms = case when excluded.last_ms >= error_causes.last_ms then excluded.last_ms else error_causes.last_ms end, \
     batch = case when excluded.last_ms >= error_causes.last_ms then excluded.batch else error_causes.batch end, \
     batch_index = case when excluded.last_ms >= error_causes.last_ms then excluded.batch_index else error_causes.batch_index end \
     where sound(error_causes.intact)",
);

impl Sums {
    /// How many rows there are for each step.
    pub(super) fn len(&self) -> usize {
        self.outcomes.len() + self.causes.len()
    }

    /// Adds the entries of a row of the log.
    pub(super) fn add(&mut self, row: &LogRow) -> Result<(), Damage> {
        let key_id = &row.key_id;
        row.each(|at, organisation, entry| {
            let (at_ms, dialect) = (at.minute_ms, at.dialect);
            let (cause, sum) = match entry {
                Entry::Outcomes(counts) => {
                    let mut count = |organisation, key_id: &str| {
                        let key = OutcomesKey {
                            at_ms,
                            organisation,
                            dialect,
                            key_id: key_id.to_owned(),
                        };
                        *self.outcomes.entry(key).or_default() += counts;
                    };
                    match organisation {
                        Some(organisation) => {
                            count(organisation.0.into(), "");
                            count(ALL, "");
                        }
                        None => count(0, key_id),
                    }
                    return;
                }
                Entry::Closed { cause } => {
                    let closed = CauseSum {
                        closed: 1,
                        ..CauseSum::default()
                    };
                    (cause, closed)
                }
                Entry::Rejected {
                    cause,
                    count,
                    batch,
                    received_at_ms,
                } => {
                    let last = LastSeen {
                        at_ms: received_at_ms,
                        batch: batch.to_bytes(),
                        index: count.last_index,
                    };
                    let rejected = CauseSum {
                        orders: count.orders,
                        closed: 0,
                        last: Some(last),
                    };
                    (cause, rejected)
                }
            };
            let key = CauseKey {
                at_ms,
                organisation: stored_organisation(organisation).into(),
                dialect,
                code: cause.0.to_owned(),
                pointer: cause.1.to_owned(),
                key_id: key_id.clone(),
            };
            self.causes.entry(key).or_default().add(sum);
        })
    }

    /// Adds the sums to the tables, for steps of each length that are still kept.
    pub(super) fn write(mut self, connection: &Connection, now_ms: i64) -> Result<(), Fault> {
        for step in Step::ALL {
            // A step of one length lies in one of the next length.
            self = self.in_steps(step);
            let from_ms = step.kept_from_ms(now_ms);
            let outcomes = self.outcomes.iter().filter(|(key, _)| key.at_ms >= from_ms);
            let causes = self.causes.iter().filter(|(key, _)| key.at_ms >= from_ms);
            connection.insert_all(&OUTCOMES, outcomes.map(|row| outcomes_row(step, row)))?;
            connection.insert_all(&CAUSES, causes.map(|row| cause_row(step, row)))?;
        }
        Ok(())
    }

    fn in_steps(self, step: Step) -> Self {
        let mut longer = Self::default();
        for (mut key, counts) in self.outcomes {
            key.at_ms = step.floor(key.at_ms);
            *longer.outcomes.entry(key).or_default() += counts;
        }
        for (mut key, sum) in self.causes {
            key.at_ms = step.floor(key.at_ms);
            longer.causes.entry(key).or_default().add(sum);
        }
        longer
    }
}

fn outcomes_row<'r>(step: Step, (key, counts): (&'r OutcomesKey, &Counts)) -> [Value<'r>; 10] {
    let [accepted, updated, unchanged, rejected, withheld] =
        listed(*counts).map(|count| Value::Integer(count.cast_signed()));
    [
        Value::Integer(step.number()),
        Value::Integer(key.at_ms),
        Value::Integer(key.organisation),
        Value::Integer(key.dialect.0),
        key.key_id.to_value(),
        accepted,
        updated,
        unchanged,
        rejected,
        withheld,
    ]
}

fn cause_row<'r>(step: Step, (key, sum): (&'r CauseKey, &'r CauseSum)) -> [Value<'r>; 12] {
    let last = sum.last.as_ref();
    [
        Value::Integer(step.number()),
        Value::Integer(key.at_ms),
        Value::Integer(key.organisation),
        Value::Integer(key.dialect.0),
        key.code.to_value(),
        key.pointer.to_value(),
        key.key_id.to_value(),
        Value::Integer(sum.orders.cast_signed()),
        Value::Integer(sum.closed.cast_signed()),
        Value::Integer(last.map_or(0, |last| last.at_ms)),
        last.map_or(Value::Null, |last| last.batch.to_value()),
        Value::Integer(last.map_or(0, |last| last.index.into())),
    ]
}

/// Removes an e-mail address from the causes of an organisation, and from those of orders without a known organisation that a key
/// with access to it has sent. The counts stay, under an empty pointer. What is still in the log must be rolled up before.
pub(crate) fn erase_mentions(
    connection: &Connection,
    (organisation, address): (OrganisationId, &str),
) -> Result<(), Fault> {
    let keys = format!(
        "select id from {} as reached",
        keys_that_reach(connection.engine())
    );
    let mut keys = connection.prepare_cached(&keys)?;
    let keys = keys.query_map([organisation.0], |row| row.get::<String>(0))?;
    let keys = HashSet::<String>::from_iter(keys);
    let mut erased = BTreeMap::<(Step, CauseKey), CauseSum>::new();
    let mut gone = Vec::new();
    {
        let select = "select step, at_ms, organisation, dialect, code, pointer, key_id, orders, closed, last_ms, batch, batch_index \
                      from error_causes where organisation in (?1, 0) and sound(error_causes.intact)";
        let mut select = connection.prepare_cached(select)?;
        let mut rows = select.query_lazily([organisation.0])?;
        while let Some(row) = rows.next()? {
            let (step, key, sum) = read_cause(&row)?;
            let may_concern = key.organisation != 0 || keys.contains(&key.key_id);
            if may_concern && is_mentioned(&key.pointer, address) {
                let without = CauseKey {
                    pointer: String::new(),
                    ..key.clone()
                };
                erased.entry((step, without)).or_default().add(sum);
                gone.push((step, key));
            }
        }
    }
    let delete = "delete from error_causes where step = ?1 and at_ms = ?2 and organisation = ?3 and dialect = ?4 and code = ?5 \
                  and pointer = ?6 and key_id = ?7";
    let mut delete = connection.prepare_cached(delete)?;
    for (step, key) in &gone {
        let CauseKey {
            at_ms,
            organisation,
            dialect,
            code,
            pointer,
            key_id,
        } = key;
        delete.execute(params![
            step.number(),
            at_ms,
            organisation,
            dialect,
            code,
            pointer,
            key_id
        ])?;
    }
    let rows = erased
        .iter()
        .map(|((step, key), sum)| cause_row(*step, (key, sum)));
    Ok(connection.insert_all(&CAUSES, rows)?)
}

fn read_cause(row: &Row<'_>) -> Result<(Step, CauseKey, CauseSum), Fault> {
    let step = row.get::<i64>(0)?;
    let unknown = || Fault::Damaged("a sum of the statistics is of an unknown length".into());
    let step = Step::ALL.into_iter().find(|known| known.number() == step);
    let key = CauseKey {
        at_ms: row.get(1)?,
        organisation: row.get(2)?,
        dialect: row.get(3)?,
        code: row.get(4)?,
        pointer: row.get(5)?,
        key_id: row.get(6)?,
    };
    let at_ms = row.get(9)?;
    let index = row.get(11)?;
    let last = row.get::<Option<[u8; 16]>>(10)?;
    let sum = CauseSum {
        orders: row.get::<i64>(7)?.cast_unsigned(),
        closed: row.get::<i64>(8)?.cast_unsigned(),
        last: last.map(|batch| LastSeen {
            at_ms,
            batch,
            index,
        }),
    };
    Ok((step.ok_or_else(unknown)?, key, sum))
}

impl LastSeen {
    /// The id of its batch.
    pub(super) fn batch(self) -> BatchId {
        BatchId::from_bytes(self.batch)
    }
}
