//! Reading why orders were rejected, grouped by cause.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::deltas::Entry;
use super::shown::{Shown, each_log_row, each_row};
use super::steps::covering;
use super::sums::LastSeen;
use crate::store::Store;
use crate::store::api::{
    ErrorCause, ErrorExample, ErrorPage, ErrorPlace, ErrorSum, ReadErrors, Step, StoreError,
};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::journal::dialects::{dialect_name, find_dialect};
use crate::store::receipts::causes::cause_pointer;
use crate::store::receipts::extents::{read_organisation, stored_organisation};
use crate::store::receipts::rejections::{self, Wanted};

/// Causes that a query adds up, at most.
const CAUSES_MAX: usize = 20_000;

impl Store {
    /// Why orders were rejected, those causes first that have the most open orders. `None` if there are too many causes.
    pub async fn errors(&self, request: ReadErrors) -> Result<Option<ErrorPage>, StoreError> {
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

/// The causes that a query has found.
struct Groups {
    causes: HashMap<(DialectId, String, String), Group>,
    /// A number for each API key.
    keys: HashMap<String, u32>,
    is_full: bool,
}

impl Groups {
    fn of(&mut self, dialect: DialectId, (code, pointer): (&str, &str)) -> Option<&mut Group> {
        let key = (dialect, code.to_owned(), pointer.to_owned());
        if self.causes.len() >= CAUSES_MAX && !self.causes.contains_key(&key) {
            self.is_full = true;
            return None;
        }
        Some(self.causes.entry(key).or_default())
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

pub(super) fn errors(
    connection: &Connection,
    request: &ReadErrors,
) -> Result<Option<ErrorPage>, Fault> {
    let mut only = None;
    if let Some(name) = &request.dialect {
        only = find_dialect(connection, name)?;
        if only.is_none() {
            // It has not been used yet.
            return Ok(Some(ErrorPage::default()));
        }
    }
    let mut groups = Groups {
        causes: HashMap::new(),
        keys: HashMap::new(),
        is_full: false,
    };
    read_sums(connection, request, only, &mut groups)?;
    read_log(connection, request, only, &mut groups)?;
    if groups.is_full {
        return Ok(None);
    }
    let mut found = sorted(connection, request, groups.causes)?;
    let has_more = found.len() > request.limit;
    found.truncate(request.limit);
    let next = found.last().filter(|_| has_more);
    let next = next.map(|(sum, _)| place(sum));
    attach_examples(connection, &mut found)?;
    let errors = found.into_iter().map(|(sum, _)| sum);
    Ok(Some(ErrorPage {
        errors: errors.collect(),
        next,
    }))
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
            let Some(group) = groups.of(dialect, (&code, &pointer)) else {
                return Ok(());
            };
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
                    if let Some(group) = groups.of(at.dialect, cause) {
                        group.closed += 1;
                    }
                }
                Entry::Rejected {
                    cause,
                    count,
                    batch,
                    received_at_ms,
                } => {
                    let sender = groups.sender(key_id);
                    let Some(group) = groups.of(at.dialect, cause) else {
                        return;
                    };
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
        let open = group.orders.saturating_sub(group.closed);
        if group.orders == 0 || request.only_open && open == 0 {
            continue;
        }
        if !names.contains_key(&dialect) {
            names.insert(dialect, dialect_name(connection, dialect)?);
        }
        let cause = ErrorCause {
            dialect: names[&dialect].clone(),
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
            .find(|error| error.code == *code && cause_pointer(&error.pointer) == *pointer);
        sum.example = of_cause.map(|error| ErrorExample {
            batch: wanted.batch,
            index: wanted.index,
            message: error.message.clone(),
        });
    }
    Ok(())
}
