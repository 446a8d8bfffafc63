//! The index of a write transaction.
//!
//! It adds recent changes, which are merged into the pages later: a page of 32 orders is not written for each of them. On SQLite, orders
//! of a large batch behind the last key of all go into pages at once, because a page is then written for 32 of them. On PostgreSQL
//! only the merging of recent changes writes pages. On Citus there are no recent changes, and orders go into pages.

use wharfinger_core::order::ids::OrganisationId;

use super::greatest_keys::Place;
use super::kept_index::KeptIndex;
use super::key_space::KeySpace;
use super::orders::{Holds, Lookup, OrderRow, PREFETCHED_MAX, lost, order_at, recent_order};
use super::page;
use super::page_cache::PageCache;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::{Recent, Space, Value};
use crate::store::format::entry_addr::EntryAddr;
use crate::store::format::id_map::IdMap;
use crate::store::journal::end::Counters;

/// Orders of an organisation and a batch from which they are a large batch.
const LARGE_BATCH: usize = 64;

/// A recent change: a key of the table, and the order that has it now, if there is one.
pub(crate) type Change<'r> = (&'r [u8], Value<'r>);

/// The index of a write transaction.
pub(crate) struct OrderIndex<'c> {
    connection: &'c Connection,
    pages: PageCache<'c>,
    kept: KeptIndex,
    /// Whether the orders that are inserted are of a large batch.
    is_large: bool,
    /// The key of the table for the current operation.
    key: String,
}

impl<'c> OrderIndex<'c> {
    /// An index that begins with what is known from the transaction before.
    pub(crate) fn new(connection: &'c Connection, mut kept: KeptIndex) -> Result<Self, Fault> {
        kept.compare(connection)?;
        kept.greatest.begin();
        let pages = std::mem::take(&mut kept.pages);
        let filters = std::mem::take(&mut kept.filters);
        Ok(Self {
            connection,
            pages: PageCache::resume(connection, pages, filters),
            kept,
            is_large: false,
            key: String::new(),
        })
    }

    /// What is to be kept for the next transaction. Everything is written. `now` are the counters that this one has written, or has
    /// locked and left as they were.
    pub(crate) fn into_kept<'n>(
        self,
        now: impl Fn(OrganisationId) -> Option<&'n Counters>,
    ) -> KeptIndex {
        let mut kept = self.kept;
        kept.greatest.end(&now);
        (kept.pages, kept.filters) = self.pages.into_kept(now);
        kept
    }

    /// Forgets what others have changed since, on PostgreSQL. These are the counters of locked organisations.
    pub(crate) fn check(&mut self, counters: &IdMap<OrganisationId, Counters>) {
        self.kept.greatest.check(counters);
        self.pages.check(counters);
    }

    /// Orders of a batch and an organisation follow, this many; with 0, no such orders.
    pub(crate) fn expect(&mut self, orders: usize) {
        self.is_large = orders >= LARGE_BATCH;
    }

    /// Stores a new order, unless its key is taken. Returns whether the order was stored.
    pub(crate) fn insert(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        order: OrderRow,
    ) -> Result<bool, Fault> {
        key_space.write_key(key, &mut self.key);
        self.insert_new(key_space, order)
    }

    /// Stores an order under the key of the table in `self.key`, unless that is taken.
    fn insert_new(&mut self, key_space: &KeySpace, order: OrderRow) -> Result<bool, Fault> {
        let Some(recent) = self.connection.recent() else {
            return self.pages.insert(key_space, self.key.as_bytes(), order);
        };
        let is_taken = match self.place(key_space, recent)? {
            Place::BehindAll if self.is_large && !recent.is_on_server() => {
                return self.pages.insert(key_space, self.key.as_bytes(), order);
            }
            Place::BehindAll => false,
            // No page has a key behind those that were stored.
            Place::BehindStored if recent.is_on_server() => {
                matches!(
                    recent_order(self.connection, self.key.as_bytes())?,
                    Some(Some(_))
                )
            }
            Place::BehindStored | Place::Among => self.get(key_space)?.is_some(),
        };
        if is_taken {
            return Ok(false);
        }
        let key = self.key.as_bytes();
        recent.put(Space::Index, key, Some(&page::encode_alone(&order)))?;
        Ok(true)
    }

    /// Where the key of the table in `self.key` is among those of its key space, as far as that is known.
    fn place(&mut self, key_space: &KeySpace, recent: Recent<'_>) -> Result<Place, Fault> {
        let (greatest, key) = (&mut self.kept.greatest, self.key.as_bytes());
        if let Some(known) = greatest.place(self.connection, key_space, key)? {
            return Ok(known);
        }
        let Some(of_pages) = self.pages.last_key(key_space, key)? else {
            return Ok(Place::Among);
        };
        let end = key_space.end();
        let bounds = [key_space.prefix().as_bytes(), end.as_bytes()];
        let of_recent = recent.last_key(Space::Index, bounds)?;
        let last = of_recent.unwrap_or_default().max(of_pages);
        greatest.note(key_space, last);
        let place = greatest.place(self.connection, key_space, key)?;
        Ok(place.unwrap_or(Place::Among))
    }

    /// The order with the key of the table in `self.key`.
    fn get(&mut self, key_space: &KeySpace) -> Result<Option<OrderRow>, Fault> {
        let key = self.key.as_bytes();
        if let Some(changed) = recent_order(self.connection, key)? {
            return Ok(changed);
        }
        self.pages.get(key_space, key)
    }

    /// Merges a recent change of the order with a key of the table into its page.
    fn merge(&mut self, key: &[u8], value: Value<'_>) -> Result<(), Fault> {
        let unknown = || Fault::Damaged("a recent change has an unknown key".into());
        let key_space = KeySpace::of_key(key).ok_or_else(unknown)?;
        let Some(value) = value else {
            self.pages.remove(&key_space, key)?;
            return Ok(());
        };
        let order = page::decode_alone(value)?;
        if !self
            .pages
            .change(&key_space, key, |stored| *stored = order)?
        {
            self.pages.insert(&key_space, key, order)?;
        }
        Ok(())
    }

    /// As [`Self::merge`], of many changes, which are sorted by key. On PostgreSQL, reads their pages together.
    pub(crate) fn merge_together(&mut self, changes: &[Change<'_>]) -> Result<(), Fault> {
        for changes in changes.chunks(PREFETCHED_MAX) {
            if self.can_prefetch() {
                let keys = changes.iter().map(|(key, _)| *key);
                self.pages.prefetch_keys(keys)?;
            }
            for (key, value) in changes {
                self.merge(key, *value)?;
            }
        }
        Ok(())
    }

    /// Whether [`Self::prefetch`] has an effect.
    pub(crate) fn can_prefetch(&self) -> bool {
        self.pages.can_prefetch()
    }

    /// Prefetches the index pages of orders that will be requested, given by key space. On PostgreSQL this saves round trips.
    pub(crate) fn prefetch<'k>(
        &mut self,
        wanted: impl IntoIterator<Item = (KeySpace, impl Iterator<Item = &'k str>)>,
    ) -> Result<(), Fault> {
        if !self.can_prefetch() {
            return Ok(());
        }
        let mut left = Vec::new();
        for (key_space, keys) in wanted {
            let keys = self.undecided(&key_space, keys)?;
            if !keys.is_empty() {
                left.push((key_space, keys));
            }
        }
        // Neighbouring pages of a key space are read together.
        left.sort_by(|(one, _), (other, _)| one.prefix().cmp(other.prefix()));
        left.dedup_by(|(next, of_next), (key_space, keys)| {
            let is_same = next.prefix() == key_space.prefix();
            if is_same {
                keys.append(of_next);
            }
            is_same
        });
        self.pages.prefetch(left)
    }

    /// The keys of the table that can only be decided with the pages of the table. Most new orders have others.
    fn undecided<'k>(
        &mut self,
        key_space: &KeySpace,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let mut left = Vec::new();
        let recent = self.connection.recent();
        let greatest = match recent {
            Some(_) => self.kept.greatest.get(self.connection, key_space)?,
            None => None,
        };
        for key in keys {
            key_space.write_key(key, &mut self.key);
            let key = self.key.as_bytes();
            if let Some(recent) = recent
                && (greatest
                    .as_ref()
                    .is_some_and(|known| known.now.as_slice() < key)
                    || self.pages.lack(key_space, key)?
                    || recent.get(Space::Index, key, |_| ())?.is_some())
            {
                continue;
            }
            left.push(key.to_vec());
        }
        Ok(left)
    }

    /// Writes all changed pages: at the end of the transaction, or before other code reads the index from the store.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        self.pages.write()
    }

    /// As [`Self::write`], and forgets the pages.
    pub(crate) fn write_and_forget(&mut self) -> Result<(), Fault> {
        self.pages.write_and_forget()
    }

    /// The order that holds a key.
    pub(crate) fn by_key(
        &mut self,
        key_space: &KeySpace,
        key: &str,
    ) -> Result<Option<OrderRow>, Fault> {
        key_space.write_key(key, &mut self.key);
        self.get(key_space)
    }

    /// Whether any order has released this key.
    pub(crate) fn was_released(&mut self, key_space: &KeySpace, key: &str) -> Result<bool, Fault> {
        if self.connection.recent().is_some() {
            let lookup = Lookup::new(self.connection);
            return Ok(!lookup.released(key_space, key, 1)?.is_empty());
        }
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
        order_at(key_space, key, id, |key| {
            self.key = key;
            self.get(key_space)
        })
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
        let key = self.key.as_bytes();
        let Some(recent) = self.connection.recent() else {
            return match self.pages.change(key_space, key, change)? {
                true => Ok(()),
                false => Err(lost(id)),
            };
        };
        let mut order = self.get(key_space)?.ok_or_else(|| lost(id))?;
        change(&mut order);
        let changed = Some(page::encode_alone(&order));
        recent.put(Space::Index, self.key.as_bytes(), changed.as_deref())
    }

    /// Removes and returns an order that holds its key or has released it.
    pub(crate) fn remove(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        (id, holds): (EntryAddr, Holds),
    ) -> Result<OrderRow, Fault> {
        self.write_key(key_space, key, (id, holds));
        let removed = match self.connection.recent() {
            None => self.pages.remove(key_space, self.key.as_bytes())?,
            Some(recent) => {
                let found = self.get(key_space)?;
                recent.put(Space::Index, self.key.as_bytes(), None)?;
                found
            }
        };
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
        self.key = key_space.released_key(key, id);
        match self.insert_new(key_space, order)? {
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
