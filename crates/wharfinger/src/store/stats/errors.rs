//! Reading why orders were rejected, grouped by cause.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, hash_map};

use super::deltas::Entry;
use super::shown::{Shown, each_log_row, each_row};
use super::steps::covering;
use super::sums::LastSeen;
use crate::store::Store;
use crate::store::api::causes::cause_pointer;
use crate::store::api::{
    ErrorCause, ErrorExample, ErrorPage, ErrorPlace, ErrorSum, ReadErrors, Step, StoreError,
};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::journal::dialects::{dialect_name, find_dialect};
use crate::store::receipts::extents::{read_organisation, stored_organisation};
use crate::store::receipts::rejections::{self, Wanted};

/// Causes that an answer tells apart, at most. The others are one group.
const CAUSES_MAX: usize = 20_000;

/// Causes that a query adds up on their own, at most. Further ones are added to the others at once.
const ADDED_MAX: usize = 5 * CAUSES_MAX;

/// The code of the group of all other causes of a dialect. No problem has it.
const OTHER: &str = "other";

impl Store {
    /// Why orders were rejected, those causes first that have the most open orders.
    pub async fn errors(&self, request: ReadErrors) -> Result<ErrorPage, StoreError> {
        let read = move |connection: &Connection| errors(connection, &request);
        self.readers.read(read).await
    }
}

/// How often orders were rejected for a cause.
#[derive(Default)]
struct Group {
    orders: u64,
    closed: u64,
    senders: HashSet<u32>,
    /// The last order, with its organisation as the tables have it.
    last: Option<(LastSeen, u32)>,
}

impl Group {
    fn open(&self) -> u64 {
        self.orders.saturating_sub(self.closed)
    }

    fn add(&mut self, other: Self) {
        self.orders += other.orders;
        self.closed += other.closed;
        self.senders.extend(other.senders);
        self.last = self.last.max(other.last);
    }
}

/// The group of all other causes of a dialect.
fn other(dialect: DialectId) -> (DialectId, String, String) {
    (dialect, OTHER.to_owned(), String::new())
}

/// The causes that a query has found.
struct Groups {
    causes: HashMap<(DialectId, String, String), Group>,
    /// A number for each API key.
    keys: HashMap<String, u32>,
}

impl Groups {
    fn of(&mut self, dialect: DialectId, (code, pointer): (&str, &str)) -> &mut Group {
        // Older sums have pointers with names that a sender chose.
        let mut key = (dialect, code.to_owned(), cause_pointer(code, pointer));
        if self.causes.len() >= ADDED_MAX && !self.causes.contains_key(&key) {
            key = other(dialect);
        }
        self.causes.entry(key).or_default()
    }

    /// Keeps the largest causes, and adds the rest to one group of each dialect.
    fn fold(&mut self, most: usize) {
        if self.causes.len() <= most {
            return;
        }
        let mut causes = Vec::from_iter(self.causes.drain());
        causes.sort_by_cached_key(|(key, group)| {
            (Reverse((group.open(), group.orders)), key.clone())
        });
        let rest = causes.split_off(most);
        self.causes.extend(causes);
        for ((dialect, ..), group) in rest {
            self.causes.entry(other(dialect)).or_default().add(group);
        }
    }

    /// The number of an API key.
    fn sender(&mut self, key_id: &str) -> u32 {
        if let Some(known) = self.keys.get(key_id) {
            return *known;
        }
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.insert(key_id.to_owned(), number);
        number
    }
}

pub(super) fn errors(connection: &Connection, request: &ReadErrors) -> Result<ErrorPage, Fault> {
    let mut only = None;
    if let Some(name) = &request.dialect {
        only = find_dialect(connection, name)?;
        if only.is_none() {
            // It has not been used yet.
            return Ok(ErrorPage::default());
        }
    }
    let mut groups = Groups {
        causes: HashMap::new(),
        keys: HashMap::new(),
    };
    read_sums(connection, request, only, &mut groups)?;
    read_log(connection, request, only, &mut groups)?;
    groups.fold(CAUSES_MAX);
    let mut found = sorted(connection, request, groups.causes)?;
    let has_more = found.len() > request.limit;
    found.truncate(request.limit);
    let next = found.last().filter(|_| has_more);
    let next = next.map(|(sum, _)| place(sum));
    attach_examples(connection, &mut found)?;
    let errors = found.into_iter().map(|(sum, _)| sum);
    Ok(ErrorPage {
        errors: errors.collect(),
        next,
    })
}

fn read_sums(
    connection: &Connection,
    request: &ReadErrors,
    only: Option<DialectId>,
    groups: &mut Groups,
) -> Result<(), Fault> {
    let shown = Shown::new(&request.visible, request.organisation);
    let looked_up = shown.looked_up();
    let columns =
        "organisation, dialect, code, pointer, key_id, orders, closed, last_ms, batch, batch_index";
    for (step, begins) in covering([request.from_ms, request.to_ms], Step::Day) {
        let steps = (step, begins.as_slice());
        let table = ("error_causes", columns);
        each_row(connection, table, steps, looked_up.as_deref(), |row| {
            let stored = row.get(0)?;
            let dialect = row.get(1)?;
            let key_id: String = row.get(4)?;
            let is_shown = shown.has(read_organisation(stored), &key_id);
            if !is_shown || only.is_some_and(|only| only != dialect) {
                return Ok(());
            }
            let (code, pointer): (String, String) = (row.get(2)?, row.get(3)?);
            let orders = row.get::<i64>(5)?.cast_unsigned();
            let sender = (orders > 0).then(|| groups.sender(&key_id));
            let group = groups.of(dialect, (&code, &pointer));
            group.orders += orders;
            group.closed += row.get::<i64>(6)?.cast_unsigned();
            group.senders.extend(sender);
            let (at_ms, index) = (row.get(7)?, row.get(9)?);
            let batch = row.get::<Option<[u8; 16]>>(8)?;
            let last = batch.map(|batch| {
                (
                    LastSeen {
                        at_ms,
                        batch,
                        index,
                    },
                    stored,
                )
            });
            group.last = group.last.max(last);
            Ok(())
        })?;
    }
    Ok(())
}

fn read_log(
    connection: &Connection,
    request: &ReadErrors,
    only: Option<DialectId>,
    groups: &mut Groups,
) -> Result<(), Fault> {
    let shown = Shown::new(&request.visible, request.organisation);
    let time = request.from_ms..request.to_ms;
    each_log_row(connection, |row| {
        let key_id = &row.key_id;
        Ok(row.each(|at, organisation, entry| {
            let is_other = only.is_some_and(|only| only != at.dialect);
            if is_other || !time.contains(&at.minute_ms) || !shown.has(organisation, key_id) {
                return;
            }
            match entry {
                Entry::Outcomes(_) => {}
                Entry::Closed { cause } => {
                    groups.of(at.dialect, cause).closed += 1;
                }
                Entry::Rejected {
                    cause,
                    count,
                    batch,
                    received_at_ms,
                } => {
                    let sender = groups.sender(key_id);
                    let group = groups.of(at.dialect, cause);
                    let last = LastSeen {
                        at_ms: received_at_ms,
                        batch: batch.to_bytes(),
                        index: count.last_index,
                    };
                    group.orders += count.orders;
                    group.senders.insert(sender);
                    let last = (last, stored_organisation(organisation));
                    group.last = group.last.max(Some(last));
                }
            }
        })?)
    })
}

/// The causes as a list, sorted, from the place on where the page begins, and one more than the page has.
fn sorted(
    connection: &Connection,
    request: &ReadErrors,
    causes: HashMap<(DialectId, String, String), Group>,
) -> Result<Vec<(ErrorSum, Option<Wanted>)>, Fault> {
    let mut names = HashMap::new();
    let mut found = Vec::new();
    for ((dialect, code, pointer), group) in causes {
        let open = group.open();
        if group.orders == 0 || request.only_open && open == 0 {
            continue;
        }
        let name = match names.entry(dialect) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(new) => new.insert(dialect_name(connection, dialect)?),
        };
        let cause = ErrorCause {
            dialect: name.clone(),
            code,
            pointer,
        };
        let wanted = group.last.map(|(last, organisation)| Wanted {
            batch: last.batch(),
            organisation: read_organisation(organisation),
            index: last.index,
        });
        let sum = ErrorSum {
            cause,
            count: group.orders,
            open,
            senders: group.senders.len() as u64,
            last_seen_ms: group.last.map_or(0, |(last, _)| last.at_ms),
            example: None,
        };
        found.push((sum, wanted));
    }
    let rank =
        |open: u64, count: u64, cause: &ErrorCause| (Reverse(open), Reverse(count), cause.clone());
    if let Some(after) = &request.after {
        let after = rank(after.open, after.count, &after.cause);
        found.retain(|(sum, _)| rank(sum.open, sum.count, &sum.cause) > after);
    }
    found.sort_by_cached_key(|(sum, _)| rank(sum.open, sum.count, &sum.cause));
    found.truncate(request.limit.saturating_add(1));
    Ok(found)
}

fn place(sum: &ErrorSum) -> ErrorPlace {
    ErrorPlace {
        open: sum.open,
        count: sum.count,
        cause: sum.cause.clone(),
    }
}

/// Reads the messages of the last orders from their receipts.
fn attach_examples(
    connection: &Connection,
    found: &mut [(ErrorSum, Option<Wanted>)],
) -> Result<(), Fault> {
    let mut wanted = Vec::from_iter(found.iter().filter_map(|(_, wanted)| *wanted));
    wanted.sort_unstable();
    wanted.dedup();
    let errors = rejections::errors_of(connection, &wanted)?;
    for (sum, wanted) in found {
        let Some((wanted, errors)) = wanted.and_then(|wanted| errors.get_key_value(&wanted)) else {
            continue;
        };
        let ErrorCause { code, pointer, .. } = &sum.cause;
        let of_cause = errors
            .iter()
            .find(|error| error.code == *code && cause_pointer(code, &error.pointer) == *pointer);
        sum.example = of_cause.map(|error| ErrorExample {
            batch: wanted.batch,
            index: wanted.index,
            message: error.message.clone(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_beyond_the_most_are_one_group_with_exact_totals() {
        let mut groups = Groups {
            causes: HashMap::new(),
            keys: HashMap::new(),
        };
        for at in 0..10_u64 {
            let dialect = DialectId(1 + i64::from(at == 3));
            let group = groups.of(dialect, ("missing", &format!("/a{at}")));
            group.orders = at + 1;
            group.closed = u64::from(at < 2);
            group.senders.insert(u32::from(at > 3));
        }
        groups.fold(10);
        assert_eq!(groups.causes.len(), 10, "there are not too many");
        groups.fold(4);
        let sums = groups.causes.iter();
        let mut sums = Vec::from_iter(sums.map(|((dialect, code, pointer), group)| {
            let senders = group.senders.len();
            (
                dialect.0,
                code.as_str(),
                pointer.as_str(),
                group.orders,
                group.open(),
                senders,
            )
        }));
        sums.sort_unstable();
        let expected = [
            (1, "missing", "/a6", 7, 7, 1),
            (1, "missing", "/a7", 8, 8, 1),
            (1, "missing", "/a8", 9, 9, 1),
            (1, "missing", "/a9", 10, 10, 1),
            (1, OTHER, "", 1 + 2 + 3 + 5 + 6, 15, 2),
            (2, OTHER, "", 4, 4, 1),
        ];
        assert_eq!(sums, expected);
    }
}
