//! The index by order key: look-ups of a read transaction.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::key_space::KeySpace;
pub(crate) use super::page::OrderRow;
use super::page::{self, Page};
use super::page_cache::find_page;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::engine::memtable::Space;
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

/// As [`BETWEEN`], only the first pages.
static SOME_BETWEEN: LazyLock<String> =
    LazyLock::new(|| format!("{BETWEEN} limit {PAGES_TOGETHER}"));
/// How many pages [`Lookup::between`] reads.
const PAGES_TOGETHER: usize = 8;

/// Orders with their keys of the table, in order.
pub(crate) type Keyed = Vec<(Vec<u8>, OrderRow)>;

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
        if let Some(changed) = recent_order(self.connection, key)? {
            return Ok(changed);
        }
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
        order_at(key_space, key, id, |key| {
            self.key = key;
            self.find(key_space)
        })
    }

    /// The first orders of a key space whose keys of the table are not before `from` and before `to`, also those that have released
    /// their keys. In addition the bound up to which these are all; `None` if there are no more.
    pub(crate) fn between(
        &self,
        key_space: &KeySpace,
        [from, to]: [&[u8]; 2],
    ) -> Result<(Keyed, Option<Vec<u8>>), Fault> {
        let mut found = BTreeMap::new();
        let of_pages = self.between_in_pages(key_space, [from, to], &mut found)?;
        let mut changed = BTreeMap::new();
        let mut of_recent = None;
        if let Some(recent) = self.connection.recent() {
            let most = PAGES_TOGETHER * page::ORDERS_MAX;
            recent.range(Space::Index, [from, to], |key, value| {
                changed.insert(key.to_vec(), value.map(page::decode_alone).transpose()?);
                if changed.len() == most {
                    of_recent = Some(key.to_vec());
                }
                Ok(of_recent.is_none())
            })?;
        }
        let last = match (of_pages, of_recent) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let last = last.filter(|last| last.as_slice() < to);
        found.extend(changed);
        let found = found.into_iter();
        let found = found.take_while(|(key, _)| last.as_ref().is_none_or(|last| key <= last));
        let found = found.filter_map(|(key, row)| Some((key, row?)));
        Ok((found.collect(), last))
    }

    /// Reads the first orders between two keys of the table from pages. Returns the key up to which they are all.
    fn between_in_pages(
        &self,
        key_space: &KeySpace,
        [from, to]: [&[u8]; 2],
        found: &mut BTreeMap<Vec<u8>, Option<OrderRow>>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut select = self.connection.prepare_cached(&SOME_BETWEEN)?;
        let prefix = key_space.prefix().as_bytes();
        let mut rows = select.query((from, to, prefix, key_space.organisation.0))?;
        let (mut pages, mut last) = (0, None);
        while let Some(row) = rows.next()? {
            let page = Page::decode(row.blob(1)?)?;
            pages += 1;
            last = page.last_key().map(<[u8]>::to_vec);
            let orders = page.orders();
            let orders = orders.filter(|(key, _)| *key >= from && *key < to);
            found.extend(orders.map(|(key, order)| (key.to_vec(), Some(*order))));
        }
        Ok(last.filter(|_| pages == PAGES_TOGETHER))
    }

    /// Up to `orders_max` of the orders that have released a key.
    pub(crate) fn released(
        &self,
        key_space: &KeySpace,
        key: &str,
        orders_max: usize,
    ) -> Result<Vec<EntryAddr>, Fault> {
        let [from, to] = key_space.released_bounds(key);
        let (from, to) = (from.as_bytes(), to.as_bytes());
        let mut found = Vec::new();
        if let Some(recent) = self.connection.recent() {
            recent.range(Space::Index, [from, to], |key, value| {
                let row = value.map(page::decode_alone).transpose()?;
                found.extend(row.filter(|_| key > from).map(|row| row.id));
                Ok(found.len() < orders_max)
            })?;
        }
        let mut select = self.connection.prepare_cached(BETWEEN)?;
        let prefix = key_space.prefix().as_bytes();
        let of = key_space.organisation.0;
        let mut rows = select.query((from, to, prefix, of))?;
        while let Some(row) = rows.next()?
            && found.len() < orders_max
        {
            let page = Page::decode(row.blob(1)?)?;
            let orders = page.orders();
            for (key, order) in orders.filter(|(key, _)| *key > from && *key < to) {
                if recent_order(self.connection, key)?.is_none() {
                    found.push(order.id);
                }
            }
        }
        found.truncate(orders_max);
        Ok(found)
    }
}

/// The fault when an order that was found in the index is no longer there.
pub(super) fn lost(id: EntryAddr) -> Fault {
    Fault::Damaged(format!(
        "the order in entry {} is missing from the index",
        id.0
    ))
}

/// Finds an order by key and first-revision address, also if it has released the key. `find` finds by a key of the table.
pub(super) fn order_at(
    key_space: &KeySpace,
    key: &str,
    id: EntryAddr,
    mut find: impl FnMut(String) -> Result<Option<OrderRow>, Fault>,
) -> Result<Option<(OrderRow, Holds)>, Fault> {
    if let Some(row) = find(key_space.key(key))?
        && row.id == id
    {
        return Ok(Some((row, Holds::Key)));
    }
    let released = find(key_space.released_key(key, id))?;
    Ok(released.map(|row| (row, Holds::Nothing)))
}

/// What was recently changed about the order with a key of the table. `None` if nothing was: the table has it.
pub(crate) fn recent_order(
    connection: &Connection,
    key: &[u8],
) -> Result<Option<Option<OrderRow>>, Fault> {
    let Some(recent) = connection.recent() else {
        return Ok(None);
    };
    let decode = |value: Option<&[u8]>| value.map(page::decode_alone).transpose();
    Ok(recent.get(Space::Index, key, decode)?.transpose()?)
}
