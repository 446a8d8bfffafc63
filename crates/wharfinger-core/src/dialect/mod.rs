//! The dialect trait: one vendor's wire format, as data and pure functions.
//!
//! A request passes through `credentials`, `organisation`, then `judge` (once per order) or `parse_request`, then the
//! store, then `encode`. A request that is refused on the way goes to `refuse`. Nothing here does I/O.
//!
//! May import every room except `dialects`, which imports it.

pub mod operation;
pub mod query;
mod reply;
mod request;
mod samples;
mod slot;
mod stored;
pub mod workload;

use jiff::tz::TimeZone;

pub use operation::{
    Action, EmptyBody, Operation, Parameter, ParameterKind, ParameterPlace, WrongRoot,
};
pub use reply::{Answer, Orders, OrganisationPage, Reply, ResponseOptions, Results, Submitted};
pub use request::{Context, Credentials, Head, ParsedRequest, SubmitOptions};
pub use samples::{Sample, SampleKey, Samples};
pub use slot::{Draft, Number, Slot, Verdict};
pub use stored::{Held, Keep, OrderQuery, StoredOrder, keep};

use crate::canonical;
use crate::json::{Entry, NameCase};
use crate::order::failure::RequestFailure;
use crate::order::organisation::{Caller, Organisation};
use crate::reading::fields::Field;
use workload::Workload;

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
    fn submit_options(
        &self,
        operation: &Operation,
        head: &Head<'_>,
    ) -> Result<SubmitOptions, RequestFailure>;

    /// Decodes and validates one order. Called only for entries without faults.
    fn judge<'a>(&self, context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a>;

    /// Reads the parameters of a request that submits no orders.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`], or a limit of the dialect.
    fn parse_request(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        organisation: Option<&Organisation>,
    ) -> Result<ParsedRequest, RequestFailure>;

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

    /// The table of its attributes. It says what is retained of a stored text when its person is erased, also of later
    /// additions.
    fn fields(&self) -> &'static [Field];

    /// Encodes an answer as the vendor's response.
    fn encode(&self, operation: &Operation, answer: &Answer<'_>) -> Reply;

    /// Encodes a refused request for `path` as the vendor's response. `operation` is `None` if no route matches.
    fn refuse(&self, operation: Option<&Operation>, failure: &RequestFailure, path: &str) -> Reply;

    /// Returns sample requests for this key.
    fn samples(&self, key: &SampleKey<'_>) -> Samples;

    /// Returns the requests that the benchmark sends.
    fn workload(&self) -> &'static Workload;
}
