//! The index: orders by their keys, as reads and writes ask for them.

use wharfinger_core::ids::OrganisationId;

use super::page::Leaf;
pub(crate) use super::page::{OrderRow, state_number};
use super::page_cache::{Leaves, find_leaf};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::Place;

/// Whose orders, and of which dialect: order keys are unique within that.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Whose.
    pub organisation: OrganisationId,
    /// The number that stands for the dialect.
    pub dialect: i64,
    /// What keys of the table begin with.
    prefix: String,
}

impl Scope {
    /// The orders of an organisation and a dialect.
    pub(crate) fn new(organisation: OrganisationId, dialect: i64) -> Self {
        Self {
            organisation,
            dialect,
            prefix: format!("{}.{dialect}.", organisation.0),
        }
    }

    /// What keys of the table begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a key of the table is of this scope.
    pub(crate) fn has(&self, key: &[u8]) -> bool {
        key.starts_with(self.prefix.as_bytes())
    }

    /// Writes the key of the table for an order key.
    fn write_key(&self, key: &str, out: &mut String) {
        out.clear();
        out.push_str(&self.prefix);
        out.push_str(key);
    }

    /// The key of the table for an order key.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key of the table for an order that has released its order key. No order key holds a zero byte.
    pub(crate) fn released_key(&self, key: &str, order: Place) -> String {
        format!("{}{key}\0{}", self.prefix, order.0)
    }

    /// The bounds between which the table has those that released an order key.
    pub(crate) fn released_bounds(&self, key: &str) -> [String; 2] {
        ['\0', '\u{1}'].map(|end| format!("{}{key}{end}", self.prefix))
    }
}

/// Whether an order still holds its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// It does.
    Key,
    /// It has released it.
    Nothing,
}

/// Orders that are to be foreseen together.
pub(crate) const FORESEEN_MAX: usize = 1_024;

/// Leaves from the one that a key lies in up to before another key.
const BETWEEN: &str = "select first, orders from order_leaves where first < ?2 and first >= coalesce( \
    (select first from order_leaves where first <= ?1 order by first desc limit 1), ?1) and sound(order_leaves.intact) order by first";

/// Finds orders by their keys, for a transaction that only reads.
pub(crate) struct Lookup<'c> {
    connection: &'c Connection,
    /// The leaf that was read last: orders that lie together are asked for together.
    leaf: Leaf,
    /// The key of the table that is looked for.
    key: String,
}

impl<'c> Lookup<'c> {
    /// Begins.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            leaf: Leaf::default(),
            key: String::new(),
        }
    }

    /// The order that holds a key.
    pub(crate) fn by_key(&mut self, scope: &Scope, key: &str) -> Result<Option<OrderRow>, Fault> {
        scope.write_key(key, &mut self.key);
        self.find()
    }

    /// The order of the key that is looked for.
    fn find(&mut self) -> Result<Option<OrderRow>, Fault> {
        let key = self.key.as_bytes();
        let ends = self.leaf.first_key().zip(self.leaf.last_key());
        if !ends.is_some_and(|(first, last)| first <= key && key <= last) {
            let found = find_leaf(self.connection, key)?;
            self.leaf = found.map(|(_, leaf)| leaf).unwrap_or_default();
        }
        Ok(self.leaf.get(key).copied())
    }

    /// The order of this key whose first revision lies at a place, also if it has released the key since.
    pub(crate) fn at(
        &mut self,
        scope: &Scope,
        key: &str,
        id: Place,
    ) -> Result<Option<(OrderRow, Holds)>, Fault> {
        if let Some(row) = self.by_key(scope, key)?
            && row.id == id
        {
            return Ok(Some((row, Holds::Key)));
        }
        self.key = scope.released_key(key, id);
        Ok(self.find()?.map(|row| (row, Holds::Nothing)))
    }

    /// Some of the orders that have released a key.
    pub(crate) fn released(
        &self,
        scope: &Scope,
        key: &str,
        orders_max: usize,
    ) -> Result<Vec<Place>, Fault> {
        let [from, to] = scope.released_bounds(key);
        let mut select = self.connection.prepare_cached(BETWEEN)?;
        let mut rows = select.query((from.as_bytes(), to.as_bytes()))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()?
            && found.len() < orders_max
        {
            let leaf = Leaf::decode(row.blob(1)?)?;
            let orders = leaf.orders();
            let orders = orders.filter(|(key, _)| *key > from.as_bytes() && *key < to.as_bytes());
            found.extend(orders.map(|(_, order)| order.id));
        }
        found.truncate(orders_max);
        Ok(found)
    }
}

/// The index, as a transaction that writes has it.
pub(crate) struct OrderRows<'c> {
    leaves: Leaves<'c>,
    /// The key of the table that is asked for.
    key: String,
}

impl<'c> OrderRows<'c> {
    /// Begins.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            leaves: Leaves::new(connection),
            key: String::new(),
        }
    }

    /// Stores a new order, unless one holds its key; whether it did.
    pub(crate) fn insert(
        &mut self,
        scope: &Scope,
        key: &str,
        order: OrderRow,
    ) -> Result<bool, Fault> {
        scope.write_key(key, &mut self.key);
        self.leaves.insert(scope, self.key.as_bytes(), order)
    }

    /// Whether anything is gained by [`Self::foresee`].
    pub(crate) fn can_foresee(&self) -> bool {
        self.leaves.can_foresee()
    }

    /// Looks orders up that will be asked for, where that is few ways there and back instead of many.
    pub(crate) fn foresee<'k>(
        &mut self,
        scope: &Scope,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault> {
        self.leaves.foresee(scope, keys)
    }

    /// Writes what was changed and is not written yet: at the end, and for whoever is to read it from the store.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        self.leaves.write()
    }

    /// The order that holds a key.
    pub(crate) fn by_key(&mut self, scope: &Scope, key: &str) -> Result<Option<OrderRow>, Fault> {
        scope.write_key(key, &mut self.key);
        self.leaves.get(scope, self.key.as_bytes())
    }

    /// Whether an order has held a key that is free now.
    pub(crate) fn was_released(&mut self, scope: &Scope, key: &str) -> Result<bool, Fault> {
        let [from, to] = scope.released_bounds(key);
        self.leaves
            .has_between(scope, [from.as_bytes(), to.as_bytes()])
    }

    /// The order of this key whose first revision lies at a place, also if it has released the key since; and whether it has.
    pub(crate) fn at(
        &mut self,
        scope: &Scope,
        key: &str,
        id: Place,
    ) -> Result<Option<(OrderRow, Holds)>, Fault> {
        if let Some(row) = self.by_key(scope, key)?
            && row.id == id
        {
            return Ok(Some((row, Holds::Key)));
        }
        let released = scope.released_key(key, id);
        let found = self.leaves.get(scope, released.as_bytes())?;
        Ok(found.map(|row| (row, Holds::Nothing)))
    }

    /// Changes an order that holds its key, or has released it.
    pub(crate) fn change(
        &mut self,
        scope: &Scope,
        key: &str,
        (id, holds): (Place, Holds),
        change: impl FnOnce(&mut OrderRow),
    ) -> Result<(), Fault> {
        self.write_key(scope, key, (id, holds));
        match self.leaves.change(scope, self.key.as_bytes(), change)? {
            true => Ok(()),
            false => Err(lost(id)),
        }
    }

    /// Takes an order out that holds its key, or has released it.
    pub(crate) fn remove(
        &mut self,
        scope: &Scope,
        key: &str,
        (id, holds): (Place, Holds),
    ) -> Result<OrderRow, Fault> {
        self.write_key(scope, key, (id, holds));
        let removed = self.leaves.remove(scope, self.key.as_bytes())?;
        removed.ok_or_else(|| lost(id))
    }

    /// Sets the key free that an order holds.
    pub(crate) fn release(&mut self, scope: &Scope, key: &str, id: Place) -> Result<(), Fault> {
        let order = self.remove(scope, key, (id, Holds::Key))?;
        let released = scope.released_key(key, id);
        match self.leaves.insert(scope, released.as_bytes(), order)? {
            true => Ok(()),
            false => Err(lost(id)),
        }
    }

    /// The key of the table under which an order stands.
    fn write_key(&mut self, scope: &Scope, key: &str, (id, holds): (Place, Holds)) {
        match holds {
            Holds::Key => scope.write_key(key, &mut self.key),
            Holds::Nothing => self.key = scope.released_key(key, id),
        }
    }
}

/// An order was found in the index, and is not there.
fn lost(id: Place) -> Fault {
    Fault::Damaged(format!(
        "the order in entry {} is missing from the index",
        id.0
    ))
}
