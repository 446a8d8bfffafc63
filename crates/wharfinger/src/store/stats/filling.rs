//! Counting batches that were stored before there were statistics.
//!
//! Receipts are counted in the order of their ids, which begin with a time. The setting `stats_filled_ms` is the time up to which
//! they are counted, `stats_begin_ms` the time at which that ends: shortly after the tables were created. A transaction that stores
//! a batch with an earlier id leaves it to this, unless its time has been passed.

use std::collections::BTreeMap;

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::deltas::{Deltas, OfBatch};
use super::sums::Sums;
use crate::store::api::RecordedOutcome;
use crate::store::api::causes::Causes;
use crate::store::engine::driver::{Connection, Engine, Row};
use crate::store::engine::fault::Fault;
use crate::store::receipts::{extents, rejections};

/// Receipts that are counted at once.
const SLICE_RECEIPTS: usize = 500;

const BEGIN: &str = "stats_begin_ms";
const FILLED: &str = "stats_filled_ms";

/// Whether a batch that is being stored is left to be counted from its receipt. `begin_ms` is what [`begin_ms`] returns.
pub(crate) fn is_left(
    connection: &Connection,
    begin_ms: i64,
    batch: BatchId,
) -> Result<bool, Fault> {
    let at_ms = time_of(batch);
    // The row stays locked, so that the receipt is not overlooked.
    Ok(at_ms < begin_ms && setting(connection, FILLED, "for share")? <= at_ms)
}

/// The time from which ids of batches are not left to be counted from receipts. It does not change.
pub(crate) fn begin_ms(connection: &Connection) -> Result<i64, Fault> {
    setting(connection, BEGIN, "")
}

/// The times in ids of batches that are stored, and not counted yet.
pub(crate) struct Uncounted([i64; 2]);

impl Uncounted {
    /// Reads how far the counting has come.
    pub(crate) fn read(connection: &Connection) -> Result<Self, Fault> {
        Ok(Self([
            setting(connection, FILLED, "")?,
            begin_ms(connection)?,
        ]))
    }

    /// Whether a batch is not counted yet.
    pub(crate) fn has(&self, batch: BatchId) -> bool {
        let Self([from_ms, to_ms]) = *self;
        (from_ms..to_ms).contains(&time_of(batch))
    }
}

/// Counts some receipts. Returns whether there are more.
pub(crate) fn fill(connection: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let begin_ms = begin_ms(connection)?;
    if setting(connection, FILLED, "")? >= begin_ms {
        return Ok(false);
    }
    let filled_ms = setting(connection, FILLED, "for update")?;
    let limit = Some(SLICE_RECEIPTS);
    let mut receipts = read(connection, [filled_ms, begin_ms], limit)?;
    let mut next_ms = begin_ms;
    if receipts.len() == SLICE_RECEIPTS
        && let Some(last) = receipts.last()
    {
        // There may be more of the last time.
        next_ms = time_of(last.batch);
        receipts.retain(|receipt| time_of(receipt.batch) < next_ms);
        if receipts.is_empty() {
            next_ms = filled_ms + 1;
            receipts = read(connection, [filled_ms, next_ms], None)?;
        }
    }
    let mut deltas = Deltas::default();
    for receipt in &receipts {
        receipt.count(connection, &mut deltas)?;
    }
    let mut sums = Sums::default();
    for row in deltas.into_rows() {
        sums.add(&row)?;
    }
    sums.write(connection, now_ms)?;
    let update = "update settings set value = ?2 where name = ?1 and sound(settings.intact)";
    connection.execute(update, (FILLED, next_ms))?;
    Ok(next_ms < begin_ms)
}

/// A receipt, as far as it is counted.
struct Receipt {
    batch: BatchId,
    key_id: String,
    dialect: crate::store::format::dialect_id::DialectId,
    received_at_ms: i64,
    extents: Vec<extents::BatchExtent>,
}

impl Receipt {
    fn of(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            batch: BatchId::from_bytes(row.get(0)?),
            key_id: row.get(1)?,
            dialect: row.get(2)?,
            received_at_ms: row.get(3)?,
            extents: extents::from_json(&row.get::<String>(4)?)?,
        })
    }

    fn count(&self, connection: &Connection, deltas: &mut Deltas) -> Result<(), Fault> {
        let of = OfBatch {
            key_id: &self.key_id,
            dialect: self.dialect,
            received_at_ms: self.received_at_ms,
        };
        let counts = self.extents.iter();
        deltas.count(of, counts.map(|share| (share.organisation, share.counts)));
        if self.extents.iter().all(|share| share.counts.rejected == 0) {
            return Ok(());
        }
        let mut causes = BTreeMap::<Option<OrganisationId>, Causes>::new();
        for recorded in rejections::read_all(connection, self.batch)? {
            if let RecordedOutcome::Rejected(rejection) = recorded.outcome {
                let causes = causes.entry(recorded.organisation).or_default();
                for error in &rejection.errors {
                    causes.note(recorded.index, &error.code, &error.pointer);
                }
            }
        }
        let causes = causes.iter().map(|(whose, causes)| (*whose, causes));
        deltas.reject(of, self.batch, causes);
        Ok(())
    }
}

/// The receipts of batches with ids of a time, the first ones.
fn read(
    connection: &Connection,
    [from_ms, to_ms]: [i64; 2],
    limit: Option<usize>,
) -> Result<Vec<Receipt>, Fault> {
    let select = "select id, key_id, dialect, received_at_ms, shares from batches \
                  where id >= ?1 and id < ?2 and sound(batches.intact) order by id limit ?3";
    let id_at = |ms: i64| BatchId::new(ms.cast_unsigned(), 0).to_bytes();
    let limit = limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query((id_at(from_ms), id_at(to_ms), limit))?;
    let mut receipts = Vec::new();
    while let Some(row) = rows.next()? {
        receipts.push(Receipt::of(&row)?);
    }
    Ok(receipts)
}

/// The time at the beginning of a batch's id.
fn time_of(batch: BatchId) -> i64 {
    let [a, b, c, d, e, f, ..] = batch.to_bytes();
    i64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn setting(connection: &Connection, name: &str, lock: &str) -> Result<i64, Fault> {
    let lock = match connection.engine() {
        Engine::Postgres => lock,
        // A transaction locks the store.
        Engine::Sqlite => "",
    };
    let select =
        format!("select value from settings where name = ?1 and sound(settings.intact) {lock}");
    Ok(connection.query_row(&select, [name], |row| row.get(0))?)
}
