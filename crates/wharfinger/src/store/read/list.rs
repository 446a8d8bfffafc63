//! Lists of orders across organisations and dialects: through an index where one fits, otherwise along the journal.

use std::ops::RangeInclusive;

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::locate::block_ranges_of;
use super::orders::{load, not_in_index, shown_texts};
use crate::store::Store;
use crate::store::addresses::Search;
use crate::store::api::StoreError;
use crate::store::api::{FoundOrder, ListCursor, ListOrders, ListPage, ListedBy};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailKey;
use crate::store::format::entry_addr::{BlockId, ENTRIES_MAX, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::index::open_orders::{open_between, read_open};
use crate::store::index::order_states::is_any;
use crate::store::index::orders::{Lookup, OrderRow};
use crate::store::journal::dialects::{dialect_name, find_dialect};
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::{Journal, blocks_before, blocks_until};
use crate::store::journal::rows::{dialects_between, last_number};

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
    let dialect = match request.dialect {
        None => None,
        Some(name) => match find_dialect(connection, name)? {
            None => return Ok(ListPage::default()),
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
        seen: request.after,
        page: ListPage::default(),
    };
    for &organisation in &request.organisations {
        let low = match request.after {
            Some(after) if organisation < after.organisation => continue,
            Some(after) if organisation == after.organisation => after.place.saturating_add(1),
            Some(_) | None => BlockId::new(organisation, 1).entry(0).0,
        };
        if !listing.of_organisation(organisation, EntryAddr(low), email_key)? {
            listing.page.next = listing.seen;
            break;
        }
    }
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
    /// How far the list was read.
    seen: Option<ListCursor>,
    page: ListPage,
}

impl Listing<'_> {
    /// Adds the orders of an organisation whose entry addresses are not below `low`.
    fn of_organisation(
        &mut self,
        organisation: OrganisationId,
        low: EntryAddr,
        email_key: EmailKey,
    ) -> Result<GoesOn, Fault> {
        let request = self.request;
        if !self.spend(LOOK_ENTRIES) {
            return Ok(false);
        }
        let goes_on = if !is_any(self.connection, organisation, self.dialect, &request.states)? {
            true
        } else if let Some(key) = &request.key {
            self.by_key(organisation, key, low)?
        } else if let Some(number) = request.number {
            // The key of a numbered order is its number.
            self.by_key(organisation, &number.to_string(), low)?
        } else if let Some(batch) = request.batch {
            self.by_batch(organisation, batch, low)?
        } else {
            match (request.listed_by(), &request.email) {
                (ListedBy::Text, Some(address)) => {
                    let hash = email_key.hash(address);
                    self.by_email(&Search::from(self.connection, hash, organisation, low)?)?
                }
                (ListedBy::Change, _) => self.along_changes(organisation, low)?,
                (ListedBy::Creation | ListedBy::Text, _) => {
                    let blocks = self.created_in(organisation)?;
                    self.along_blocks(organisation, blocks, low)?
                }
            }
        };
        if goes_on {
            self.has_seen(EntryAddr(i64::MAX), organisation);
        }
        Ok(goes_on)
    }

    /// Counts work, in entries. Returns whether the page may do more.
    fn spend(&mut self, entries: usize) -> GoesOn {
        let may_go_on = self.entries_left > 0;
        self.entries_left = self.entries_left.saturating_sub(entries);
        may_go_on
    }

    fn has_seen(&mut self, place: EntryAddr, organisation: OrganisationId) {
        self.seen = Some(ListCursor {
            organisation,
            place: place.0,
        });
    }

    /// A range of blocks that has all blocks written in the requested time. After the clock has gone back, it may have others.
    fn created_in(&self, organisation: OrganisationId) -> Result<RangeInclusive<u32>, Fault> {
        let before_first = match self.request.created_from_ms {
            Some(from) => blocks_before(self.connection, organisation, from)?,
            None => 0,
        };
        let last = match self.request.created_before_ms {
            Some(before) => blocks_until(self.connection, organisation, before.saturating_sub(1))?,
            None => last_number(self.connection, organisation)?,
        };
        Ok(before_first + 1..=last)
    }

    /// Adds the orders that hold a key, and those that have released it.
    fn by_key(
        &mut self,
        organisation: OrganisationId,
        key: &str,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let mut orders = Vec::new();
        let select = "select id from dialects where sound(dialects.intact)";
        let mut select = self.connection.prepare_cached(select)?;
        let mut dialects = select.query(())?;
        while let Some(dialect) = dialects.next()? {
            let key_space = KeySpace::new(organisation, dialect.get(0)?);
            let held = self.lookup.by_key(&key_space, key)?;
            orders.extend(held.map(|row| row.id));
            let released = self
                .lookup
                .released(&key_space, key, ENTRIES_PER_PAGE_MAX)?;
            orders.extend(released);
        }
        orders.sort_unstable();
        for order in orders.into_iter().filter(|order| *order >= low) {
            if !self.spend(1) || !self.consider(order, order, Some(key))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn by_batch(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        for part in block_ranges_of(self.connection, batch)? {
            if part.first.organisation() == organisation && part.blocks > 0 {
                let last = part.first.plus(part.blocks - 1).number();
                let blocks = part.first.number()..=last;
                return self.along_blocks(organisation, blocks, low);
            }
        }
        Ok(true)
    }

    /// Adds the orders that begin in some blocks. If only open orders are wanted, reads only blocks that have some.
    fn along_blocks(
        &mut self,
        organisation: OrganisationId,
        blocks: RangeInclusive<u32>,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let wants_final = self.request.states.iter().any(|state| !state.is_open());
        let number = |number: u32| BlockId::new(organisation, number);
        let blocks = number(*blocks.start()).max(low.block())..number(*blocks.end()).plus(1);
        let connection = self.connection;
        let visit = |block: BlockId, dialect| {
            let is_wanted = self.dialect.is_none_or(|wanted| wanted == dialect);
            if !self.spend(LOOK_ENTRIES)
                || is_wanted && !self.along_block(block, wants_final, low)?
            {
                return Ok(false);
            }
            self.has_seen(block.entry(ENTRIES_MAX - 1), organisation);
            Ok(true)
        };
        if wants_final {
            return dialects_between(connection, blocks, visit);
        }
        open_between(connection, blocks, visit)
    }

    fn along_block(
        &mut self,
        block: BlockId,
        wants_final: bool,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let entry_outcomes = &self.journal.head(block)?.entry_outcomes;
        let is_new =
            |ordinal: &usize| matches!(entry_outcomes[*ordinal], EntryOutcome::Accepted { .. });
        let mut orders: Vec<_> = (0..entry_outcomes.len()).filter(is_new).collect();
        if !wants_final {
            let open = read_open(self.connection, block)?;
            orders.retain(|&ordinal| open.contains(ordinal));
        }
        for ordinal in orders {
            let order = block.entry(ordinal);
            if order >= low && (!self.spend(1) || !self.consider(order, order, None)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds orders along the feed, each at its latest change.
    fn along_changes(
        &mut self,
        organisation: OrganisationId,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let from = self.request.updated_from_ms.unwrap_or_default();
        let before = blocks_before(self.connection, organisation, from)?;
        let first = before.saturating_add(1).max(low.block().number());
        for number in first..=last_number(self.connection, organisation)? {
            let block = BlockId::new(organisation, number);
            let head = self.journal.head(block)?;
            let is_wanted = self.dialect.is_none_or(|wanted| wanted == head.dialect);
            let entry_outcomes = if is_wanted {
                head.entry_outcomes.clone()
            } else {
                Vec::new()
            };
            if !self.spend(LOOK_ENTRIES) {
                return Ok(false);
            }
            for (ordinal, entry_outcome) in entry_outcomes.into_iter().enumerate() {
                let at = block.entry(ordinal);
                if let Some(order) = entry_outcome.order(at)
                    && entry_outcome.is_event()
                    && at >= low
                    && (!self.spend(1) || !self.consider(at, order, None)?)
                {
                    return Ok(false);
                }
            }
            self.has_seen(block.entry(ENTRIES_MAX - 1), organisation);
        }
        Ok(true)
    }

    /// Adds orders along the texts with an e-mail address, each at its latest full text.
    fn by_email(&mut self, search: &Search<'_>) -> Result<GoesOn, Fault> {
        search.through(&mut |at| {
            if !self.spend(1) {
                return Ok(false);
            }
            match self.journal.entry_outcome(at)?.order(at) {
                Some(order) => self.consider(at, order, None),
                None => Ok(true),
            }
        })
    }

    /// Considers an order at an address in the list, and adds it if it is wanted there.
    fn consider(
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
        self.has_seen(at, order.block().organisation());
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
        if request.key.as_ref().is_some_and(|wanted| *wanted != key) {
            return Ok(None);
        }
        let key_space = KeySpace::new(order.block().organisation(), dialect);
        let Some((row, _)) = self.lookup.at(&key_space, &key, order)? else {
            return Err(not_in_index(order));
        };
        let stands_here = match request.listed_by() {
            ListedBy::Creation => true,
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
