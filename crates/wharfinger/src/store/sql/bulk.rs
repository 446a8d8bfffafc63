//! The index on a server, where every statement goes there and back: orders are looked up together, and what a transaction
//! changes in them is noted here and written together. Nobody else writes meanwhile.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio_postgres::types::ToSql;

use super::driver::{Row, Session};
use super::fault::Fault;
use super::insert::NewOrder;
use super::rows::{OrderRow, Scope, read, state_number};

/// Orders that one statement stores.
pub(super) const ROWS_TOGETHER: usize = 8_192;

const FIND: &str = "select id, place, state, revision, hash, number, changed, key \
    from (select unnest(?1::bytea[]) as key) as wanted join orders using (key)";
/// Stores orders, unless there is any from the first of the last two keys to the second; where these are null, there is none.
const INSERT: &str = "insert into orders (organisation, key, id, state, revision, hash, number) \
    select unnest(?6::integer[]), unnest(?1::bytea[]), unnest(?2::bigint[]), unnest(?3::smallint[]), 1, unnest(?4::bytea[]), \
    unnest(?5::bigint[]) where not exists (select 1 from orders where key between ?7 and ?8)";
const UPDATE: &str = "update orders set state = new.state, revision = new.revision, hash = new.hash, place = new.place, \
    changed = new.changed from unnest(?1::bytea[], ?2::smallint[], ?3::integer[], ?4::bytea[], ?5::bigint[], ?6::bigint[]) \
    as new (key, state, revision, hash, place, changed) where orders.key = new.key";

/// What a transaction knows of the index.
pub(super) struct Bulk<'c> {
    session: &'c Session,
    /// Orders by their keys of the table; none where no order holds it.
    known: HashMap<String, Option<OrderRow>>,
    /// New orders that are not stored yet, with their keys of the table.
    new: Vec<(String, OrderRow)>,
    /// The keys of those that are changed, and not written yet.
    changed: Vec<String>,
}

impl<'c> Bulk<'c> {
    /// Begins.
    pub(super) fn new(session: &'c Session) -> Self {
        Self {
            session,
            known: HashMap::new(),
            new: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// What is known of a key of the table, if anything is.
    pub(super) fn get(&self, key: &str) -> Option<Option<OrderRow>> {
        self.known.get(key).copied()
    }

    /// Notes what was found under a key of the table.
    pub(super) fn found(&mut self, key: &str, order: Option<OrderRow>) {
        self.known.insert(key.to_owned(), order);
    }

    /// Looks keys of the table up that are not known.
    pub(super) fn look_up<'k>(&mut self, keys: impl Iterator<Item = &'k str>) -> Result<(), Fault> {
        let mut wanted: Vec<&[u8]> = Vec::new();
        for key in keys {
            if let Entry::Vacant(unknown) = self.known.entry(key.to_owned()) {
                unknown.insert(None);
                wanted.push(key.as_bytes());
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        for row in self.session.prepare(FIND)?.query_arrays(&[&wanted])? {
            let row = Row::Postgres(&row);
            self.known.insert(row.get(7)?, Some(read(&row)?));
        }
        Ok(())
    }

    /// Stores a new order, unless its key is taken; whether it did. It is written by [`Self::write`].
    pub(super) fn insert_one(
        &mut self,
        scope: &Scope,
        order: &NewOrder<'_>,
    ) -> Result<bool, Fault> {
        let key = scope.key(order.key);
        self.look_up(std::iter::once(key.as_str()))?;
        let is_free = matches!(self.known.get(&key), Some(None));
        if is_free {
            self.known.insert(key.clone(), Some(order.row()));
            self.new.push((key, order.row()));
        }
        Ok(is_free)
    }

    /// Stores new orders, but for those whose key is taken; how many it stored.
    pub(super) fn insert(
        &mut self,
        scope: &Scope,
        orders: &[NewOrder<'_>],
    ) -> Result<usize, Fault> {
        self.write_new()?;
        let keyed = orders
            .iter()
            .map(|order| (scope.key(order.key), order.row()));
        let mut keyed: Vec<_> = keyed.collect();
        // In the order of the index, and those of one key side by side in the order of the batch.
        keyed.sort_by(|one, other| one.0.cmp(&other.0));
        // Mostly keys count up, and none is within their bounds.
        if self.store_unless_any_within(&keyed)? {
            // What was looked up before is not so any more.
            for (key, order) in &keyed {
                if let Some(known) = self.known.get_mut(key) {
                    *known = Some(*order);
                }
            }
            return Ok(keyed.len());
        }
        self.look_up(keyed.iter().map(|(key, _)| key.as_str()))?;
        let known = &mut self.known;
        keyed.retain(|(key, order)| match known.get_mut(key) {
            Some(Some(_)) => false,
            Some(unknown) => {
                *unknown = Some(*order);
                true
            }
            None => false,
        });
        self.store(&keyed)?;
        Ok(keyed.len())
    }

    /// Stores orders, in the order of their keys, unless one of these may be taken; whether it did.
    fn store_unless_any_within(&self, sorted: &[(String, OrderRow)]) -> Result<bool, Fault> {
        let (Some((first, _)), Some((last, _))) = (sorted.first(), sorted.last()) else {
            return Ok(true);
        };
        if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Ok(false);
        }
        let bounds = [first.as_bytes(), last.as_bytes()];
        Ok(self.insert_rows(sorted, Some(bounds))? > 0)
    }

    fn store(&self, orders: &[(String, OrderRow)]) -> Result<(), Fault> {
        if !orders.is_empty() {
            self.insert_rows(orders, None)?;
        }
        Ok(())
    }

    /// Inserts the rows of orders; where bounds are given, unless there is any within them. How many.
    fn insert_rows(
        &self,
        orders: &[(String, OrderRow)],
        unless_within: Option<[&[u8]; 2]>,
    ) -> Result<usize, Fault> {
        let keys = Vec::from_iter(orders.iter().map(|(key, _)| key.as_bytes()));
        let orders = || orders.iter().map(|(_, order)| order);
        let ids = Vec::from_iter(orders().map(|order| order.id.0));
        let states = Vec::from_iter(orders().map(|order| i16::from(state_number(order.state))));
        let hashes = Vec::from_iter(orders().map(|order| order.hash.to_be_bytes()));
        let hashes = Vec::from_iter(hashes.iter().map(<[u8; 16]>::as_slice));
        let numbers = Vec::from_iter(orders().map(|order| order.number.map(u64::cast_signed)));
        let organisations = orders().map(|order| order.id.block().organisation().0.cast_signed());
        let organisations: Vec<i32> = organisations.collect();
        let (first, last) = unless_within.map(|[first, last]| (first, last)).unzip();
        let values: [&(dyn ToSql + Sync); 8] = [
            &keys,
            &ids,
            &states,
            &hashes,
            &numbers,
            &organisations,
            &first,
            &last,
        ];
        Ok(self.session.prepare(INSERT)?.execute_arrays(&values)?)
    }

    /// Changes the order that holds a key of the table, if it is known; whether it was. It is written by [`Self::write`].
    pub(super) fn change(&mut self, key: &str, change: impl FnOnce(&mut OrderRow)) -> bool {
        let Some(Some(order)) = self.known.get_mut(key) else {
            return false;
        };
        change(order);
        self.changed.push(key.to_owned());
        true
    }

    /// Forgets a key of the table that is about to be written otherwise, once what was changed is written.
    pub(super) fn forget(&mut self, key: &str) -> Result<(), Fault> {
        self.write()?;
        self.known.remove(key);
        Ok(())
    }

    fn write_new(&mut self) -> Result<(), Fault> {
        let mut new = std::mem::take(&mut self.new);
        new.sort_by(|one, other| one.0.cmp(&other.0));
        self.store(&new)
    }

    /// Writes what is not written yet.
    pub(super) fn write(&mut self) -> Result<(), Fault> {
        self.write_new()?;
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut keys = std::mem::take(&mut self.changed);
        keys.sort_unstable();
        keys.dedup();
        let orders = keys.iter().filter_map(|key| self.known.get(key).copied()?);
        let orders: Vec<OrderRow> = orders.collect();
        let states = Vec::from_iter(
            orders
                .iter()
                .map(|order| i16::from(state_number(order.state))),
        );
        let revisions = orders.iter().map(|order| order.revision.cast_signed());
        let revisions: Vec<i32> = revisions.collect();
        let hashes = Vec::from_iter(orders.iter().map(|order| order.hash.to_be_bytes().to_vec()));
        let places = orders.iter();
        let places = Vec::from_iter(places.map(|order| order.later_place().map(|place| place.0)));
        let changed = orders.iter();
        let changed = Vec::from_iter(changed.map(|order| order.changed.map(|place| place.0)));
        let keys = Vec::from_iter(keys.iter().map(String::as_bytes));
        let arrays: [&(dyn ToSql + Sync); 6] =
            [&keys, &states, &revisions, &hashes, &places, &changed];
        self.session.prepare(UPDATE)?.execute_arrays(&arrays)?;
        Ok(())
    }
}
