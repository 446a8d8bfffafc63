//! What decisions read and change: a write transaction, or an overlay that a dry run drops.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use wharfinger_core::decide::catalogue::Admission;
use wharfinger_core::order::ids::{OrderId, OrganisationId};

use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::{Holds, Lookup, OrderRow};
use crate::store::journal::admissions;
use crate::store::journal::end::read_counters;
use crate::store::journal::order_ids::OrderIds;
use crate::store::prepare::{Group, Submission};
use crate::store::stock::overlay::CatalogueOverlay;
use crate::store::write::open_block::may_share;
use crate::store::write::txn::WriteTxn;

/// The orders and counters before a batch.
pub(crate) trait StoredOrders {
    /// The order that holds a key.
    fn by_key(&mut self, key_space: &KeySpace, key: &str) -> Result<Option<OrderRow>, Fault>;

    /// Whether [`Self::prefetch`] has an effect.
    fn can_prefetch(&self) -> bool;

    /// Prefetches the index pages of orders that will be requested.
    fn prefetch<'k>(
        &mut self,
        key_space: &KeySpace,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault>;

    /// The id of the order at an entry address.
    fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault>;

    /// Makes the texts before the batch readable.
    fn settle_blocks(&mut self) -> Result<(), Fault>;

    /// The next order number of an organisation, before the batch.
    fn first_number(&mut self, organisation: OrganisationId) -> Result<u64, Fault>;

    /// The address of the first entry that a group gets. What is stored before that address can be read.
    fn first_addr(
        &mut self,
        key_space: &KeySpace,
        orders: (&Submission, &Group),
    ) -> Result<EntryAddr, Fault>;
}

/// A transaction in which the orders of a batch are decided, one after the other.
pub(crate) trait DecisionTxn: StoredOrders {
    /// Adds a new order, unless its key is taken. Returns whether the order was added.
    fn insert(&mut self, key_space: &KeySpace, key: &str, order: OrderRow) -> Result<bool, Fault>;

    /// Replaces an order that holds its key. Its state may change.
    fn replace(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        orders: (&OrderRow, OrderRow),
    ) -> Result<(), Fault>;

    /// The next order number that an organisation may assign.
    fn next_number(&mut self, organisation: OrganisationId) -> Result<&mut u64, Fault>;

    /// The stock and customers of enforced catalogues.
    fn overlay(&mut self) -> &mut CatalogueOverlay;

    /// The catalogue decision on an order of an earlier batch. `None` if there is none.
    fn admission(&mut self, order: EntryAddr) -> Result<Option<Admission>, Fault>;

    /// Replaces the catalogue decision on an order of an earlier batch.
    fn replace_admission(&mut self, order: EntryAddr, admission: &Admission) -> Result<(), Fault>;
}

impl StoredOrders for WriteTxn<'_> {
    fn by_key(&mut self, key_space: &KeySpace, key: &str) -> Result<Option<OrderRow>, Fault> {
        self.index.by_key(key_space, key)
    }

    fn can_prefetch(&self) -> bool {
        self.index.can_prefetch()
    }

    fn prefetch<'k>(
        &mut self,
        key_space: &KeySpace,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault> {
        self.index.prefetch([(key_space.clone(), keys)])
    }

    fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        self.order_id(order)
    }

    fn settle_blocks(&mut self) -> Result<(), Fault> {
        self.write_together()
    }

    fn first_number(&mut self, organisation: OrganisationId) -> Result<u64, Fault> {
        Ok(self.counters(organisation)?.number)
    }

    fn first_addr(
        &mut self,
        key_space: &KeySpace,
        (submission, group): (&Submission, &Group),
    ) -> Result<EntryAddr, Fault> {
        let organisation = key_space.organisation;
        if may_share(submission, group) {
            return self.addr_in_open_block(organisation, key_space.dialect, group.rows.len());
        }
        Ok(self.next_block(organisation)?.entry(0))
    }
}

impl DecisionTxn for WriteTxn<'_> {
    fn insert(&mut self, key_space: &KeySpace, key: &str, order: OrderRow) -> Result<bool, Fault> {
        self.index.insert(key_space, key, order)
    }

    fn replace(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        (before, after): (&OrderRow, OrderRow),
    ) -> Result<(), Fault> {
        let held = (before.id, Holds::Key);
        self.index
            .change(key_space, key, held, |order| *order = after)?;
        if after.state != before.state {
            self.order_states
                .moved(key_space, before.id, before.state, after.state);
        }
        Ok(())
    }

    fn next_number(&mut self, organisation: OrganisationId) -> Result<&mut u64, Fault> {
        Ok(&mut self.counters(organisation)?.number)
    }

    fn overlay(&mut self) -> &mut CatalogueOverlay {
        &mut self.overlay
    }

    fn admission(&mut self, order: EntryAddr) -> Result<Option<Admission>, Fault> {
        admissions::read(self.connection, order)
    }

    fn replace_admission(&mut self, order: EntryAddr, admission: &Admission) -> Result<(), Fault> {
        admissions::replace(self.connection, order, admission)
    }
}

/// The stored orders, for a read-only transaction.
pub(crate) struct Snapshot<'c> {
    connection: &'c Connection,
    /// `None` if the dialect is new and has no stored orders.
    lookup: Option<Lookup<'c>>,
    order_ids: OrderIds,
}

impl<'c> Snapshot<'c> {
    /// The orders as they are now. `is_empty` says that the dialect has none.
    pub(crate) fn new(connection: &'c Connection, is_empty: bool) -> Self {
        Self {
            connection,
            lookup: (!is_empty).then(|| Lookup::new(connection)),
            order_ids: OrderIds::default(),
        }
    }
}

impl StoredOrders for Snapshot<'_> {
    fn by_key(&mut self, key_space: &KeySpace, key: &str) -> Result<Option<OrderRow>, Fault> {
        match &mut self.lookup {
            Some(lookup) => lookup.by_key(key_space, key),
            None => Ok(None),
        }
    }

    fn can_prefetch(&self) -> bool {
        false
    }

    fn prefetch<'k>(
        &mut self,
        _: &KeySpace,
        _: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault> {
        Ok(())
    }

    fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        self.order_ids.get(self.connection, order)
    }

    fn settle_blocks(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn first_number(&mut self, organisation: OrganisationId) -> Result<u64, Fault> {
        Ok(read_counters(self.connection, organisation)?.number)
    }

    fn first_addr(
        &mut self,
        key_space: &KeySpace,
        _: (&Submission, &Group),
    ) -> Result<EntryAddr, Fault> {
        let organisation = key_space.organisation;
        let next = read_counters(self.connection, organisation)?.block;
        Ok(BlockId::new(organisation, next).entry(0))
    }
}

/// An overlay: stored orders, and the changes of a batch that is never written.
pub(crate) struct DryRunTxn<'t, S> {
    connection: &'t Connection,
    stored: &'t mut S,
    /// New and changed orders, by key of the index table.
    changed: HashMap<String, OrderRow>,
    /// The key of the index table for the current operation.
    key: String,
    next_numbers: HashMap<OrganisationId, u64>,
    overlay: CatalogueOverlay,
    /// Replaced catalogue decisions.
    admissions: HashMap<EntryAddr, Admission>,
}

impl<'t, S: StoredOrders> DryRunTxn<'t, S> {
    /// An overlay without changes. Pending changes of catalogues must be written before.
    pub(crate) fn new(connection: &'t Connection, stored: &'t mut S) -> Self {
        Self {
            connection,
            stored,
            changed: HashMap::new(),
            key: String::new(),
            next_numbers: HashMap::new(),
            overlay: CatalogueOverlay::default(),
            admissions: HashMap::new(),
        }
    }
}

impl<S: StoredOrders> StoredOrders for DryRunTxn<'_, S> {
    fn by_key(&mut self, key_space: &KeySpace, key: &str) -> Result<Option<OrderRow>, Fault> {
        key_space.write_key(key, &mut self.key);
        match self.changed.get(&self.key) {
            Some(changed) => Ok(Some(*changed)),
            None => self.stored.by_key(key_space, key),
        }
    }

    fn can_prefetch(&self) -> bool {
        self.stored.can_prefetch()
    }

    fn prefetch<'k>(
        &mut self,
        key_space: &KeySpace,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault> {
        self.stored.prefetch(key_space, keys)
    }

    fn order_id(&mut self, order: EntryAddr) -> Result<OrderId, Fault> {
        self.stored.order_id(order)
    }

    fn settle_blocks(&mut self) -> Result<(), Fault> {
        self.stored.settle_blocks()
    }

    fn first_number(&mut self, organisation: OrganisationId) -> Result<u64, Fault> {
        self.stored.first_number(organisation)
    }

    fn first_addr(
        &mut self,
        key_space: &KeySpace,
        orders: (&Submission, &Group),
    ) -> Result<EntryAddr, Fault> {
        self.stored.first_addr(key_space, orders)
    }
}

impl<S: StoredOrders> DecisionTxn for DryRunTxn<'_, S> {
    fn insert(&mut self, key_space: &KeySpace, key: &str, order: OrderRow) -> Result<bool, Fault> {
        let is_new = self.by_key(key_space, key)?.is_none();
        if is_new {
            self.changed.insert(self.key.clone(), order);
        }
        Ok(is_new)
    }

    fn replace(
        &mut self,
        key_space: &KeySpace,
        key: &str,
        (_, after): (&OrderRow, OrderRow),
    ) -> Result<(), Fault> {
        self.changed.insert(key_space.key(key), after);
        Ok(())
    }

    fn next_number(&mut self, organisation: OrganisationId) -> Result<&mut u64, Fault> {
        Ok(match self.next_numbers.entry(organisation) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.stored.first_number(organisation)?),
        })
    }

    fn overlay(&mut self) -> &mut CatalogueOverlay {
        &mut self.overlay
    }

    fn admission(&mut self, order: EntryAddr) -> Result<Option<Admission>, Fault> {
        match self.admissions.get(&order) {
            Some(replaced) => Ok(Some(replaced.clone())),
            None => admissions::read(self.connection, order),
        }
    }

    fn replace_admission(&mut self, order: EntryAddr, admission: &Admission) -> Result<(), Fault> {
        self.admissions.insert(order, admission.clone());
        Ok(())
    }
}
