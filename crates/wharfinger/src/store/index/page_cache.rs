//! The index pages of a write transaction: read once, changed in memory, written together. On PostgreSQL they are kept for the
//! following transactions.
//!
//! A page covers the keys from its first key up to the first key of the next page. The first page of a key space begins with the
//! prefix of the key space. No other transaction writes to the same organisation at the same time.

mod kept;
mod prefetch;
mod table;

use std::collections::BTreeMap;
use std::ops::Bound;

pub(crate) use self::kept::KeptPages;
use self::kept::Validity;
pub(crate) use self::table::find_page;
use self::table::{INSERT_TOGETHER, UPDATE_TOGETHER, delete_leaves, next_first, write_leaves};
use super::key_space::KeySpace;
use super::page::{OrderRow, Page};
use super::page_filters::PageFilters;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;

/// The most pages in the cache, about 5 kB each. If that is not enough for a transaction, all pages are written and dropped.
const PAGES_MAX: usize = 8_192;

/// A page in the cache.
struct CachedPage {
    page: Page,
    /// Where the page ends.
    until: Until,
    is_changed: bool,
    /// Whether the table has a row for this page under its first key.
    is_stored: bool,
    /// Whether the page must be stored under another first key, because no order has the current one any more.
    is_renamed: bool,
    /// Whether it has a filter, or had one before it was changed.
    has_filter: bool,
    /// The latest transaction that has used the page.
    used: u64,
}

/// The key at which a page ends.
enum Until {
    /// Not looked up yet.
    Unknown,
    /// The first key of the next page.
    Before(Vec<u8>),
    /// There is no next page.
    End,
}

impl CachedPage {
    fn stored(page: Page, until: Until) -> Self {
        Self {
            page,
            until,
            is_changed: false,
            is_stored: true,
            is_renamed: false,
            has_filter: false,
            used: 0,
        }
    }

    fn new(page: Page, until: Until) -> Self {
        Self {
            is_stored: false,
            ..Self::stored(page, until)
        }
    }

    /// Whether the page covers a key of the table. `first` is the key that the page begins with. `None` if that is not known.
    fn reaches(&self, first: &[u8], key_space: &KeySpace, key: &[u8]) -> Option<bool> {
        if first > key || !key_space.has(first) {
            return Some(false);
        }
        if self.page.last_key().is_some_and(|last| key <= last) {
            return Some(true);
        }
        match &self.until {
            Until::Before(until) => Some(key < until.as_slice()),
            Until::End => Some(true),
            Until::Unknown => None,
        }
    }
}

/// The index pages as a write transaction sees them.
pub(crate) struct PageCache<'c> {
    connection: &'c Connection,
    /// The pages by their first keys.
    kept: BTreeMap<Vec<u8>, CachedPage>,
    /// The page that was used last, with its first key. It is not in `kept`.
    latest: Option<(Vec<u8>, CachedPage)>,
    /// The filters of pages that are not changed. Always empty on Citus.
    filters: PageFilters,
    /// Whether the pages of earlier transactions are still as they are stored.
    validity: Validity,
}

impl<'c> PageCache<'c> {
    /// An empty cache, and the filters of pages that are known.
    pub(crate) fn new(connection: &'c Connection, filters: PageFilters) -> Self {
        Self {
            connection,
            kept: BTreeMap::new(),
            latest: None,
            filters,
            validity: Validity::default(),
        }
    }

    /// The order with this key of the table.
    pub(crate) fn get(
        &mut self,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<Option<OrderRow>, Fault> {
        if self.lack(key_space, key)? {
            return Ok(None);
        }
        let has_filters = self.connection.recent().is_some();
        self.seek(key_space, key)?;
        let Some((first, kept)) = &mut self.latest else {
            return Ok(None);
        };
        if has_filters && kept.is_stored && !kept.is_changed && !kept.has_filter {
            self.filters.add(first, &kept.page);
            kept.has_filter = true;
        }
        Ok(kept.page.get(key).copied())
    }

    /// Whether no page has a key of the table, as far as filters know.
    pub(crate) fn lack(&mut self, key_space: &KeySpace, key: &[u8]) -> Result<bool, Fault> {
        self.check_one(key_space.organisation)?;
        Ok(self.filters.lack(key_space, key))
    }

    /// The last key of a key space, if the page that covers `key` is known to be the last one. Empty if there are no orders.
    pub(crate) fn last_key(
        &mut self,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, Fault> {
        let (_, kept) = self.seek(key_space, key)?;
        Ok(match kept.until {
            Until::End => Some(kept.page.last_key().unwrap_or_default().to_vec()),
            Until::Before(_) | Until::Unknown => None,
        })
    }

    /// Notes that the latest page was changed.
    fn note_changed(&mut self) {
        if let Some((first, kept)) = &mut self.latest
            && !std::mem::replace(&mut kept.is_changed, true)
        {
            kept.has_filter = self.filters.remove(first);
        }
    }

    /// Changes the order with this key of the table. Returns whether there is one.
    pub(crate) fn change(
        &mut self,
        key_space: &KeySpace,
        key: &[u8],
        change: impl FnOnce(&mut OrderRow),
    ) -> Result<bool, Fault> {
        let (_, kept) = self.seek(key_space, key)?;
        let Some(order) = kept.page.get_mut(key) else {
            return Ok(false);
        };
        change(order);
        self.note_changed();
        Ok(true)
    }

    /// Removes and returns the order with this key of the table.
    pub(crate) fn remove(
        &mut self,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<Option<OrderRow>, Fault> {
        let (first, kept) = self.seek(key_space, key)?;
        let removed = kept.page.remove(key);
        if removed.is_some() {
            // The key of a removed order must not remain as the first key of its page.
            kept.is_renamed |= first == key;
            self.note_changed();
        }
        Ok(removed)
    }

    /// Stores a new order, unless the key of the table is taken. Returns whether the order was stored.
    pub(crate) fn insert(
        &mut self,
        key_space: &KeySpace,
        key: &[u8],
        order: OrderRow,
    ) -> Result<bool, Fault> {
        let (_, kept) = self.seek(key_space, key)?;
        let Err(mut at) = kept.page.find(key) else {
            return Ok(false);
        };
        if kept.page.is_full() {
            at = self.split(key, at)?;
        }
        let (_, kept) = self.latest()?;
        kept.page.insert(at, key, order);
        self.note_changed();
        Ok(true)
    }

    /// Splits the latest page, into which `key` would be inserted at `at`. Returns the insertion point in the page that is then
    /// the latest.
    fn split(&mut self, key: &[u8], at: usize) -> Result<usize, Fault> {
        let (_, kept) = self.latest()?;
        // If keys count up, pages stay full.
        let is_last = at == kept.page.len();
        let cut = if is_last { at } else { kept.page.len() / 2 };
        if !is_last {
            self.note_changed();
        }
        let (_, kept) = self.latest()?;
        let page = kept.page.split_off(cut);
        let begins = page.first_key().unwrap_or(key).to_owned();
        let until = std::mem::replace(&mut kept.until, Until::Before(begins.clone()));
        let mut behind = CachedPage::new(page, until);
        behind.is_changed = true;
        behind.has_filter = kept.has_filter;
        if key < begins.as_slice() {
            self.kept.insert(begins, behind);
            return Ok(at);
        }
        self.park();
        self.latest = Some((begins, behind));
        Ok(at - cut)
    }

    /// Whether any order has a key of the table strictly between `from` and `to`.
    pub(crate) fn has_between(
        &mut self,
        key_space: &KeySpace,
        [from, to]: [&[u8]; 2],
    ) -> Result<bool, Fault> {
        let mut key = from.to_owned();
        loop {
            self.seek(key_space, &key)?;
            let page = &self.latest()?.1.page;
            let behind = page.orders().find(|(key, _)| *key > from);
            if let Some((found, _)) = behind {
                return Ok(found < to);
            }
            match self.until(key_space)? {
                Some(next) if next.as_slice() < to => key = next,
                Some(_) | None => return Ok(false),
            }
        }
    }

    fn latest(&mut self) -> Result<&mut (Vec<u8>, CachedPage), Fault> {
        let lost = || Fault::Damaged("an index page is missing".into());
        self.latest.as_mut().ok_or_else(lost)
    }

    fn park(&mut self) {
        if let Some((first, mut kept)) = self.latest.take() {
            kept.used = self.validity.transaction;
            self.kept.insert(first, kept);
        }
    }

    /// Makes the page that covers a key of the table the latest, and returns it with its first key.
    fn seek(
        &mut self,
        key_space: &KeySpace,
        key: &[u8],
    ) -> Result<&mut (Vec<u8>, CachedPage), Fault> {
        if self.reaches(key_space, key) != Some(true) {
            self.park();
            self.check_one(key_space.organisation)?;
            self.make_room(1)?;
            self.latest = self.take_nearest(key);
            match self.reaches(key_space, key) {
                Some(true) => {}
                Some(false) => self.read(key_space, key)?,
                None => self.read_or_stay(key_space, key)?,
            }
        }
        self.latest()
    }

    /// Whether the latest page covers a key of the table. `None` if that is not known.
    fn reaches(&self, key_space: &KeySpace, key: &[u8]) -> Option<bool> {
        match &self.latest {
            Some((first, kept)) => kept.reaches(first, key_space, key),
            None => Some(false),
        }
    }

    /// Reads the page that covers a key of the table. That page must not be in the cache.
    fn read(&mut self, key_space: &KeySpace, key: &[u8]) -> Result<(), Fault> {
        let found = self.find(key_space, key)?;
        self.park();
        self.latest = Some(found);
        Ok(())
    }

    /// Like [`Self::read`], but the page may also be the latest one. The end of the latest page is then looked up, for later
    /// keys.
    fn read_or_stay(&mut self, key_space: &KeySpace, key: &[u8]) -> Result<(), Fault> {
        let (first, found) = self.find(key_space, key)?;
        if first > self.latest()?.0 {
            self.park();
            self.latest = Some((first, found));
            return Ok(());
        }
        self.until(key_space)?;
        Ok(())
    }

    /// Makes room for this many more pages.
    fn make_room(&mut self, pages: usize) -> Result<(), Fault> {
        if self.kept.len() + pages > PAGES_MAX {
            self.drop_unused();
        }
        if self.kept.len() + pages > PAGES_MAX {
            self.write_and_forget()?;
        }
        Ok(())
    }

    /// The cached page with the greatest first key that is at most `key`.
    fn nearest(&self, key: &[u8]) -> Option<(&Vec<u8>, &CachedPage)> {
        let up_to = (Bound::Unbounded, Bound::Included(key));
        self.kept.range::<[u8], _>(up_to).next_back()
    }

    /// Like [`Self::nearest`], but also removes the page from the cache.
    fn take_nearest(&mut self, key: &[u8]) -> Option<(Vec<u8>, CachedPage)> {
        let first = self.nearest(key)?.0.clone();
        self.kept.remove_entry(&first)
    }

    /// Where the latest page ends: the first key of the next page of its key space. `None` if there is no next page.
    fn until(&mut self, key_space: &KeySpace) -> Result<Option<Vec<u8>>, Fault> {
        let connection = self.connection;
        let (first, kept) = self.latest()?;
        if let Until::Unknown = kept.until {
            kept.until =
                next_first(connection, key_space, first)?.map_or(Until::End, Until::Before);
        }
        Ok(match &kept.until {
            Until::Before(until) => Some(until.clone()),
            Until::Unknown | Until::End => None,
        })
    }

    /// Reads the stored page that covers a key of the table. Returns a new page if there is none.
    fn find(&self, key_space: &KeySpace, key: &[u8]) -> Result<(Vec<u8>, CachedPage), Fault> {
        Ok(match find_page(self.connection, key_space, key)? {
            Some((first, page)) => (first, CachedPage::stored(page, Until::Unknown)),
            None => {
                let first = key_space.prefix().as_bytes().to_owned();
                (first, CachedPage::new(Page::default(), Until::Unknown))
            }
        })
    }

    /// Writes all changed pages, and forgets all pages.
    pub(crate) fn write_and_forget(&mut self) -> Result<(), Fault> {
        self.write()?;
        self.kept.clear();
        Ok(())
    }

    /// Writes all changed pages.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        self.park();
        let (mut new, mut changed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (first, kept) in &mut self.kept {
            if !std::mem::take(&mut kept.is_changed) {
                continue;
            }
            let begins = match kept.page.first_key() {
                Some(begins) if kept.is_renamed => begins,
                Some(_) => first.as_slice(),
                None => &[],
            };
            if begins != first {
                gone.push(first.as_slice());
            }
            let is_there = std::mem::replace(&mut kept.is_stored, true) && begins == first;
            if kept.page.len() > 0 {
                let written = if is_there { &mut changed } else { &mut new };
                written.push((begins, &kept.page));
                if kept.has_filter {
                    self.filters.add(begins, &kept.page);
                }
            }
        }
        // When a page is deleted, the page before it covers more keys.
        let is_outdated = !gone.is_empty();
        delete_leaves(self.connection, &gone)?;
        write_leaves(self.connection, &changed, UPDATE_TOGETHER)?;
        write_leaves(self.connection, &new, INSERT_TOGETHER)?;
        if is_outdated {
            self.kept.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
