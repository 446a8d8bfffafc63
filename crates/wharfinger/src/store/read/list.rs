//! Lists of orders across organisations and dialects: through an index where one fits, otherwise along the journal.

mod by_prefix;
mod in_order;
mod newest;

use wharfinger_core::order::ids::OrganisationId;

use super::orders::{load, not_in_index, shown_texts};
use crate::store::Store;
use crate::store::api::StoreError;
use crate::store::api::{FoundOrder, ListCursor, ListOrders, ListPage, ListedBy};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailKey;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::{Lookup, OrderRow};
use crate::store::journal::dialects::{dialect_name, find_dialect};
use crate::store::journal::end::{Counters, read_all_counters};
use crate::store::journal::read::Journal;

/// Journal entries that are read for a page, at most.
const ENTRIES_PER_PAGE_MAX: usize = 100_000;
/// The cost of an organisation, or of a block without wanted orders, in entries.
const LOOK_ENTRIES: usize = 8;
/// Bytes of text at which a page is full.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// Whether the page has room for more.
type GoesOn = bool;

impl Store {
    /// Lists orders of many organisations and dialects.
    pub async fn list(&self, request: ListOrders) -> Result<ListPage, StoreError> {
        let key = self.email_key;
        let read = move |connection: &Connection| list(connection, key, &request);
        self.readers.read(read).await
    }
}

/// Reads a page of a list.
pub(crate) fn list(
    connection: &Connection,
    email_key: EmailKey,
    request: &ListOrders,
) -> Result<ListPage, Fault> {
    let wants_total = request.with_total && request.is_counted();
    let dialect = match request.dialect {
        None => None,
        Some(name) => match find_dialect(connection, name)? {
            None => {
                let total = wants_total.then_some(0);
                return Ok(ListPage {
                    total,
                    ..ListPage::default()
                });
            }
            known => known,
        },
    };
    let mut listing = Listing {
        connection,
        request,
        dialect,
        journal: Journal::new(connection),
        lookup: Lookup::new(connection),
        entries_left: ENTRIES_PER_PAGE_MAX,
        bytes: 0,
        page: ListPage::default(),
    };
    let listed_by = request.listed_by();
    let mut counters = Vec::new();
    if wants_total || matches!(listed_by, ListedBy::Newest | ListedBy::Key) {
        counters = read_all_counters(connection, &request.organisations)?;
        counters.retain(|(_, of)| listing.counted(of) > 0);
    }
    if wants_total {
        let counts = counters.iter().map(|(_, of)| listing.counted(of));
        listing.page.total = Some(counts.sum());
    }
    listing.page.next = match listed_by {
        ListedBy::Newest => newest::fill(&mut listing, &counters)?,
        ListedBy::Key => by_prefix::fill(&mut listing, &counters)?,
        ListedBy::Creation | ListedBy::Change | ListedBy::Text => {
            in_order::fill(&mut listing, email_key)?
        }
    };
    Ok(listing.page)
}

/// A page that is being filled.
struct Listing<'c> {
    connection: &'c Connection,
    request: &'c ListOrders,
    /// The number of the requested dialect.
    dialect: Option<DialectId>,
    journal: Journal<'c>,
    lookup: Lookup<'c>,
    entries_left: usize,
    bytes: usize,
    page: ListPage,
}

impl Listing<'_> {
    /// How many orders of the requested dialect and states an organisation with these counters has.
    fn counted(&self, counters: &Counters) -> u64 {
        let states = counters.states.iter();
        let states = states.filter(|(id, _)| self.dialect.is_none_or(|of| of == *id));
        let counts = states.map(|(_, counts)| counts.sum(&self.request.states));
        counts.sum::<i64>().cast_unsigned()
    }

    /// Whether an order in a final state may be wanted. If not, blocks without open orders are passed over.
    fn wants_final(&self) -> bool {
        self.request.states.iter().any(|state| !state.is_open())
    }

    /// Counts work, in entries. Returns whether the page may do more.
    fn spend(&mut self, entries: usize) -> GoesOn {
        let may_go_on = self.entries_left > 0;
        self.entries_left = self.entries_left.saturating_sub(entries);
        may_go_on
    }

    /// Adds an order at an address in the list, if it is wanted there and the page has room.
    fn take(
        &mut self,
        at: EntryAddr,
        order: EntryAddr,
        key: Option<&str>,
    ) -> Result<GoesOn, Fault> {
        if let Some((row, key)) = self.wanted(at, order, key)? {
            let is_full =
                self.page.orders.len() >= self.request.limit || self.bytes >= PAGE_BYTES_MAX;
            let found = match (&self.request.keep, is_full) {
                (None, true) => return Ok(false),
                (_, _) => self.load(&row, key)?,
            };
            if self.request.keep.as_ref().is_none_or(|keep| keep(&found)) {
                if is_full {
                    return Ok(false);
                }
                self.bytes += found.order.texts.iter().map(String::len).sum::<usize>();
                self.page.orders.push(found);
            }
        }
        Ok(true)
    }

    /// The index row and the key of an order, if it meets all conditions except the one on its content.
    fn wanted(
        &mut self,
        at: EntryAddr,
        order: EntryAddr,
        key: Option<&str>,
    ) -> Result<Option<(OrderRow, String)>, Fault> {
        let request = self.request;
        let entry_outcome = self.journal.entry_outcome(at)?;
        if self.journal.is_of_purged(at, entry_outcome)? {
            return Ok(None);
        }
        let head = self.journal.head(order.block())?;
        let (dialect, created_at_ms) = (head.dialect, head.at_ms);
        let batch = head.batches.of(order.ordinal());
        if request.batch.is_some() && batch != request.batch
            || self.dialect.is_some_and(|wanted| wanted != dialect)
            || request
                .created_from_ms
                .is_some_and(|from| created_at_ms < from)
            || request
                .created_before_ms
                .is_some_and(|before| created_at_ms >= before)
        {
            return Ok(None);
        }
        let key = match key {
            Some(key) => key.to_owned(),
            None => self.journal.key_at(at, order)?,
        };
        let prefix = request.key_prefix.as_ref();
        if request.key.as_ref().is_some_and(|wanted| *wanted != key)
            || prefix.is_some_and(|prefix| !key.starts_with(prefix))
        {
            return Ok(None);
        }
        let key_space = KeySpace::new(order.block().organisation(), dialect);
        let Some((row, _)) = self.lookup.at(&key_space, &key, order)? else {
            return Err(not_in_index(order));
        };
        let stands_here = match request.listed_by() {
            ListedBy::Newest | ListedBy::Key | ListedBy::Creation => true,
            ListedBy::Change => row.last_change() == at,
            ListedBy::Text => shown_texts(&mut self.journal, &row)?.last() == Some(&at),
        };
        let is_wanted = stands_here
            && request.states.contains(&row.state)
            && request
                .number
                .is_none_or(|wanted| row.number == Some(wanted));
        if !is_wanted {
            return Ok(None);
        }
        if let Some(from) = request.updated_from_ms
            && self.journal.head(row.last_change().block())?.at_ms < from
        {
            return Ok(None);
        }
        Ok(Some((row, key)))
    }

    fn load(&mut self, row: &OrderRow, key: String) -> Result<FoundOrder, Fault> {
        let dialect = self.journal.head(row.id.block())?.dialect;
        Ok(FoundOrder {
            organisation: row.id.block().organisation(),
            dialect: dialect_name(self.connection, dialect)?,
            order: load(&mut self.journal, row, key)?,
        })
    }
}

/// The cursor after an address, in lists by address.
fn after(organisation: OrganisationId, place: EntryAddr) -> ListCursor {
    ListCursor::Place {
        organisation,
        place: place.0,
    }
}

/// The fault if a cursor is of another kind of list.
fn of_other_list() -> Fault {
    Fault::Client(StoreError::BadCursor)
}
