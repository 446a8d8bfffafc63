//! The routes of a dialect, as data.

use crate::json::Envelope;
#[cfg(doc)]
use crate::order::failure::RequestFailure;
use crate::order::organisation::Scope;

/// One route of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The operation's name, unique in the dialect. Used in logs and metrics.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with `{name}` for a parameter.
    pub path: &'static str,
    /// The scope that the API key needs. `None` if every valid key may call it.
    pub scope: Option<Scope>,
    /// What it does.
    pub action: Action,
    /// A summary in a few words.
    pub summary: &'static str,
    /// The parameters beyond the path and body. Parameters that every route accepts are not listed.
    pub parameters: &'static [Parameter],
}

/// A query parameter or header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether it is in the query or in a header field.
    pub place: ParameterPlace,
    /// The values that it accepts.
    pub kind: ParameterKind,
    /// A description.
    pub about: &'static str,
    /// Whether it is required.
    pub is_required: bool,
}

/// Where a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    /// In the query.
    Query,
    /// In a header field.
    Header,
}

/// The values that a parameter accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// A text from 1 character up to the given number.
    Prefix(usize),
    /// Comma-separated texts, at least one.
    Texts,
    /// The code of an organisation.
    Organisation,
    /// A cursor that a list returned.
    Cursor,
    /// A whole number from the first bound to the second, inclusive.
    Number(u64, u64),
    /// `true` or `false`.
    Boolean,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Some of these texts, separated by commas, at least one.
    SomeOf(&'static [&'static str]),
    /// The id of a dialect.
    Dialect,
    /// The id of a dialect, or `submitted`.
    Form,
    /// A date, or a date and a time separated by a space: `YYYY-mm-dd HH:MM:SS`.
    DayOrTime,
    /// A date, or a time in RFC 3339 format.
    DateOrTime,
    /// A time in RFC 3339 format, or a span before now such as `10m`.
    TimeOrSpan,
    /// A UUID.
    Uuid,
    /// A JSON pointer.
    JsonPointer,
    /// The name of a file: percent-encoded UTF-8.
    FileName,
    /// A duration in seconds such as `30s`, up to the given maximum.
    Seconds(u64),
}

impl Parameter {
    /// Creates an optional query parameter.
    #[must_use]
    pub const fn query(name: &'static str, kind: ParameterKind, about: &'static str) -> Self {
        let place = ParameterPlace::Query;
        Self {
            name,
            place,
            kind,
            about,
            is_required: false,
        }
    }

    /// Creates an optional header field. `name` must be lowercase.
    #[must_use]
    pub const fn header(name: &'static str, kind: ParameterKind, about: &'static str) -> Self {
        let place = ParameterPlace::Header;
        Self {
            name,
            place,
            kind,
            about,
            is_required: false,
        }
    }

    /// Makes the parameter required.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Submits orders.
    Submit {
        /// How the body contains the orders.
        envelope: Envelope,
        /// What happens if the body's root is of another kind.
        wrong_root: WrongRoot,
        /// What happens if the body is empty.
        empty_body: EmptyBody,
    },
    /// Returns one page of orders ([`ParsedRequest::Orders`](crate::dialect::ParsedRequest::Orders)).
    List,
    /// Returns all orders, in chunks. Each chunk is encoded separately.
    Stream,
    /// Returns one order ([`ParsedRequest::Order`](crate::dialect::ParsedRequest::Order)).
    Show,
    /// Cancels orders and releases their keys ([`ParsedRequest::Withdraw`](crate::dialect::ParsedRequest::Withdraw)).
    Withdraw,
    /// Reads or changes a resource of the server. The server has the handler, no dialect takes part.
    Resource {
        /// Whether the body has orders. The query may then name their organisation, and the request may be a dry run.
        takes_orders: bool,
    },
}

/// What happens to a body that is JSON, but whose root does not fit the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongRoot {
    /// The request is refused with [`RequestFailure::WrongEnvelope`].
    Refuse,
    /// A batch is judged as one without orders; [`Submitted::root_fits`](crate::dialect::Submitted::root_fits) is then
    /// false. A single order is judged as it is.
    Judge,
    /// Only for single orders: text and `null` are judged too. Anything else except an object is refused.
    TakeText,
}

/// What happens to a body that is empty, or only white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyBody {
    /// It is refused as malformed JSON.
    Malformed,
    /// The request is refused with [`RequestFailure::EmptyBody`].
    Refuse,
    /// It is judged as an order `{}`.
    EmptyObject,
}

/// Returns the path of a listed route that matches `path`, ignoring the case of the fixed segments.
#[must_use]
pub fn in_any_case(path: &str, operations: &[Operation]) -> Option<String> {
    operations.iter().find_map(|operation| {
        let templates = operation.path.split('/');
        if templates.clone().count() != path.split('/').count() {
            return None;
        }
        let segments = templates.zip(path.split('/')).map(|(template, segment)| {
            if template.starts_with('{') {
                Some(segment)
            } else {
                template.eq_ignore_ascii_case(segment).then_some(template)
            }
        });
        let segments: Option<Vec<_>> = segments.collect();
        segments.map(|segments| segments.join("/"))
    })
}
