//! Reading orders back: by key, or walking the index in the order of creation.

use rusqlite::{Connection, Row, params};
use wharfinger_core::dialect::{OrderQuery, StoredOrder};
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::outcome::State;

use super::fault::Fault;
use super::journal::{Journal, Order, blocks_up_to};
use super::rows::{self, COLUMNS, OrderRow};
use super::work::find_dialect;
use crate::store::place::{BlockId, Place};
use crate::store::slots::Mark;
use crate::store::{OrderCursor, OrderPage, ReadOrders, Revision};

/// An order's row, and its key unless that was released.
type Found = (OrderRow, Option<String>);

/// Reads a page of orders.
pub(super) fn orders(connection: &Connection, request: &ReadOrders) -> Result<OrderPage, Fault> {
    let Some(dialect) = find_dialect(connection, request.dialect)? else {
        return Ok(OrderPage::default());
    };
    let query = &*request.query;
    let mut page = PageInMaking {
        query,
        after: request.after,
        journal: Journal::new(connection),
        matched: 0,
        page: OrderPage::default(),
        is_cut: false,
    };
    let (from, to) = creation_range(connection, request.organisation, query)?;
    if let Some(keys) = &query.keys {
        let mut found = by_keys(connection, request.organisation, dialect, keys)?;
        found
            .retain(|(row, _)| (from..to).contains(&row.id.0) && query.states.contains(&row.state));
        found.sort_by_key(|(row, _)| row.id);
        found.dedup_by_key(|(row, _)| row.id);
        if query.newest_first {
            found.reverse();
        }
        for found in found {
            if !page.take(found)? {
                break;
            }
        }
    } else {
        walk(connection, dialect, (from, to), &mut page)?;
    }
    Ok(page.finish())
}

/// The places, from the first up to but not with the second, of what was created in the time that is asked for.
fn creation_range(
    connection: &Connection,
    organisation: OrganisationId,
    query: &OrderQuery,
) -> Result<(i64, i64), Fault> {
    let up_to = |bound| blocks_up_to(connection, organisation, Order::Time, bound);
    let before_first = match query.created_from_ms {
        Some(from) => up_to(from.saturating_sub(1))?,
        None => 0,
    };
    let last = match query.created_to_ms {
        Some(to) => up_to(to)?,
        None => u32::MAX - 1,
    };
    let start = |number| BlockId::new(organisation, number).entry(0).0;
    Ok((start(before_first + 1), start(last + 1)))
}

fn by_keys(
    connection: &Connection,
    organisation: OrganisationId,
    dialect: i64,
    keys: &[String],
) -> Result<Vec<Found>, Fault> {
    let condition = "organisation = ?1 and dialect = ?2 and key = ?3";
    let select = format!("select {COLUMNS}, key from orders where {condition}");
    let mut select = connection.prepare_cached(&select)?;
    let mut found = Vec::new();
    for key in keys {
        let mut rows = select.query(params![organisation.0, dialect, key])?;
        if let Some(row) = rows.next()? {
            found.push(read_found(row)?);
        }
    }
    Ok(found)
}

fn read_found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok((rows::read(row)?, row.get(6)?))
}

/// Walks the orders of a range of places.
fn walk(
    connection: &Connection,
    dialect: i64,
    (mut from, mut to): (i64, i64),
    page: &mut PageInMaking<'_>,
) -> Result<(), Fault> {
    let query = page.query;
    let source = source(&query.states);
    // Without a condition on content the index can count by itself, and the walk ends with the page.
    if let (None, Some(count_max)) = (&query.keep, query.count_max) {
        let count = format!("select count(*) from (select 1 {source} limit ?4)");
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let mut count = connection.prepare_cached(&count)?;
        let total: i64 = count.query_row((dialect, from, to, count_max), |row| row.get(0))?;
        page.page.total = total.cast_unsigned();
    }
    if let (Some(OrderCursor(after)), false) = (page.after, page.counts_by_walking()) {
        if query.newest_first {
            to = to.min(after);
        } else {
            from = from.max(after.saturating_add(1));
        }
    }
    let direction = if query.newest_first { "desc" } else { "asc" };
    let select = format!("select {COLUMNS}, key {source} order by id {direction}");
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query((dialect, from, to))?;
    while let Some(row) = rows.next()? {
        if !page.take(read_found(row)?)? {
            break;
        }
    }
    Ok(())
}

/// The part of a statement that says which orders: of dialect ?1, from place ?2 up to place ?3, in these states.
fn source(states: &[State]) -> String {
    let is_open = |state: &State| matches!(state, State::Draft | State::Pending);
    // Open orders have an index of their own, since they are few among many.
    let (index, condition) = if states.iter().all(is_open) {
        ("indexed by orders_open", "and state < 2")
    } else {
        ("not indexed", "")
    };
    let numbers: Vec<String> = states
        .iter()
        .map(|state| rows::state_number(*state).to_string())
        .collect();
    let numbers = numbers.join(", ");
    format!(
        "from orders {index} where dialect = ?1 and id >= ?2 and id < ?3 {condition} and state in ({numbers})"
    )
}

/// A page being filled.
struct PageInMaking<'q> {
    query: &'q OrderQuery,
    after: Option<OrderCursor>,
    journal: Journal<'q>,
    /// Orders that matched so far.
    matched: u64,
    page: OrderPage,
    /// Whether there is more behind the page.
    is_cut: bool,
}

impl PageInMaking<'_> {
    /// Whether the total is known only by looking at each order.
    fn counts_by_walking(&self) -> bool {
        let needs_look = self.query.keep.is_some() || self.query.keys.is_some();
        needs_look && self.query.count_max.is_some()
    }

    /// Takes the next order; whether more are wanted.
    fn take(&mut self, (row, key): Found) -> Result<bool, Fault> {
        let mut order = None;
        if let Some(keep) = &self.query.keep {
            let loaded = load(&mut self.journal, &row, key.clone())?;
            if !keep(&loaded) {
                return Ok(true);
            }
            order = Some(loaded);
        }
        self.matched += 1;
        let is_passed_over = match self.after {
            Some(OrderCursor(after)) if self.query.newest_first => row.id.0 >= after,
            Some(OrderCursor(after)) => row.id.0 <= after,
            None => self.matched <= self.query.offset,
        };
        if !is_passed_over {
            if (self.page.orders.len() as u64) < self.query.limit {
                let order = match order {
                    Some(order) => order,
                    None => load(&mut self.journal, &row, key)?,
                };
                self.page.orders.push(order);
                self.page.next = Some(OrderCursor(row.id.0));
            } else {
                self.is_cut = true;
            }
        }
        let is_counting = self.counts_by_walking() && Some(self.matched) < self.query.count_max;
        Ok(!self.is_cut || is_counting)
    }

    fn finish(mut self) -> OrderPage {
        if self.counts_by_walking() {
            self.page.total = self.matched.min(self.query.count_max.unwrap_or_default());
        }
        if !self.is_cut {
            self.page.next = None;
        }
        self.page
    }
}

/// Reads an order's content.
fn load(
    journal: &mut Journal<'_>,
    row: &OrderRow,
    key: Option<String>,
) -> Result<StoredOrder, Fault> {
    let mut texts = Vec::new();
    let mut place = row.latest;
    loop {
        texts.push(journal.text(place)?.to_owned());
        match journal.mark(place)? {
            Mark::Updated {
                previous,
                amendment: true,
                ..
            } if previous < place => place = previous,
            _ => break,
        }
    }
    texts.reverse();
    let key = match (key, row.number) {
        (Some(key), _) => key,
        (None, Some(number)) => number.to_string(),
        (None, None) => journal.key(row.id)?,
    };
    let head = journal.head(row.id.block())?;
    Ok(StoredOrder {
        created_at_ms: head.at_ms,
        id: journal.order_id(row.id)?,
        key,
        number: row.number,
        state: row.state,
        revision: row.revision,
        texts,
    })
}

/// Every revision of the order that holds a key, oldest first.
pub(super) fn history(
    connection: &Connection,
    organisation: OrganisationId,
    dialect: &str,
    key: &str,
) -> Result<Vec<Revision>, Fault> {
    let Some(dialect) = find_dialect(connection, dialect)? else {
        return Ok(Vec::new());
    };
    let found = by_keys(connection, organisation, dialect, &[key.to_owned()])?;
    let Some((row, _)) = found.first() else {
        return Ok(Vec::new());
    };
    let mut journal = Journal::new(connection);
    let mut revisions = Vec::new();
    let mut next = Some(row.latest);
    while let Some(place) = next {
        let (revision, previous) = match journal.mark(place)? {
            Mark::Accepted => (1, None),
            Mark::Updated {
                revision, previous, ..
            } if previous < place => (revision, Some(previous)),
            _ => return Err(misplaced(place)),
        };
        let head = journal.head(place.block())?;
        let at_ms = head.at_ms;
        let batch = head.batch.ok_or_else(|| misplaced(place))?;
        revisions.push(Revision {
            revision,
            at_ms,
            batch,
            text: journal.text(place)?.to_owned(),
        });
        next = previous;
    }
    revisions.reverse();
    Ok(revisions)
}

fn misplaced(place: Place) -> Fault {
    Fault::Damaged(format!(
        "at place {} there is no revision of an order",
        place.0
    ))
}
