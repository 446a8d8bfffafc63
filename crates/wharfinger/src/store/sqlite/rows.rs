//! The statements on the table of orders that every write uses, prepared once for all the orders of a job.

use std::sync::OnceLock;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::outcome::State;

use super::fault::Fault;
use crate::store::place::Place;

/// An order's row.
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
}

/// The columns of an [`OrderRow`], in its order.
pub(super) const COLUMNS: &str = "id, place, state, revision, hash, number";

/// Reads the [`COLUMNS`] of a row.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
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
    })
}

/// A state as it is stored: its place in [`State::ALL`].
pub(super) fn state_number(state: State) -> i64 {
    match state {
        State::Draft => 0,
        State::Pending => 1,
        State::Processed => 2,
        State::Cancelled => 3,
    }
}

fn state(number: i64) -> rusqlite::Result<State> {
    let state = usize::try_from(number)
        .ok()
        .and_then(|at| State::ALL.get(at));
    state
        .copied()
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, number))
}

/// Orders that one statement stores.
pub(super) const ROWS_TOGETHER: usize = 16;

/// The orders of one organisation and dialect, to be written.
pub(super) struct OrderRows<'c> {
    organisation: OrganisationId,
    dialect: i64,
    insert: CachedStatement<'c>,
    insert_together: CachedStatement<'c>,
    by_key: CachedStatement<'c>,
    by_number: CachedStatement<'c>,
    revise: CachedStatement<'c>,
    settle: CachedStatement<'c>,
}

/// A new order.
pub(super) struct NewOrder<'k> {
    /// Its place.
    pub id: Place,
    /// Its key.
    pub key: &'k str,
    /// The state it begins in.
    pub state: State,
    /// Its content hash.
    pub hash: u128,
    /// Its number.
    pub number: Option<u64>,
}

impl<'c> OrderRows<'c> {
    /// Prepares the statements.
    pub(super) fn new(
        connection: &'c Connection,
        organisation: OrganisationId,
        dialect: i64,
    ) -> Result<Self, Fault> {
        let prepare = |sql: &str| connection.prepare_cached(sql);
        let by =
            |condition: &str| prepare(&format!("select {COLUMNS} from orders where {condition}"));
        let mut insert = prepare(
            "insert into orders (id, organisation, dialect, key, state, revision, hash, number) \
             values (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7) on conflict do nothing",
        )?;
        // What is the same for all the orders is bound once.
        insert.raw_bind_parameter(2, organisation.0)?;
        insert.raw_bind_parameter(3, dialect)?;
        let mut insert_together = prepare(insert_together_sql())?;
        insert_together.raw_bind_parameter(1, organisation.0)?;
        insert_together.raw_bind_parameter(2, dialect)?;
        Ok(Self {
            organisation,
            dialect,
            insert,
            insert_together,
            by_key: by("organisation = ?1 and dialect = ?2 and key = ?3")?,
            by_number: by("organisation = ?1 and number = ?2")?,
            revise: prepare(
                "update orders set state = ?2, revision = ?3, hash = ?4, place = ?5 where id = ?1",
            )?,
            settle: prepare(
                "update orders set state = ?2, key = iif(?3, null, key) where id = ?1",
            )?,
        })
    }

    /// Stores a new order, unless one holds its key or its number; whether it did.
    pub(super) fn insert(&mut self, order: &NewOrder<'_>) -> Result<bool, Fault> {
        let insert = &mut self.insert;
        insert.raw_bind_parameter(1, order.id.0)?;
        insert.raw_bind_parameter(4, order.key)?;
        insert.raw_bind_parameter(5, state_number(order.state))?;
        insert.raw_bind_parameter(6, &order.hash.to_be_bytes()[..])?;
        insert.raw_bind_parameter(7, order.number.map(u64::cast_signed))?;
        Ok(insert.raw_execute()? == 1)
    }

    /// Stores [`ROWS_TOGETHER`] new orders, but for those whose key is taken; how many it stored.
    pub(super) fn insert_together(&mut self, orders: &[NewOrder<'_>]) -> Result<usize, Fault> {
        let insert = &mut self.insert_together;
        for (at, order) in orders.iter().enumerate() {
            let first = 3 + 4 * at;
            insert.raw_bind_parameter(first, order.id.0)?;
            insert.raw_bind_parameter(first + 1, order.key)?;
            insert.raw_bind_parameter(first + 2, state_number(order.state))?;
            insert.raw_bind_parameter(first + 3, &order.hash.to_be_bytes()[..])?;
        }
        Ok(insert.raw_execute()?)
    }

    /// The order that holds a key.
    pub(super) fn by_key(&mut self, key: &str) -> Result<Option<OrderRow>, Fault> {
        let parameters = (self.organisation.0, self.dialect, key);
        Ok(self.by_key.query_row(parameters, read).optional()?)
    }

    /// The order that has a number, of whichever dialect.
    pub(super) fn by_number(&mut self, number: u64) -> Result<Option<OrderRow>, Fault> {
        let parameters = (self.organisation.0, number.cast_signed());
        Ok(self.by_number.query_row(parameters, read).optional()?)
    }

    /// Gives an order its next revision.
    pub(super) fn revise(&mut self, order: &OrderRow) -> Result<(), Fault> {
        self.revise.execute((
            order.id.0,
            state_number(order.state),
            order.revision,
            &order.hash.to_be_bytes()[..],
            order.latest.0,
        ))?;
        Ok(())
    }

    /// Moves an order to a state, and sets its key free if that is wanted.
    pub(super) fn settle(
        &mut self,
        id: Place,
        state: State,
        release_key: bool,
    ) -> Result<(), Fault> {
        self.settle
            .execute((id.0, state_number(state), release_key))?;
        Ok(())
    }
}

/// The statement of [`OrderRows::insert_together`], with four parameters an order.
fn insert_together_sql() -> &'static str {
    static SQL: OnceLock<String> = OnceLock::new();
    SQL.get_or_init(|| {
        let rows: Vec<_> = (0..ROWS_TOGETHER)
            .map(|at| {
                let first = 3 + 4 * at;
                format!("(?{first}, ?1, ?2, ?{}, ?{}, 1, ?{})", first + 1, first + 2, first + 3)
            })
            .collect();
        let rows = rows.join(", ");
        format!(
            "insert into orders (id, organisation, dialect, key, state, revision, hash) values {rows} \
             on conflict do nothing"
        )
    })
}
