//! The index by order key: a read-only lookup, and the index of a write transaction.

use super::key_space::KeySpace;
pub(crate) use super::page::OrderRow;
use super::page::Page;
use super::page_cache::{PageCache, find_page};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;

/// Whether an order still holds its order key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// It holds the key.
    Key,
    /// It has released the key.
    Nothing,
}

/// The most orders that are prefetched together.
pub(crate) const PREFETCHED_MAX: usize = 1_024;

/// The pages from the one that covers a key up to another key, in a key space that begins with `?3`.
const BETWEEN: &str = "select first, orders from order_leaves where first < ?2 and first >= coalesce( \
    (select first from order_leaves where first <= ?1 and first >= ?3 and of_organisation(?4) order by first desc limit 1), ?1) \
    and organisation = ?4 and sound(order_leaves.intact) order by first";

/// Finds orders by key, for a read-only transaction.
pub(crate) struct Lookup<'c> {
    connection: &'c Connection,
    /// The page that was read last. Neighbouring orders are often requested together.
    page: Page,
    /// The key of the table for the current lookup.
    key: String,
}

impl<'c> Lookup<'c> {
    /// A lookup with no page read.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            page: Page::default(),
            key: String::new(),
        }
    }

    /// The order that holds a key.
    pub(crate) fn by_key(
        &mut self,
        key_space: &KeySpace,
        key: &str,
    ) -> Result<Option<OrderRow>, Fault> {
        key_space.write_key(key, &mut self.key);
        self.find(key_space)
    }

    /// The order with the key of the table in `self.key`.
    fn find(&mut self, key_space: &KeySpace) -> Result<Option<OrderRow>, Fault> {
        let key = self.key.as_bytes();
        let ends = self.page.first_key().zip(self.page.last_key());
        if !ends.is_some_and(|(first, last)| first <= key && key <= last) {
            let found = find_page(self.connection, key_space, key)?;
            self.page = found.map(|(_, page)| page).unwrap_or_default();
        }
        Ok(self.page.get(key).copied())
    }

    /// Finds the order by key and first-revision address, including orders that have released the key. Also returns whether it
    /// has.
    pub(crate) fn at(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        id: EntryAddr,
    ) -> Result<Option<(OrderRow, Holds)>, Fault> {
        if let Some(row) = self.by_key(key_space, key)?
            && row.id == id
        {
            return Ok(Some((row, Holds::Key)));
        }
        self.key = key_space.released_key(key, id);
        Ok(self.find(key_space)?.map(|row| (row, Holds::Nothing)))
    }

    /// Up to `orders_max` of the orders that have released a key.
    pub(crate) fn released(
        &self,
        key_space: &KeySpace,
        key: &str,
        orders_max: usize,
    ) -> Result<Vec<EntryAddr>, Fault> {
        let [from, to] = key_space.released_bounds(key);
        let mut select = self.connection.prepare_cached(BETWEEN)?;
        let prefix = key_space.prefix().as_bytes();
        let of = key_space.organisation.0;
        let mut rows = select.query((from.as_bytes(), to.as_bytes(), prefix, of))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()?
            && found.len() < orders_max
        {
            let page = Page::decode(row.blob(1)?)?;
            let orders = page.orders();
            let orders = orders.filter(|(key, _)| *key > from.as_bytes() && *key < to.as_bytes());
            found.extend(orders.map(|(_, order)| order.id));
        }
        found.truncate(orders_max);
        Ok(found)
    }
}

/// The index of a write transaction.
pub(crate) struct OrderIndex<'c> {
    pages: PageCache<'c>,
    /// The key of the table for the current operation.
    key: String,
}

impl<'c> OrderIndex<'c> {
    /// An index with no pages read.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            pages: PageCache::new(connection),
            key: String::new(),
        }
    }

    /// Stores a new order, unless its key is taken. Returns whether the order was stored.
    pub(crate) fn insert(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        order: OrderRow,
    ) -> Result<bool, Fault> {
        key_space.write_key(key, &mut self.key);
        self.pages.insert(key_space, self.key.as_bytes(), order)
    }

    /// Whether [`Self::prefetch`] has an effect.
    pub(crate) fn can_prefetch(&self) -> bool {
        self.pages.can_prefetch()
    }

    /// Prefetches the index pages of orders that will be requested, given by key space. On PostgreSQL this saves round trips.
    pub(crate) fn prefetch<'k>(
        &mut self,
        keys: impl IntoIterator<Item = (KeySpace, Vec<&'k str>)>,
    ) -> Result<(), Fault> {
        self.pages.prefetch(keys)
    }

    /// Writes all changed pages: at the end of the transaction, or before other code reads the index from the store.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        self.pages.write()
    }

    /// The order that holds a key.
    pub(crate) fn by_key(
        &mut self,
        key_space: &KeySpace,
        key: &str,
    ) -> Result<Option<OrderRow>, Fault> {
        key_space.write_key(key, &mut self.key);
        self.pages.get(key_space, self.key.as_bytes())
    }

    /// Whether any order has released this key.
    pub(crate) fn was_released(&mut self, key_space: &KeySpace, key: &str) -> Result<bool, Fault> {
        let [from, to] = key_space.released_bounds(key);
        self.pages
            .has_between(key_space, [from.as_bytes(), to.as_bytes()])
    }

    /// Finds the order by key and first-revision address, including orders that have released the key. Also returns whether it
    /// has.
    pub(crate) fn at(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        id: EntryAddr,
    ) -> Result<Option<(OrderRow, Holds)>, Fault> {
        if let Some(row) = self.by_key(key_space, key)?
            && row.id == id
        {
            return Ok(Some((row, Holds::Key)));
        }
        let released = key_space.released_key(key, id);
        let found = self.pages.get(key_space, released.as_bytes())?;
        Ok(found.map(|row| (row, Holds::Nothing)))
    }

    /// Changes an order that holds its key or has released it.
    pub(crate) fn change(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        (id, holds): (EntryAddr, Holds),
        change: impl FnOnce(&mut OrderRow),
    ) -> Result<(), Fault> {
        self.write_key(key_space, key, (id, holds));
        match self.pages.change(key_space, self.key.as_bytes(), change)? {
            true => Ok(()),
            false => Err(lost(id)),
        }
    }

    /// Removes and returns an order that holds its key or has released it.
    pub(crate) fn remove(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        (id, holds): (EntryAddr, Holds),
    ) -> Result<OrderRow, Fault> {
        self.write_key(key_space, key, (id, holds));
        let removed = self.pages.remove(key_space, self.key.as_bytes())?;
        removed.ok_or_else(|| lost(id))
    }

    /// Releases the key of an order.
    pub(crate) fn release(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        id: EntryAddr,
    ) -> Result<(), Fault> {
        let order = self.remove(key_space, key, (id, Holds::Key))?;
        let released = key_space.released_key(key, id);
        match self.pages.insert(key_space, released.as_bytes(), order)? {
            true => Ok(()),
            false => Err(lost(id)),
        }
    }

    /// Sets `self.key` to the key of the table for an order.
    fn write_key(&mut self, key_space: &KeySpace, key: &str, (id, holds): (EntryAddr, Holds)) {
        match holds {
            Holds::Key => key_space.write_key(key, &mut self.key),
            Holds::Nothing => self.key = key_space.released_key(key, id),
        }
    }
}

/// The fault when an order that was found in the index is no longer there.
fn lost(id: EntryAddr) -> Fault {
    Fault::Damaged(format!(
        "the order in entry {} is missing from the index",
        id.0
    ))
}
