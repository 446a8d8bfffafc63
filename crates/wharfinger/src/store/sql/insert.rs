//! Storing new orders in the index of the embedded engine, many at a time.

use std::fmt::Write;
use std::sync::OnceLock;

use wharfinger_core::outcome::State;

use super::driver::{self, Connection, Params, Statement, ToValue, Value};
use super::fault::Fault;
use super::rows::{OrderRow, Scope, state_number};
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

impl NewOrder<'_> {
    /// Its row, once it is stored.
    pub(super) fn row(&self) -> OrderRow {
        OrderRow {
            id: self.id,
            latest: self.id,
            state: self.state,
            revision: 1,
            hash: u128::from_be_bytes(self.hash),
            number: self.number,
            changed: None,
        }
    }
}

/// Orders that one statement stores in the embedded engine: more gain nothing.
pub(super) const ROWS_TOGETHER: usize = 16;
/// Parameters of each.
const PARAMETERS: usize = 5;

/// The statements of the embedded engine that store new orders, but for those whose key is taken.
pub(super) struct Insert<'c> {
    one: Statement<'c>,
    together: Statement<'c>,
    /// The keys of the table that are bound next, one behind the other.
    keys: String,
}

impl<'c> Insert<'c> {
    /// Prepares the statements.
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            one: connection.prepare_cached(insert_sql(1))?,
            together: connection.prepare_cached(insert_sql(ROWS_TOGETHER))?,
            keys: String::new(),
        })
    }

    /// Stores orders, one or [`ROWS_TOGETHER`]; how many were new.
    pub(super) fn all(&mut self, scope: &Scope, orders: &[NewOrder<'_>]) -> Result<usize, Fault> {
        self.keys.clear();
        let mut ends = [0; ROWS_TOGETHER];
        for (order, end) in orders.iter().zip(&mut ends) {
            scope.push_key(order.key, &mut self.keys);
            *end = self.keys.len();
        }
        let statement = match orders.len() {
            1 => &mut self.one,
            _ => &mut self.together,
        };
        let keys = &self.keys;
        Ok(statement.execute(Bound { orders, keys, ends })?)
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
