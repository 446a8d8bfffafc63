//! Orders read from the store, and queries for them.

use jiff::tz::TimeZone;

use super::Dialect;
use crate::decide::catalogue::Admission;
use crate::decide::fulfilment::Reported;
use crate::order::ids::{BatchId, OrderId};
use crate::order::outcome::State;
use crate::reading::email;
use crate::rules::Hold;

/// A query for stored orders of one organisation and dialect.
pub struct OrderQuery {
    /// Only these order keys. `None` means all.
    pub keys: Option<Vec<String>>,
    /// Only orders whose customer has this e-mail address, in the order of their latest full texts.
    ///
    /// The store looks the address up by hash, and hashes may collide. Set `keep` to the result of
    /// [`keep`] as well.
    pub email: Option<String>,
    /// Only orders in one of these states.
    pub states: Vec<State>,
    /// Only orders created at this time or later, in milliseconds since 1970.
    pub created_from_ms: Option<i64>,
    /// Only orders created at this time or earlier, in milliseconds since 1970.
    pub created_to_ms: Option<i64>,
    /// A further condition on the stored order.
    pub keep: Option<Keep>,
    /// Newest first. Otherwise in order of creation.
    pub newest_first: bool,
    /// How many to skip.
    pub offset: u64,
    /// How many to return.
    pub limit: u64,
    /// Count all matches, up to this many. `None` skips the count.
    pub count_max: Option<u64>,
    /// Whether the response shows each order with its lines. Only the dialect's `encode` reads this.
    pub with_lines: bool,
}

impl OrderQuery {
    /// The first `limit` orders in any state, in order of creation.
    #[must_use]
    pub fn first(limit: u64) -> Self {
        Self {
            keys: None,
            email: None,
            states: State::ALL.to_vec(),
            created_from_ms: None,
            created_to_ms: None,
            keep: None,
            newest_first: false,
            offset: 0,
            limit,
            count_max: None,
            with_lines: true,
        }
    }
}

/// A condition on a stored order.
pub type Keep = Box<dyn Fn(&StoredOrder) -> bool + Send + Sync>;

/// An order read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order id.
    pub id: OrderId,
    /// The code of the order's organisation.
    pub organisation: String,
    /// The organisation's current time zone.
    pub time_zone: TimeZone,
    /// The order key.
    pub key: String,
    /// The order number, if it has one.
    pub number: Option<u64>,
    /// The order's state.
    pub state: State,
    /// Why the order is held, if it is.
    pub held: Option<Held>,
    /// The latest revision.
    pub revision: u32,
    /// When the order was first accepted, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When the order last changed, in content or state, in milliseconds since 1970.
    pub updated_at_ms: i64,
    /// The submitted texts: the latest full text, then later additions, oldest first.
    pub texts: Vec<String>,
    /// The latest fulfilment report.
    pub fulfilment: Option<Reported>,
    /// The catalogue's decision, if the order was checked against a catalogue.
    pub admission: Option<Admission>,
}

/// Why a stored order is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The rule, and its sentence.
    pub hold: Hold,
    /// Since when, in milliseconds since 1970.
    pub at_ms: i64,
}

impl StoredOrder {
    /// An order of which only the text is known. It is pending, and its other attributes are empty.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self {
            id: BatchId::new(0, 0).order(0),
            organisation: String::new(),
            time_zone: TimeZone::UTC,
            key: String::new(),
            number: None,
            state: State::Pending,
            held: None,
            revision: 1,
            created_at_ms: 0,
            updated_at_ms: 0,
            texts: vec![text.to_owned()],
            fulfilment: None,
            admission: None,
        }
    }
}

/// The condition that an order's customer has this address.
///
/// A store that finds orders by address hash may find other addresses with the same hash. This condition removes them.
#[must_use]
pub fn keep(dialect: &'static dyn Dialect, address: &str) -> Keep {
    let wanted = email::normal(address).into_owned();
    Box::new(move |order| {
        let found = dialect.email(order);
        found.is_some_and(|found| email::is_same(&found, &wanted))
    })
}
