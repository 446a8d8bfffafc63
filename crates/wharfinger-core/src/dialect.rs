//! What a dialect is: one vendor's wire format, as data and pure functions.
//!
//! A request travels `credentials` → `organisation` → `judge` (once an order) or `ask` → the store → `encode`;
//! a request that is turned down on the way goes to `refuse`. Nothing here does I/O.

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
use crate::load::Load;
pub use crate::operation::{
    Action, EmptyBody, Operation, Parameter, ParameterKind, Place, Resource, WrongRoot,
};
use crate::outcome::State;
use crate::problem::Problems;
use crate::warning::Warning;

/// One wire format. What a vendor lacks is absent from [`Self::operations`], never a method that does nothing.
pub trait Dialect: Sync {
    /// The dialect's name in addresses, on the command line and in the store.
    fn id(&self) -> &'static str;

    /// Its routes.
    fn operations(&self) -> &'static [Operation];

    /// The path of a route that a request is meant for, where the vendor takes a path which the routes do not list. Asked
    /// only for a path that no route has.
    fn respell(&self, path: &str) -> Option<String>;

    /// How it compares the names of attributes.
    fn name_case(&self) -> NameCase;

    /// Where a request carries its key.
    fn credentials(&self, head: &Head<'_>) -> Credentials;

    /// The organisation that a request is about; none where each order names its own.
    ///
    /// # Errors
    /// The request names none, or one that is unknown, not the caller's, or not enabled.
    fn organisation<'c>(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        caller: Caller<'c>,
    ) -> Result<Option<&'c Organisation>, RequestFailure>;

    /// What a request that takes orders in asks for besides.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`].
    fn asked(&self, operation: &Operation, head: &Head<'_>) -> Result<Asked, RequestFailure>;

    /// Decodes and validates one order. Called only for entries without faults.
    fn judge<'a>(&self, context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a>;

    /// Reads what a request without orders asks for, about the organisation that it names.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`], or a limit of the dialect's own.
    fn ask(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        organisation: Option<&Organisation>,
    ) -> Result<Ask, RequestFailure>;

    /// The e-mail address of a stored order's customer, where it has one: what [`Slot::email`] was.
    fn email(&self, order: &StoredOrder) -> Option<String>;

    /// A stored order in the canonical form, with what was added to it since it was submitted.
    fn canonical(&self, order: &StoredOrder) -> canonical::Order;

    /// A canonical order in this dialect's form. What the form cannot hold is left out; what it demands and the order
    /// has not is left out and named. The time zone is that of the form's dates without one.
    fn render(&self, order: &canonical::Order, zone: &TimeZone) -> canonical::Rendered;

    /// A stored order in this dialect's form: as it was submitted, with what was added to it since.
    fn own_form(&self, order: &StoredOrder) -> String;

    /// What stays of a stored text where the person in it is erased, also of what was added to an order since.
    fn figures(&self) -> &'static [Figure];

    /// Puts an answer into the vendor's words.
    fn encode(&self, operation: &Operation, answer: &Answer<'_>) -> Reply;

    /// Puts a refusal of a request for `path` into the vendor's words; without an operation where the route is unknown.
    fn refuse(&self, operation: Option<&Operation>, failure: &RequestFailure, path: &str) -> Reply;

    /// Requests that show the dialect at work, as this key would send them.
    fn samples(&self, key: &SampleKey<'_>) -> Samples;

    /// What is sent to measure it.
    fn load(&self) -> &'static Load;
}

/// Whose sample requests are wanted.
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
    /// A good order, short enough for a command line.
    pub one: Sample,
    /// A day's batch: good, faulty and repeated orders.
    pub batch: Sample,
}

/// A request that can be sent as it is.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub target: String,
    /// Header fields: the key and the media type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// The parts of a request that come before its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h> {
    /// Parameters of the path, decoded.
    pub path: &'h [(String, String)],
    /// Parameters of the query, decoded, in order.
    pub query: &'h [(String, String)],
    /// Header fields, names in small letters.
    pub headers: &'h [(&'h str, &'h str)],
}

impl<'h> Head<'h> {
    /// A parameter of the path.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&'h str> {
        find(self.path, |known| known == name)
    }

    /// The first parameter of the query of this name, whatever its case.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<&'h str> {
        find(self.query, |known| known.eq_ignore_ascii_case(name))
    }

    /// A header field; the name in small letters.
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

/// What a request says to prove who sends it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing, or nothing that can be read.
    Missing,
    /// A key's id and its secret.
    Pair {
        /// The key's id.
        id: String,
        /// The key's secret.
        secret: String,
    },
    /// A key's secret alone.
    Secret(String),
}

/// What an order is judged by, besides itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The route it came by.
    pub operation: &'c Operation,
    /// The request's head, for parameters of the path.
    pub head: &'c Head<'c>,
    /// Who sent it.
    pub caller: Caller<'c>,
    /// The organisation that the request is about, where it names one.
    pub organisation: Option<&'c Organisation>,
}

/// What a request that takes orders in asks for, besides that.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    /// The dialect that the orders are written in, and belong to; the request's own where absent.
    pub written_in: Option<&'static dyn Dialect>,
    /// What is to become of good orders where others are not good.
    pub policy: Policy,
    /// Which orders the answer tells of.
    pub results: Results,
}

/// One order of a batch, judged by itself.
#[derive(Clone, Debug)]
pub struct Slot<'a> {
    /// Its bytes as they came.
    pub raw: &'a str,
    /// The line it stands on, from 1, in a body of lines.
    pub line: Option<usize>,
    /// The sender's name for it, in an object of orders.
    pub name: Option<Cow<'a, str>>,
    /// The order key, where one can be read, also of a faulty order.
    pub key: Option<Cow<'a, str>>,
    /// The organisation it belongs to, where that is known, also of a faulty order.
    pub organisation: Option<OrganisationId>,
    /// The e-mail address of its customer, where it is good and has one.
    pub email: Option<Cow<'a, str>>,
    /// What is odd about it, good or not.
    pub warnings: Vec<Warning>,
    /// Good enough to store, or what is wrong.
    pub verdict: Verdict,
}

impl<'a> Slot<'a> {
    /// A slot of which nothing is read yet, of an order that creates or brings up to date and has a key of its sender's.
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
}

/// What validation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong. The slot then has an organisation, and a key unless the server is to give a number.
    Good(Draft),
    /// Something is wrong.
    Faulty(Problems),
    /// It cannot be read: a fault of the JSON inside it, or its size.
    Unreadable(Problems),
}

/// What the store needs of a good order; its content stays in the slot's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The content hash.
    pub hash: u128,
    /// What it asks for.
    pub intent: Intent,
    /// What number the order is to have.
    pub number: Number,
    /// What it asks of its organisation's catalogue, where it is held against that.
    pub demand: Option<Arc<Demand>>,
}

/// How an order gets its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// It has none; its key is in the slot.
    None,
    /// This one, which is also its key.
    Given(u64),
    /// The organisation's next one, which is then its key.
    Next,
}

/// What a request without orders asks for.
pub enum Ask {
    /// Orders, filtered and in pages.
    Orders(OrderQuery),
    /// The order of this key.
    Order {
        /// The order key.
        key: String,
    },
    /// That these orders be cancelled and their keys released.
    Withdraw {
        /// The order keys, as they are to be answered.
        keys: Vec<String>,
        /// For each another key, which is meant where no order holds the first.
        otherwise: Vec<Option<String>>,
    },
    /// The organisations that the key may act for, or the one that the request names.
    Organisations {
        /// How many to pass over.
        offset: u64,
        /// How many to give, 1 at least.
        limit: u64,
    },
}

/// Which orders to read back, all of one organisation and dialect.
pub struct OrderQuery {
    /// Only these order keys; all where none is given.
    pub keys: Option<Vec<String>>,
    /// Only orders whose customer has this e-mail address, in the order of their latest full texts. Found by a hash: `keep`
    /// has to be set too, to what [`crate::email::keep`] makes of it.
    pub email: Option<String>,
    /// Only orders in one of these states.
    pub states: Vec<State>,
    /// Created at this time or later, in milliseconds since 1970.
    pub created_from_ms: Option<i64>,
    /// Created at this time or earlier.
    pub created_to_ms: Option<i64>,
    /// A further condition on an order's content.
    pub keep: Option<Keep>,
    /// Newest first, rather than in the order of creation.
    pub newest_first: bool,
    /// How many to pass over.
    pub offset: u64,
    /// How many to give.
    pub limit: u64,
    /// Count all that match, up to this many; not at all where absent.
    pub count_max: Option<u64>,
    /// Whether each order is to be told with its lines; for the dialect's `encode` alone.
    pub with_lines: bool,
}

impl OrderQuery {
    /// The first orders, whatever their state, in the order of creation.
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

/// An order read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// Its id.
    pub id: OrderId,
    /// The code of the organisation that it belongs to.
    pub organisation: String,
    /// The organisation's time zone, at present.
    pub time_zone: TimeZone,
    /// Its key.
    pub key: String,
    /// Its number, where it has one.
    pub number: Option<u64>,
    /// Where it stands.
    pub state: State,
    /// Its latest revision.
    pub revision: u32,
    /// When it was first accepted, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it last changed, in content or in state, in milliseconds since 1970.
    pub updated_at_ms: i64,
    /// What was submitted: the latest full text, then what [`Intent::Complete`] added, oldest first.
    pub texts: Vec<String>,
    /// How far it is fulfilled, as was last reported.
    pub fulfilment: Option<Reported>,
    /// What was decided on it, where it was held against a catalogue.
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
