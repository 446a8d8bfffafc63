//! The table of orders: its keys, and the statements that every write uses, prepared once a transaction.

use super::driver::{Connection, OptionalExtension, Row, Statement};
use wharfinger_core::admit::Existing;
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::outcome::State;

use super::bulk::{self, Bulk};
use super::fault::Fault;
use super::insert::{self, Insert, NewOrder};
use crate::store::place::Place;

/// An order's row, but for its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderRow {
    /// Where its first revision lies; its identity.
    pub id: Place,
    /// Where its latest revision lies.
    pub latest: Place,
    /// Where it stands.
    pub state: State,
    /// Its latest revision.
    pub revision: u32,
    /// The content hash of its latest revision.
    pub hash: u128,
    /// Its number.
    pub number: Option<u64>,
    /// Where its latest change lies that is no revision, if there was one.
    pub changed: Option<Place>,
}

impl OrderRow {
    /// The order as a decision finds it.
    pub(super) fn existing(&self) -> Existing {
        Existing {
            state: self.state,
            hash: self.hash,
        }
    }

    /// Where its latest revision lies, if that is not its first.
    pub(super) fn later_place(&self) -> Option<Place> {
        Some(self.latest).filter(|latest| *latest != self.id)
    }

    /// Where its latest change lies, in content or in state.
    pub(super) fn last_change(&self) -> Place {
        self.changed
            .map_or(self.latest, |changed| changed.max(self.latest))
    }
}

/// The columns of an [`OrderRow`], as [`read`] reads them.
const COLUMNS: &str = "id, place, state, revision, hash, number, changed";

pub(super) fn read(row: &Row<'_>) -> super::driver::Result<OrderRow> {
    let id = Place(row.get(0)?);
    let latest: Option<i64> = row.get(1)?;
    let hash: [u8; 16] = row.get(4)?;
    let number: Option<i64> = row.get(5)?;
    Ok(OrderRow {
        id,
        latest: latest.map_or(id, Place),
        state: state(row.get(2)?)?,
        revision: row.get(3)?,
        hash: u128::from_be_bytes(hash),
        number: number.map(i64::cast_unsigned),
        changed: row.get::<Option<i64>>(6)?.map(Place),
    })
}

/// A state as it is stored: its place in [`State::ALL`].
pub(super) fn state_number(state: State) -> u8 {
    match state {
        State::Draft => 0,
        State::Pending => 1,
        State::Processed => 2,
        State::Cancelled => 3,
    }
}

fn state(number: i64) -> super::driver::Result<State> {
    let state = usize::try_from(number)
        .ok()
        .and_then(|at| State::ALL.get(at));
    state
        .copied()
        .ok_or(super::driver::Error::Value(format!("there is no {number}")))
}

/// Whose orders, and of which dialect: order keys are unique within that.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Whose.
    pub organisation: OrganisationId,
    /// The number that stands for the dialect.
    pub dialect: i64,
    /// What keys of the table begin with.
    prefix: String,
}

impl Scope {
    /// The orders of an organisation and a dialect.
    pub(super) fn new(organisation: OrganisationId, dialect: i64) -> Self {
        Self {
            organisation,
            dialect,
            prefix: format!("{}.{dialect}.", organisation.0),
        }
    }

    /// Writes the key of the table for an order key.
    fn write_key(&self, key: &str, out: &mut String) {
        out.clear();
        self.push_key(key, out);
    }

    /// As [`Self::write_key`], behind what is there.
    pub(super) fn push_key(&self, key: &str, out: &mut String) {
        out.push_str(&self.prefix);
        out.push_str(key);
    }

    /// The key of the table for an order key.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key of the table for an order that has released its order key. No order key holds a zero byte.
    pub(super) fn released_key(&self, key: &str, order: Place) -> String {
        format!("{}{key}\0{}", self.prefix, order.0)
    }

    /// The bounds between which the table has those that released an order key.
    pub(super) fn released_bounds(&self, key: &str) -> [String; 2] {
        ['\0', '\u{1}'].map(|end| format!("{}{key}{end}", self.prefix))
    }
}

/// Finds orders by their keys.
pub(super) struct Lookup<'c> {
    by_key: Statement<'c>,
    /// The key of the table that is looked for.
    key: String,
}

/// Whether an order still holds its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// It does.
    Key,
    /// It has released it.
    Nothing,
}

impl<'c> Lookup<'c> {
    /// Prepares the statement.
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        let select = format!("select {COLUMNS} from orders where key = ?1");
        Ok(Self {
            by_key: connection.prepare_cached(&select)?,
            key: String::new(),
        })
    }

    /// The order that holds a key.
    pub(super) fn by_key(&mut self, scope: &Scope, key: &str) -> Result<Option<OrderRow>, Fault> {
        scope.write_key(key, &mut self.key);
        Ok(self.by_key.query_row([&self.key], read).optional()?)
    }

    /// The order of this key whose first revision lies at a place, also if it has released the key since.
    pub(super) fn at(
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
        self.released(scope, key, id)
    }

    /// The order of this key whose first revision lies at a place and that has released the key.
    fn released(
        &mut self,
        scope: &Scope,
        key: &str,
        id: Place,
    ) -> Result<Option<(OrderRow, Holds)>, Fault> {
        let released = scope.released_key(key, id);
        let found = self.by_key.query_row([released], read).optional()?;
        Ok(found.map(|row| (row, Holds::Nothing)))
    }
}

/// How rows are written.
enum Ways<'c> {
    /// In the embedded engine, a few at a time.
    Embedded(Insert<'c>),
    /// On a server, all at once.
    OnServer(Bulk<'c>),
}

/// The table of orders, as a transaction writes it.
pub(super) struct OrderRows<'c> {
    connection: &'c Connection,
    lookup: Lookup<'c>,
    ways: Ways<'c>,
    revise: Statement<'c>,
    settle: Statement<'c>,
    /// The key of the table that is bound next.
    key: String,
}

impl<'c> OrderRows<'c> {
    /// Prepares the statements that every write uses.
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            connection,
            lookup: Lookup::new(connection)?,
            revise: prepare(
                "update orders set state = ?2, revision = ?3, hash = ?4, place = ?5 where key = ?1",
            )?,
            settle: prepare("update orders set state = ?2, changed = ?3, key = ?4 where key = ?1")?,
            ways: match connection.postgres() {
                Some(session) => Ways::OnServer(Bulk::new(session)),
                None => Ways::Embedded(Insert::new(connection)?),
            },
            key: String::new(),
        })
    }

    fn bulk(&mut self) -> Option<&mut Bulk<'c>> {
        match &mut self.ways {
            Ways::Embedded(_) => None,
            Ways::OnServer(bulk) => Some(bulk),
        }
    }

    /// How many orders are stored together.
    pub(super) fn together(&self) -> usize {
        match self.ways {
            Ways::Embedded(_) => insert::ROWS_TOGETHER,
            Ways::OnServer(_) => bulk::ROWS_TOGETHER,
        }
    }

    /// Whether so many orders can be stored together.
    pub(super) fn may_insert_together(&self, orders: usize) -> bool {
        match self.ways {
            Ways::Embedded(_) => orders == insert::ROWS_TOGETHER,
            Ways::OnServer(_) => true,
        }
    }

    /// Stores a new order, unless one holds its key; whether it did.
    pub(super) fn insert(&mut self, scope: &Scope, order: NewOrder<'_>) -> Result<bool, Fault> {
        match &mut self.ways {
            Ways::Embedded(insert) => Ok(insert.all(scope, &[order])? == 1),
            Ways::OnServer(bulk) => bulk.insert_one(scope, &order),
        }
    }

    /// Stores as many new orders as are stored together, but for those whose key is taken; how many it stored.
    pub(super) fn insert_together(
        &mut self,
        scope: &Scope,
        orders: &[NewOrder<'_>],
    ) -> Result<usize, Fault> {
        match &mut self.ways {
            Ways::Embedded(insert) => insert.all(scope, orders),
            Ways::OnServer(bulk) => bulk.insert(scope, orders),
        }
    }

    /// Looks orders up that will be asked for, where that is one way there and back instead of many.
    pub(super) fn foresee<'k>(
        &mut self,
        scope: &Scope,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault> {
        let Some(bulk) = self.bulk() else {
            return Ok(());
        };
        let keys: Vec<String> = keys.map(|key| scope.key(key)).collect();
        bulk.look_up(keys.iter().map(String::as_str))
    }

    /// Writes what was changed and is not written yet.
    pub(super) fn write(&mut self) -> Result<(), Fault> {
        self.bulk().map_or(Ok(()), Bulk::write)
    }

    /// The order that holds a key.
    pub(super) fn by_key(&mut self, scope: &Scope, key: &str) -> Result<Option<OrderRow>, Fault> {
        let Ways::OnServer(bulk) = &mut self.ways else {
            return self.lookup.by_key(scope, key);
        };
        scope.write_key(key, &mut self.key);
        if let Some(known) = bulk.get(&self.key) {
            return Ok(known);
        }
        let found = self.lookup.by_key(scope, key)?;
        bulk.found(&self.key, found);
        Ok(found)
    }

    /// Changes the order that holds a key, where that is noted to be written with others; whether it is.
    fn is_noted(&mut self, scope: &Scope, key: &str, change: impl FnOnce(&mut OrderRow)) -> bool {
        scope.write_key(key, &mut self.key);
        match &mut self.ways {
            Ways::Embedded(_) => false,
            Ways::OnServer(bulk) => bulk.change(&self.key, change),
        }
    }

    /// Gives the order that holds a key its next revision.
    pub(super) fn revise(
        &mut self,
        scope: &Scope,
        key: &str,
        order: &OrderRow,
    ) -> Result<(), Fault> {
        if self.is_noted(scope, key, |known| *known = *order) {
            return Ok(());
        }
        self.revise.execute((
            &self.key,
            state_number(order.state),
            order.revision,
            &order.hash.to_be_bytes()[..],
            order.latest.0,
        ))?;
        Ok(())
    }

    /// The order of this key whose first revision lies at a place, also if it has released the key since.
    pub(super) fn at(
        &mut self,
        scope: &Scope,
        key: &str,
        id: Place,
    ) -> Result<Option<OrderRow>, Fault> {
        Ok(self.find(scope, key, id)?.map(|(row, _)| row))
    }

    /// As [`Self::at`], and whether it still holds the key.
    pub(super) fn find(
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
        self.lookup.released(scope, key, id)
    }

    /// Notes that the order that holds a key was changed, in no state or content, at a place.
    pub(super) fn touch(&mut self, scope: &Scope, key: &str, at: Place) -> Result<(), Fault> {
        if self.is_noted(scope, key, |known| known.changed = Some(at)) {
            return Ok(());
        }
        let touch = "update orders set changed = ?2 where key = ?1";
        let mut touch = self.connection.prepare_cached(touch)?;
        touch.execute((&self.key, at.0))?;
        Ok(())
    }

    /// Gives an order, whose latest text was written anew, the hash of that; the order holds its key, or has released it.
    pub(super) fn rehash(
        &mut self,
        scope: &Scope,
        key: &str,
        (id, holds, hash): (Place, Holds, u128),
    ) -> Result<(), Fault> {
        self.bind_key(scope, key, id, holds)?;
        let update = "update orders set hash = ?2 where key = ?1";
        let hash = &hash.to_be_bytes()[..];
        let mut update = self.connection.prepare_cached(update)?;
        update.execute((&self.key, hash))?;
        Ok(())
    }

    /// The key of the table under which an order stands, which is about to be written.
    fn bind_key(&mut self, scope: &Scope, key: &str, id: Place, holds: Holds) -> Result<(), Fault> {
        match holds {
            Holds::Key => scope.write_key(key, &mut self.key),
            Holds::Nothing => self.key = scope.released_key(key, id),
        }
        match &mut self.ways {
            Ways::Embedded(_) => Ok(()),
            Ways::OnServer(bulk) => bulk.forget(&self.key),
        }
    }

    /// Takes an order out that holds its key, or has released it.
    pub(super) fn remove(
        &mut self,
        scope: &Scope,
        key: &str,
        (id, holds): (Place, Holds),
    ) -> Result<(), Fault> {
        self.bind_key(scope, key, id, holds)?;
        let delete = "delete from orders where key = ?1";
        let mut delete = self.connection.prepare_cached(delete)?;
        delete.execute([&self.key])?;
        Ok(())
    }

    /// Moves the order that holds a key to a state, as is noted at a place, and sets the key free if that is wanted.
    pub(super) fn settle(
        &mut self,
        scope: &Scope,
        key: &str,
        id: Place,
        (state, at, release_key): (State, Place, bool),
    ) -> Result<(), Fault> {
        let settled = |known: &mut OrderRow| {
            known.state = state;
            known.changed = Some(at);
        };
        if !release_key && self.is_noted(scope, key, settled) {
            return Ok(());
        }
        self.bind_key(scope, key, id, Holds::Key)?;
        let released = release_key.then(|| scope.released_key(key, id));
        let then = released.as_ref().unwrap_or(&self.key);
        self.settle
            .execute((&self.key, state_number(state), at.0, then))?;
        Ok(())
    }
}
