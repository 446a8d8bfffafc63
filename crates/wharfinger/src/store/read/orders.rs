//! Reading orders: a page, or one order by id.

use wharfinger_core::dialect::{Held, OrderQuery, StoredOrder};
use wharfinger_core::order::ids::{OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;

use super::locate::Locator;
use super::walk::{Blocks, Walk};
use super::{by_email, fulfilment};
use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::api::{FoundOrder, OrderCursor, OrderPage, ReadOrders};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailKey;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::{Lookup, OrderRow};
use crate::store::journal::dialects::{dialect_name, find_dialect};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::holds;
use crate::store::journal::read::{Journal, blocks_before, blocks_until};
use crate::store::journal::rows::last_number;
use std::sync::Arc;

/// Bytes of text at which a page is full, whatever its limit. A page has at least one order.
const PAGE_BYTES_MAX: usize = 4 << 20;

impl Store {
    /// Reads a page of the orders of one organisation and dialect.
    pub async fn orders(&self, request: ReadOrders) -> Result<OrderPage, StoreError> {
        let key = self.email_key;
        let request = Arc::new(request);
        let mut progress = None;
        loop {
            let request = Arc::clone(&request);
            let read = move |connection: &Connection| orders(connection, key, &request, progress);
            match self.readers.read(read).await? {
                Step::Done(page) => return Ok(page),
                Step::Paused(so_far) => progress = Some(so_far),
            }
        }
    }

    /// Finds an order by its id, in any dialect, if the caller may access its organisation.
    pub async fn order(
        &self,
        id: OrderId,
        reach: &OrgAccess,
    ) -> Result<Option<FoundOrder>, StoreError> {
        let reach = reach.clone();
        let read = move |connection: &Connection| order(connection, id, &reach);
        self.readers.read(read).await
    }
}

/// The result of reading for a while.
pub(crate) enum Step {
    /// The complete page.
    Done(OrderPage),
    /// The page is not complete, but the connection was held for long enough. Reading continues from here.
    Paused(Box<Progress>),
}

/// A page that is partly filled.
pub(crate) struct Progress {
    walk: Walk,
    matched: u64,
    bytes: usize,
    page: OrderPage,
}

/// Reads a page of orders, or continues with one.
pub(crate) fn orders(
    connection: &Connection,
    key: EmailKey,
    request: &ReadOrders,
    progress: Option<Box<Progress>>,
) -> Result<Step, Fault> {
    let nothing = || Ok(Step::Done(OrderPage::default()));
    let Some(dialect) = find_dialect(connection, request.dialect)? else {
        return nothing();
    };
    let query = &*request.query;
    let key_space = KeySpace::new(request.organisation, dialect);
    let mut page = PageInMaking {
        query,
        after: request.after.map(|OrderCursor(addr)| EntryAddr(addr)),
        key_space: &key_space,
        lookup: Lookup::new(connection),
        journal: Journal::new(connection),
        matched: 0,
        bytes: 0,
        page: OrderPage::default(),
        is_cut: false,
    };
    if let Some(progress) = progress {
        page.matched = progress.matched;
        page.bytes = progress.bytes;
        page.page = progress.page;
        return page.walk(connection, progress.walk);
    }
    let blocks = created_in(connection, request.organisation, query)?;
    if query.states.is_empty() || blocks.is_empty() {
        return nothing();
    }
    match (&query.keys, &query.email) {
        (Some(keys), _) => page.take_keys(keys, &blocks)?,
        (None, Some(email)) => by_email::take(connection, key.hash(email), &blocks, &mut page)?,
        (None, None) => {
            let walk = Walk::begin(connection, blocks, &mut page)?;
            return page.walk(connection, walk);
        }
    }
    Ok(Step::Done(page.finish()))
}

/// A range of blocks that has all blocks written in the requested time. After the clock has gone back, it may have others.
fn created_in(
    connection: &Connection,
    organisation: OrganisationId,
    query: &OrderQuery,
) -> Result<Blocks, Fault> {
    let before_first = match query.created_from_ms {
        Some(from) => blocks_before(connection, organisation, from)?,
        None => 0,
    };
    let last = match query.created_to_ms {
        Some(to) => blocks_until(connection, organisation, to)?,
        None => last_number(connection, organisation)?,
    };
    Ok(before_first + 1..last.saturating_add(1))
}

/// Whether a time is in the requested range. After the clock has gone back, blocks in between may have other times.
pub(crate) fn is_created_in(query: &OrderQuery, at_ms: i64) -> bool {
    query.created_from_ms.is_none_or(|from| from <= at_ms)
        && query.created_to_ms.is_none_or(|to| at_ms <= to)
}

/// The index row of an order, and its key.
pub(crate) type Found = (OrderRow, String);

/// A page that is being filled.
pub(crate) struct PageInMaking<'q> {
    pub query: &'q OrderQuery,
    pub key_space: &'q KeySpace,
    pub journal: Journal<'q>,
    pub page: OrderPage,
    /// The page begins after this order.
    pub after: Option<EntryAddr>,
    lookup: Lookup<'q>,
    /// Orders that matched so far.
    matched: u64,
    /// Bytes of text on the page.
    bytes: usize,
    /// Whether there are more orders after the page.
    is_cut: bool,
}

impl PageInMaking<'_> {
    /// Whether the total requires reading each order.
    pub(crate) fn counts_by_walking(&self) -> bool {
        let query = self.query;
        let needs_look = query.keep.is_some() || query.keys.is_some() || query.email.is_some();
        needs_look && self.query.count_max.is_some()
    }

    fn walk(mut self, connection: &Connection, mut walk: Walk) -> Result<Step, Fault> {
        if walk.go_on(connection, &mut self)? {
            return Ok(Step::Done(self.finish()));
        }
        Ok(Step::Paused(Box::new(Progress {
            walk,
            matched: self.matched,
            bytes: self.bytes,
            page: self.page,
        })))
    }

    /// Skips those of the next orders that precede the page. All are known to match. Returns how many were skipped.
    pub(crate) fn pass_over(&mut self, orders: usize) -> usize {
        if self.after.is_some() || self.query.keep.is_some() {
            return 0;
        }
        let in_front = self.query.offset.saturating_sub(self.matched);
        let passed = usize::try_from(in_front).map_or(orders, |in_front| in_front.min(orders));
        self.matched += passed as u64;
        passed
    }

    /// Adds the orders that hold these keys, in order of creation.
    fn take_keys(&mut self, keys: &[String], blocks: &Blocks) -> Result<(), Fault> {
        let mut found = Vec::new();
        for key in keys {
            if let Some(row) = self.lookup.by_key(self.key_space, key)?
                && blocks.contains(&row.id.block().number())
                && is_created_in(self.query, self.journal.head(row.id.block())?.at_ms)
                && self.query.states.contains(&row.state)
            {
                found.push((row, key.clone()));
            }
        }
        found.sort_by_key(|(row, _)| row.id);
        found.dedup_by_key(|(row, _)| row.id);
        if self.query.newest_first {
            found.reverse();
        }
        for found in found {
            if !self.take(found)? {
                break;
            }
        }
        Ok(())
    }

    /// The order whose first revision is at `order`, if it has one of the requested states.
    pub(crate) fn find(&mut self, order: EntryAddr) -> Result<Option<Found>, Fault> {
        // Most orders on a walk are not shown, so their texts are not read.
        let key = self.journal.key_alone(order)?;
        let Some((row, _)) = self.lookup.at(self.key_space, &key, order)? else {
            return Err(not_in_index(order));
        };
        let is_wanted = self.query.states.contains(&row.state);
        Ok(is_wanted.then_some((row, key)))
    }

    /// Adds the next order, in order of creation. Returns whether more are wanted.
    pub(crate) fn take(&mut self, found: Found) -> Result<bool, Fault> {
        self.take_at(found.0.id, found)
    }

    /// Adds the next order, which is at entry address `at` in the requested order. Returns whether more are wanted.
    pub(crate) fn take_at(&mut self, at: EntryAddr, (row, key): Found) -> Result<bool, Fault> {
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
            Some(after) if self.query.newest_first => at >= after,
            Some(after) => at <= after,
            None => self.matched <= self.query.offset,
        };
        if !is_passed_over {
            let is_short = self.bytes < PAGE_BYTES_MAX || self.page.orders.is_empty();
            if is_short && (self.page.orders.len() as u64) < self.query.limit {
                let order = match order {
                    Some(order) => order,
                    None => load(&mut self.journal, &row, key)?,
                };
                self.bytes += order.texts.iter().map(String::len).sum::<usize>();
                self.page.orders.push(order);
                self.page.next = Some(OrderCursor(at.0));
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

/// The order with an id, if the caller may access it.
pub(crate) fn order(
    connection: &Connection,
    id: OrderId,
    reach: &OrgAccess,
) -> Result<Option<FoundOrder>, Fault> {
    let mut journal = Journal::new(connection);
    let Some(located) = Locator::new(connection, reach).find(&mut journal, id)? else {
        return Ok(None);
    };
    let key_space = KeySpace::new(located.organisation(), located.dialect);
    let mut lookup = Lookup::new(connection);
    let Some((row, _)) = lookup.at(&key_space, &located.key, located.addr)? else {
        return Err(not_in_index(located.addr));
    };
    Ok(Some(FoundOrder {
        organisation: located.organisation(),
        dialect: dialect_name(connection, located.dialect)?,
        order: load(&mut journal, &row, located.key)?,
    }))
}

/// The fault that the journal has an order that the index lacks.
pub(crate) fn not_in_index(order: EntryAddr) -> Fault {
    Fault::Damaged(format!(
        "the order in entry {} is not in the index",
        order.0
    ))
}

/// Reads the content of an order.
pub(crate) fn load(
    journal: &mut Journal<'_>,
    row: &OrderRow,
    key: String,
) -> Result<StoredOrder, Fault> {
    let mut texts = Vec::new();
    for addr in shown_texts(journal, row)?.into_iter().rev() {
        texts.push(journal.text(addr)?.to_owned());
    }
    let created_at_ms = journal.head(row.id.block())?.at_ms;
    let updated_at_ms = journal.head(row.last_change().block())?.at_ms;
    let organisation = row.id.block().organisation();
    let (organisation, time_zone) = journal.organisation(organisation)?.clone();
    let fulfilment = match row.changed {
        Some(_) => fulfilment::find(journal, row.id)?,
        None => None,
    };
    Ok(StoredOrder {
        organisation,
        time_zone,
        created_at_ms,
        updated_at_ms,
        id: journal.order_id(row.id)?,
        key,
        number: row.number,
        state: row.state,
        held: held(journal, row)?,
        revision: row.revision,
        texts,
        fulfilment,
        // Only dialects that number their orders support enforced catalogues.
        admission: match row.number {
            Some(_) => journal.admission(row.id)?,
            None => None,
        },
    })
}

/// Why an order is held, if it is. Its latest revision holds it.
fn held(journal: &mut Journal<'_>, row: &OrderRow) -> Result<Option<Held>, Fault> {
    if row.state != State::Held {
        return Ok(None);
    }
    Ok(Some(Held {
        hold: holds::read_hold(journal.connection(), row.latest)?,
        at_ms: journal.head(row.latest.block())?.at_ms,
    }))
}

/// The addresses of the texts that an order consists of, latest first: the amendments, then the latest full text.
pub(crate) fn shown_texts(
    journal: &mut Journal<'_>,
    row: &OrderRow,
) -> Result<Vec<EntryAddr>, Fault> {
    let mut texts = vec![row.latest];
    let mut addr = row.latest;
    while let EntryOutcome::Updated {
        previous,
        amendment: true,
        ..
    } = journal.entry_outcome(addr)?
        && previous < addr
    {
        texts.push(previous);
        addr = previous;
    }
    Ok(texts)
}
