//! Storing new orders in the index, many at a time.

use std::fmt::Write;
use std::sync::OnceLock;

use tokio_postgres::types::ToSql;
use wharfinger_core::outcome::State;

use super::driver::{self, Connection, Params, Session, Statement, ToValue, Value};
use super::fault::Fault;
use super::rows::{Scope, state_number};
use crate::store::place::Place;

/// A new order.
pub(super) struct NewOrder<'k> {
    /// Its place.
    pub id: Place,
    /// Its key.
    pub key: &'k str,
    /// The state it begins in.
    pub state: State,
    /// Its content hash.
    pub hash: [u8; 16],
    /// Its number.
    pub number: Option<u64>,
}

/// Orders that one statement stores in the embedded engine: more gain nothing.
const ROWS_TOGETHER: usize = 16;
/// Orders that one statement stores on a server: each goes there and back.
const ROWS_TOGETHER_ON_SERVER: usize = 4_096;
/// Parameters of each.
const PARAMETERS: usize = 5;

/// A statement given arrays: how many orders it stores does not matter to it.
const INSERT_ARRAYS: &str = "insert into orders (key, id, state, revision, hash, number) \
    select key, id, state, 1, hash, number from unnest(?1::bytea[], ?2::bigint[], ?3::smallint[], ?4::bytea[], ?5::bigint[]) \
    as new (key, id, state, hash, number) on conflict do nothing";

/// The statements that store new orders, but for those whose key is taken.
pub(super) enum Insert<'c> {
    /// Of the embedded engine.
    Embedded {
        one: Statement<'c>,
        together: Statement<'c>,
        /// The keys of the table that are bound next, one behind the other.
        keys: String,
    },
    /// On a server.
    OnServer(&'c Session),
}

impl<'c> Insert<'c> {
    /// Prepares the statements.
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        if let Some(session) = connection.postgres() {
            return Ok(Self::OnServer(session));
        }
        Ok(Self::Embedded {
            one: connection.prepare_cached(insert_sql(1))?,
            together: connection.prepare_cached(insert_sql(ROWS_TOGETHER))?,
            keys: String::new(),
        })
    }

    /// How many orders are stored together.
    pub(super) fn together(&self) -> usize {
        match self {
            Self::Embedded { .. } => ROWS_TOGETHER,
            Self::OnServer(_) => ROWS_TOGETHER_ON_SERVER,
        }
    }

    /// Whether so many can be stored together.
    pub(super) fn may_take(&self, orders: usize) -> bool {
        match self {
            Self::Embedded { .. } => orders == ROWS_TOGETHER,
            Self::OnServer(_) => orders > 1,
        }
    }

    /// Stores orders, one or as many as are stored together; how many were new.
    pub(super) fn all(&mut self, scope: &Scope, orders: &[NewOrder<'_>]) -> Result<usize, Fault> {
        match self {
            Self::Embedded {
                one,
                together,
                keys,
            } => {
                keys.clear();
                let mut ends = [0; ROWS_TOGETHER];
                for (order, end) in orders.iter().zip(&mut ends) {
                    scope.push_key(order.key, keys);
                    *end = keys.len();
                }
                let statement = if orders.len() == 1 { one } else { together };
                Ok(statement.execute(Bound { orders, keys, ends })?)
            }
            Self::OnServer(session) => on_server(session, scope, orders),
        }
    }
}

/// Orders on their way into a statement of the embedded engine.
struct Bound<'b> {
    orders: &'b [NewOrder<'b>],
    keys: &'b str,
    /// Where in them each order's key ends.
    ends: [usize; ROWS_TOGETHER],
}

impl Params for Bound<'_> {
    fn each<'p>(
        &'p self,
        bind: &mut dyn FnMut(Value<'p>) -> driver::Result<()>,
    ) -> driver::Result<()> {
        let mut begin = 0;
        for (order, &end) in self.orders.iter().zip(&self.ends) {
            bind(Value::Text(&self.keys[begin..end]))?;
            begin = end;
            bind(Value::Integer(order.id.0))?;
            bind(Value::Integer(state_number(order.state).into()))?;
            bind(order.hash.to_value())?;
            bind(match order.number {
                Some(number) => Value::Integer(number.cast_signed()),
                None => Value::Null,
            })?;
        }
        Ok(())
    }
}

fn on_server(session: &Session, scope: &Scope, orders: &[NewOrder<'_>]) -> Result<usize, Fault> {
    let mut keys = Vec::with_capacity(orders.len());
    let mut ids = Vec::with_capacity(orders.len());
    let mut states = Vec::with_capacity(orders.len());
    let mut hashes: Vec<&[u8]> = Vec::with_capacity(orders.len());
    let mut numbers = Vec::with_capacity(orders.len());
    for order in orders {
        let mut key = String::new();
        scope.push_key(order.key, &mut key);
        keys.push(key.into_bytes());
        ids.push(order.id.0);
        states.push(i16::from(state_number(order.state)));
        hashes.push(&order.hash);
        numbers.push(order.number.map(u64::cast_signed));
    }
    let arrays: [&(dyn ToSql + Sync); 5] = [&keys, &ids, &states, &hashes, &numbers];
    Ok(session.prepare(INSERT_ARRAYS)?.execute_arrays(&arrays)?)
}

/// The statement that stores so many new orders: one, or [`ROWS_TOGETHER`]. With `or ignore` it cannot fail halfway, so
/// that it need not keep what it changes to undo that.
fn insert_sql(orders: usize) -> &'static str {
    static ONE: OnceLock<String> = OnceLock::new();
    static TOGETHER: OnceLock<String> = OnceLock::new();
    let sql = if orders == 1 { &ONE } else { &TOGETHER };
    sql.get_or_init(|| {
        let mut sql =
            "insert or ignore into orders (key, id, state, revision, hash, number) values "
                .to_owned();
        for at in 0..orders {
            let first = 1 + PARAMETERS * at;
            let comma = if at == 0 { "" } else { ", " };
            let [id, state, hash, number] = [1, 2, 3, 4].map(|offset| first + offset);
            write!(
                sql,
                "{comma}(?{first}, ?{id}, ?{state}, 1, ?{hash}, ?{number})"
            )
            .expect("text can always be written");
        }
        sql
    })
}
