//! What a transaction adds to the sums: encoded at once, and stored in the log as it is.
//!
//! A row of the log has the entries of one API key. An entry begins with its kind, a minute and a dialect.

use std::collections::BTreeMap;

use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::Counts;

use super::MINUTE_MS;
use crate::store::api::causes::{CauseCount, Causes};
use crate::store::engine::driver::{Connection, Insert, Row, ToValue};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::varint::{
    Damage, pack, read_bytes, read_count, read_number, read_signed, unpack, write_number,
    write_signed,
};
use crate::store::receipts::extents::{read_organisation, stored_organisation};

const OUTCOMES: u64 = 1;
const CAUSES: u64 = 2;
const CLOSED: u64 = 3;

const DAMAGE: Damage = Damage("an entry of the statistics cannot be read");

/// A batch, as its entries name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfBatch<'b> {
    /// The API key that sent it.
    pub key_id: &'b str,
    /// Its dialect.
    pub dialect: DialectId,
    /// When it was received, in milliseconds since 1970.
    pub received_at_ms: i64,
}

/// What a transaction adds to the sums, by API key.
#[derive(Debug, Default)]
pub(crate) struct Deltas(BTreeMap<String, Vec<u8>>);

static INSERT: Insert<2> = Insert::new("stats_log", [("key_id", "text"), ("changes", "bytea")], "");

impl Deltas {
    /// Counts the outcomes of a batch.
    pub(crate) fn count(
        &mut self,
        of: OfBatch<'_>,
        counts: impl ExactSizeIterator<Item = (Option<OrganisationId>, Counts)>,
    ) {
        if counts.len() == 0 {
            return;
        }
        let out = self.begin(OUTCOMES, of);
        write_number(out, counts.len() as u64);
        for (organisation, counts) in counts {
            write_number(out, stored_organisation(organisation).into());
            write_counts(out, counts);
        }
    }

    /// Counts why orders of a batch were rejected.
    pub(crate) fn reject<'c>(
        &mut self,
        of: OfBatch<'_>,
        batch: BatchId,
        causes: impl Iterator<Item = (Option<OrganisationId>, &'c Causes)>,
    ) {
        for (organisation, causes) in causes.filter(|(_, causes)| !causes.is_empty()) {
            let out = self.begin(CAUSES, of);
            write_number(out, of.received_at_ms.rem_euclid(MINUTE_MS).cast_unsigned());
            out.extend_from_slice(&batch.to_bytes());
            write_number(out, stored_organisation(organisation).into());
            write_number(out, causes.iter().len() as u64);
            for (code, pointer, count) in causes.iter() {
                write_text(out, code);
                write_text(out, pointer);
                write_number(out, count.orders);
                write_number(out, count.last_index.into());
            }
        }
    }

    /// Counts a rejected order as mended or dismissed, for each cause of its rejection.
    pub(crate) fn close(
        &mut self,
        of: OfBatch<'_>,
        organisation: Option<OrganisationId>,
        causes: &Causes,
    ) {
        let out = self.begin(CLOSED, of);
        write_number(out, stored_organisation(organisation).into());
        write_number(out, causes.iter().len() as u64);
        for (code, pointer, _) in causes.iter() {
            write_text(out, code);
            write_text(out, pointer);
        }
    }

    fn begin(&mut self, kind: u64, of: OfBatch<'_>) -> &mut Vec<u8> {
        if !self.0.contains_key(of.key_id) {
            self.0.insert(of.key_id.to_owned(), Vec::new());
        }
        let out = self.0.get_mut(of.key_id).expect("it was just added");
        write_number(out, kind);
        write_signed(out, of.received_at_ms.div_euclid(MINUTE_MS));
        write_signed(out, of.dialect.0);
        out
    }

    /// The rows that the log would have.
    pub(super) fn into_rows(self) -> impl Iterator<Item = LogRow> {
        let rows = self.0.into_iter();
        rows.map(|(key_id, changes)| LogRow { key_id, changes })
    }

    /// Adds a row for each API key to the log. None are left.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let of_keys = std::mem::take(&mut self.0);
        let packed = of_keys.iter().map(|(key_id, changes)| {
            let mut packed = Vec::new();
            pack(&mut packed, changes);
            (key_id, packed)
        });
        let packed = Vec::from_iter(packed);
        let rows = packed.iter();
        let rows = rows.map(|(key_id, packed)| [key_id.to_value(), packed.to_value()]);
        Ok(connection.insert_all(&INSERT, rows)?)
    }
}

/// When, and in which dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct At {
    /// The beginning of the minute, in milliseconds since 1970.
    pub minute_ms: i64,
    /// The dialect of the batch.
    pub dialect: DialectId,
}

/// A part of a row of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'e> {
    /// The outcomes of a batch's orders of an organisation.
    Outcomes(Counts),
    /// A cause of rejections.
    Rejected {
        cause: (&'e str, &'e str),
        count: CauseCount,
        batch: BatchId,
        received_at_ms: i64,
    },
    /// An order that was rejected for a cause was mended or dismissed.
    Closed { cause: (&'e str, &'e str) },
}

/// A row of the log.
pub(super) struct LogRow {
    /// The API key that its entries are about.
    pub key_id: String,
    changes: Vec<u8>,
}

impl LogRow {
    /// Reads a row: its key, and its changes.
    pub(super) fn read(row: &Row<'_>, first_column: usize) -> Result<Self, Fault> {
        Ok(Self {
            key_id: row.get(first_column)?,
            changes: unpack(row.blob(first_column + 1)?)?,
        })
    }

    /// The entries of the row, each with its organisation.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(At, Option<OrganisationId>, Entry<'_>),
    ) -> Result<(), Damage> {
        let mut rest = self.changes.as_slice();
        while !rest.is_empty() {
            let kind = read_number(&mut rest)?;
            let minute = read_signed(&mut rest)?;
            let at = At {
                minute_ms: minute.checked_mul(MINUTE_MS).ok_or(DAMAGE)?,
                dialect: DialectId(read_signed(&mut rest)?),
            };
            match kind {
                OUTCOMES => {
                    for _ in 0..read_count(&mut rest)? {
                        let organisation = organisation(&mut rest)?;
                        let counts = read_counts(&mut rest)?;
                        take(at, organisation, Entry::Outcomes(counts));
                    }
                }
                CAUSES => read_causes(&mut rest, at, &mut take)?,
                CLOSED => {
                    let organisation = organisation(&mut rest)?;
                    for _ in 0..read_count(&mut rest)? {
                        let cause = (read_text(&mut rest)?, read_text(&mut rest)?);
                        take(at, organisation, Entry::Closed { cause });
                    }
                }
                _ => return Err(DAMAGE),
            }
        }
        Ok(())
    }
}

fn read_causes(
    rest: &mut &[u8],
    at: At,
    take: &mut impl FnMut(At, Option<OrganisationId>, Entry<'_>),
) -> Result<(), Damage> {
    let behind = i64::try_from(read_number(rest)?).map_err(|_| DAMAGE)?;
    let batch = read_bytes(rest, 16)?.try_into().map_err(|_| DAMAGE)?;
    let organisation = organisation(rest)?;
    for _ in 0..read_count(rest)? {
        let cause = (read_text(rest)?, read_text(rest)?);
        let count = CauseCount {
            orders: read_number(rest)?,
            last_index: u32::try_from(read_number(rest)?).map_err(|_| DAMAGE)?,
        };
        let entry = Entry::Rejected {
            cause,
            count,
            batch: BatchId::from_bytes(batch),
            received_at_ms: at.minute_ms.saturating_add(behind),
        };
        take(at, organisation, entry);
    }
    Ok(())
}

/// Most counts are 0: a byte tells which are not.
fn write_counts(out: &mut Vec<u8>, counts: Counts) {
    let counts = listed(counts);
    let present = (0..).zip(counts).filter(|(_, count)| *count > 0);
    let present = present.fold(0_u8, |mask, (at, _)| mask | 1 << at);
    out.push(present);
    for count in counts.into_iter().filter(|count| *count > 0) {
        write_number(out, count);
    }
}

fn read_counts(rest: &mut &[u8]) -> Result<Counts, Damage> {
    let present = read_bytes(rest, 1)?.first().copied().unwrap_or_default();
    let mut counts = [0; 5];
    for (at, count) in counts.iter_mut().enumerate() {
        if present & 1 << at != 0 {
            *count = read_number(rest)?;
        }
    }
    Ok(unlisted(counts))
}

/// Counts in the order of the columns.
pub(super) fn listed(counts: Counts) -> [u64; 5] {
    let Counts {
        accepted,
        updated,
        unchanged,
        rejected,
        withheld,
    } = counts;
    [accepted, updated, unchanged, rejected, withheld]
}

/// The inverse of [`listed`].
pub(super) fn unlisted(counts: [u64; 5]) -> Counts {
    let [accepted, updated, unchanged, rejected, withheld] = counts;
    Counts {
        accepted,
        updated,
        unchanged,
        rejected,
        withheld,
    }
}

fn organisation(rest: &mut &[u8]) -> Result<Option<OrganisationId>, Damage> {
    let stored = u32::try_from(read_number(rest)?).map_err(|_| DAMAGE)?;
    Ok(read_organisation(stored))
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_text<'b>(rest: &mut &'b [u8]) -> Result<&'b str, Damage> {
    let length = read_count(rest)?;
    std::str::from_utf8(read_bytes(rest, length)?).map_err(|_| DAMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_comes_back() {
        let of = OfBatch {
            key_id: "key",
            dialect: DialectId(2),
            received_at_ms: 10 * MINUTE_MS + 7,
        };
        let counts = unlisted([3, 0, 300, 0, 1]);
        let organisation = Some(OrganisationId(5));
        let mut causes = Causes::default();
        causes.note(4, "missing", "/lines/0");
        let batch = BatchId::new(10 * MINUTE_MS.cast_unsigned(), 9);
        let mut deltas = Deltas::default();
        let outcomes = [(organisation, counts), (None, unlisted([0, 0, 0, 1, 0]))];
        deltas.count(of, outcomes.into_iter());
        deltas.reject(of, batch, [(None, &causes)].into_iter());
        deltas.close(of, organisation, &causes);
        let (key_id, changes) = deltas.0.pop_first().expect("there is one key");
        let row = LogRow { key_id, changes };
        let mut found = Vec::new();
        let at = At {
            minute_ms: 10 * MINUTE_MS,
            dialect: DialectId(2),
        };
        row.each(|found_at, organisation, entry| {
            assert_eq!(found_at, at);
            found.push((organisation, format!("{entry:?}")));
        })
        .expect("it can be read");
        let cause = ("missing", "/lines/*");
        let count = CauseCount {
            orders: 1,
            last_index: 4,
        };
        let rejected = Entry::Rejected {
            cause,
            count,
            batch,
            received_at_ms: of.received_at_ms,
        };
        let expected = [
            (organisation, Entry::Outcomes(counts)),
            (None, Entry::Outcomes(unlisted([0, 0, 0, 1, 0]))),
            (None, rejected),
            (organisation, Entry::Closed { cause }),
        ];
        let expected = expected.map(|(whose, entry)| (whose, format!("{entry:?}")));
        assert_eq!(found, expected);
        for end in 0..row.changes.len() {
            let cut = LogRow {
                key_id: String::new(),
                changes: row.changes[..end].to_vec(),
            };
            // Cut between two entries, or damaged: never a panic.
            let _ = cut.each(|_, _, _| ());
        }
    }
}
