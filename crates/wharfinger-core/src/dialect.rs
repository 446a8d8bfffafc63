//! The dialect trait: one vendor's wire format, as data and pure functions.
//!
//! A request passes through `credentials`, `organisation`, then `judge` (once per order) or `ask`, then the store, then
//! `encode`. A request that is refused on the way goes to `refuse`. Nothing here does I/O.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::admit::{Intent, Policy};
pub use crate::answer::{Answer, Orders, OrganisationPage, Reply, Results, Submitted, Told};
use crate::caller::{Caller, Organisation};
use crate::canonical;
use crate::catalogue::{Admission, Demand};
use crate::erase::Figure;
use crate::failure::RequestFailure;
use crate::fulfilment::Reported;
use crate::ids::{OrderId, OrganisationId};
use crate::json::{Entry, NameCase};
use crate::limits::WARNINGS_PER_ORDER_MAX;
use crate::load::Load;
pub use crate::operation::{
    Action, EmptyBody, Operation, Parameter, ParameterKind, Place, Resource, WrongRoot,
};
use crate::outcome::State;
use crate::problem::Problems;
use crate::warning::{Warning, WarningCode};

/// One wire format.
///
/// If a vendor lacks an operation, [`Self::operations`] does not list it. No method is a stub that does nothing.
pub trait Dialect: Sync {
    /// The dialect's name in URLs, on the command line and in the store.
    fn id(&self) -> &'static str;

    /// Its routes.
    fn operations(&self) -> &'static [Operation];

    /// Maps a path that the vendor also accepts to the path of a listed route.
    ///
    /// Called only for a path that matches no route.
    fn respell(&self, path: &str) -> Option<String>;

    /// How attribute names are compared: exactly, or ignoring case.
    fn name_case(&self) -> NameCase;

    /// Extracts the API key of a request.
    fn credentials(&self, head: &Head<'_>) -> Credentials;

    /// Returns the organisation that the request is about, or `None` if each order names its own.
    ///
    /// # Errors
    /// The request names no organisation, or one that is unknown, out of the caller's reach, or not enabled.
    fn organisation<'c>(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        caller: Caller<'c>,
    ) -> Result<Option<&'c Organisation>, RequestFailure>;

    /// Reads the options of a request that submits orders.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`].
    fn asked(&self, operation: &Operation, head: &Head<'_>) -> Result<Asked, RequestFailure>;

    /// Decodes and validates one order. Called only for entries without faults.
    fn judge<'a>(&self, context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a>;

    /// Reads the parameters of a request that submits no orders.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`], or a limit of the dialect.
    fn ask(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        organisation: Option<&Organisation>,
    ) -> Result<Ask, RequestFailure>;

    /// The e-mail address of a stored order's customer, if any. Equals [`Slot::email`] at submission.
    fn email(&self, order: &StoredOrder) -> Option<String>;

    /// Converts a stored order to the canonical form, including later additions.
    fn canonical(&self, order: &StoredOrder) -> canonical::Order;

    /// Renders a canonical order in this dialect's form.
    ///
    /// What the form cannot hold is left out. What the form requires and the order lacks is left out too, and named
    /// in the result. `zone` is the time zone of dates in the form that carry no zone.
    fn render(&self, order: &canonical::Order, zone: &TimeZone) -> canonical::Rendered;

    /// Renders a stored order in this dialect's form: as submitted, with later additions.
    fn own_form(&self, order: &StoredOrder) -> String;

    /// The attributes that are retained when a person is erased from a stored text, including later additions.
    fn figures(&self) -> &'static [Figure];

    /// Encodes an answer as the vendor's response.
    fn encode(&self, operation: &Operation, answer: &Answer<'_>) -> Reply;

    /// Encodes a refused request for `path` as the vendor's response. `operation` is `None` if no route matches.
    fn refuse(&self, operation: Option<&Operation>, failure: &RequestFailure, path: &str) -> Reply;

    /// Returns sample requests for this key.
    fn samples(&self, key: &SampleKey<'_>) -> Samples;

    /// Returns the requests that the benchmark sends.
    fn load(&self) -> &'static Load;
}

/// The organisation and API key that sample requests use.
#[derive(Clone, Copy, Debug)]
pub struct SampleKey<'k> {
    /// The organisation that the orders are for.
    pub organisation: &'k str,
    /// The key's id.
    pub id: &'k str,
    /// The key's secret.
    pub secret: &'k str,
}

/// Sample requests of a dialect.
#[derive(Clone, Debug)]
pub struct Samples {
    /// A valid order, short enough for a command line.
    pub one: Sample,
    /// A day's batch: valid, invalid and repeated orders.
    pub batch: Sample,
}

/// A complete request, ready to send.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub target: String,
    /// The header fields: the API key and the media type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// The parts of a request that precede its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h> {
    /// Path parameters, decoded.
    pub path: &'h [(String, String)],
    /// Query parameters, decoded, in order.
    pub query: &'h [(String, String)],
    /// Header fields, with lowercase names.
    pub headers: &'h [(&'h str, &'h str)],
}

impl<'h> Head<'h> {
    /// Returns a path parameter.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&'h str> {
        find(self.path, |known| known == name)
    }

    /// Returns the first query parameter with this name, ignoring case.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<&'h str> {
        find(self.query, |known| known.eq_ignore_ascii_case(name))
    }

    /// Returns a header field. `name` must be lowercase.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h str> {
        let field = self.headers.iter().find(|(known, _)| *known == name);
        field.map(|(_, value)| *value)
    }
}

fn find(pairs: &[(String, String)], is_wanted: impl Fn(&str) -> bool) -> Option<&str> {
    let pair = pairs.iter().find(|(name, _)| is_wanted(name));
    pair.map(|(_, value)| value.as_str())
}

/// The API key that a request presents.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// No key, or one that cannot be read.
    Missing,
    /// A key's id and secret.
    Pair {
        /// The key's id.
        id: String,
        /// The key's secret.
        secret: String,
    },
    /// A key's secret alone.
    Secret(String),
}

/// What an order is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The route of the request.
    pub operation: &'c Operation,
    /// The request's head, for path parameters.
    pub head: &'c Head<'c>,
    /// The caller that sent the request.
    pub caller: Caller<'c>,
    /// The organisation that the request names, if any.
    pub organisation: Option<&'c Organisation>,
}

/// The options of a request that submits orders.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    /// The dialect of the orders. `None` means the request's own dialect.
    pub written_in: Option<&'static dyn Dialect>,
    /// Whether valid orders are stored when others are rejected.
    pub policy: Policy,
    /// Which orders the response lists.
    pub results: Results,
}

/// One order of a batch, with its verdict.
#[derive(Clone, Debug)]
pub struct Slot<'a> {
    /// The bytes as they were sent.
    pub raw: &'a str,
    /// The line number, from 1, in an NDJSON body.
    pub line: Option<usize>,
    /// The sender's name for the order, in a body that is an object of orders.
    pub name: Option<Cow<'a, str>>,
    /// The order key, if one can be read. Invalid orders may have one too.
    pub key: Option<Cow<'a, str>>,
    /// The organisation, if known. Invalid orders may have one too.
    pub organisation: Option<OrganisationId>,
    /// The customer's e-mail address, if the order is valid and has one.
    pub email: Option<Cow<'a, str>>,
    /// The order's warnings, whether it is valid or not.
    pub warnings: Vec<Warning>,
    /// Whether the order is valid, or what is wrong with it.
    pub verdict: Verdict,
}

impl<'a> Slot<'a> {
    /// Creates a slot with nothing read yet: an upsert without an order number.
    #[must_use]
    pub fn unread(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Self {
        Self {
            raw: entry.raw,
            line: None,
            name: None,
            key: None,
            organisation: context.organisation.map(|of_request| of_request.id),
            email: None,
            warnings: Vec::new(),
            verdict: Verdict::Good(Draft {
                hash: entry.hash,
                intent: Intent::Upsert,
                number: Number::None,
                demand: None,
            }),
        }
    }

    /// Adds a warning about the request. The first order of a batch has it.
    pub fn warn_of_request(&mut self, code: WarningCode) {
        self.warnings.insert(0, Warning::of_order(code));
        self.warnings.truncate(WARNINGS_PER_ORDER_MAX);
    }
}

/// The result of validating one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The order is valid. The slot then has an organisation. It has a key unless the server assigns a number.
    Good(Draft),
    /// The order is invalid.
    Faulty(Problems),
    /// The order cannot be read: its JSON has a fault, or it is too large.
    Unreadable(Problems),
}

/// What the store needs of a valid order. The content stays in the slot's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The content hash.
    pub hash: u128,
    /// What the submission asks for.
    pub intent: Intent,
    /// The order's number, if it has one.
    pub number: Number,
    /// What the order requires of the organisation's catalogue, if it is checked against one.
    pub demand: Option<Arc<Demand>>,
}

/// How an order gets its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The order has no number. Its key is in the slot.
    None,
    /// This number, which is also the key.
    Given(u64),
    /// The organisation's next number, which then is also the key.
    Next,
}

/// What a request without orders asks for.
pub enum Ask {
    /// Orders, filtered and paged.
    Orders(OrderQuery),
    /// The order with this key.
    Order {
        /// The order key.
        key: String,
    },
    /// Cancel these orders and release their keys.
    Withdraw {
        /// The order keys, as the response spells them.
        keys: Vec<String>,
        /// A fallback for each key, used if no order holds the key.
        otherwise: Vec<Option<String>>,
    },
    /// The organisations that the API key reaches, or the one that the request names.
    Organisations {
        /// How many to skip.
        offset: u64,
        /// How many to return, at least 1.
        limit: u64,
    },
}

/// A query for stored orders of one organisation and dialect.
pub struct OrderQuery {
    /// Only these order keys. `None` means all.
    pub keys: Option<Vec<String>>,
    /// Only orders whose customer has this e-mail address, in the order of their latest full texts.
    ///
    /// The store looks the address up by hash, and hashes may collide. Set `keep` to the result of
    /// [`crate::email::keep`] as well.
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

/// Hides secrets from logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => out.write_str("Missing"),
            Self::Pair { id, .. } => write!(out, "Pair({id})"),
            Self::Secret(_) => out.write_str("Secret"),
        }
    }
}
