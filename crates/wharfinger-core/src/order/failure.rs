//! Request failures: why a whole request is refused before any of its orders is stored.
//!
//! A failure is a variant, an example and a row of the table. The page `/docs` of a server lists the examples.

use std::fmt::{self, Arguments, Display, Formatter};

use crate::json::Malformed;
use crate::order::organisation::Scope;
use crate::order::problem::{Code, Problem};

/// The closed list of request failures. Every dialect encodes each of them in its own format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The route, or the resource that it names, does not exist.
    NotFound(String),
    /// The route does not take this method.
    MethodNotAllowed {
        /// The methods that the route accepts, for the `Allow` header.
        allow: String,
    },
    /// The server is overloaded: too much work is waiting.
    Overloaded {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The server's disk is full.
    DiskFull {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The store could not confirm the commit. The request may or may not be stored.
    CommitUnknown {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The API key is missing or wrong.
    Unauthorized,
    /// Too many wrong API keys from one address.
    TooManyAttempts {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The API key may not do this. The text says what it lacks.
    Forbidden(String),
    /// The request must name an organisation, but names none.
    OrganisationMissing,
    /// The organisation does not exist, or the caller cannot reach it. Both give the same response.
    OrganisationUnknown,
    /// The organisation does not accept customer orders at present.
    OrganisationDisabled,
    /// The body's media type is not accepted.
    UnsupportedMediaType {
        /// The accepted media types, as text.
        wanted: &'static str,
    },
    /// The body's content coding is not supported.
    UnsupportedEncoding,
    /// The body is larger than the limit.
    BodyTooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The batch has more orders than the limit.
    TooManyOrders {
        /// The limit.
        orders_max: usize,
    },
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body cannot be decompressed.
    BrokenEncoding,
    /// The body ends before its announced length, or is framed in two ways at once.
    BrokenBody(&'static str),
    /// The body is not JSON that can be read to its end.
    Malformed(Malformed),
    /// The body is empty.
    EmptyBody,
    /// The body is JSON, but its root is not the expected array or object of orders.
    WrongEnvelope {
        /// The expected root.
        expected: &'static str,
    },
    /// A parameter is missing or invalid.
    BadParameter(String),
    /// The request asks for more of something than one call may.
    TooMany(String),
    /// Attributes of the body are invalid.
    Invalid(Vec<Problem>),
    /// The idempotency key was used for another request before.
    IdempotencyKeyReused,
    /// The first request with this idempotency key is still in progress.
    IdempotencyKeyBusy {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The saved response to this request was erased with a person's data.
    AnswerErased,
    /// The request conflicts with the current state. The text names that state.
    Conflict(String),
    /// The requested data existed, but is gone.
    Gone {
        /// A sentence that says how to continue.
        what: String,
        /// For a list that is read by cursor, the cursor of the first remaining entry.
        first: Option<String>,
    },
    /// The API key exceeded its request rate.
    RateLimited {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// An internal error. The log has details under the request id.
    Internal,
}

impl RequestFailure {
    /// The failure of an API key that lacks this scope.
    #[must_use]
    pub fn lacks_scope(scope: Scope) -> Self {
        Self::Forbidden(format!("this key lacks the scope {}", scope.name()))
    }

    /// One example of each failure, with typical bounds. They are documented, and tests encode them in every dialect.
    #[must_use]
    pub fn examples() -> [Self; 31] {
        [
            Self::NotFound("Order \"7\"".into()),
            Self::MethodNotAllowed {
                allow: "GET, PUT".into(),
            },
            Self::Overloaded { retry_after_s: 2 },
            Self::DiskFull { retry_after_s: 10 },
            Self::CommitUnknown { retry_after_s: 1 },
            Self::Unauthorized,
            Self::TooManyAttempts { retry_after_s: 60 },
            Self::lacks_scope(Scope::OrdersWrite),
            Self::OrganisationMissing,
            Self::OrganisationUnknown,
            Self::OrganisationDisabled,
            Self::UnsupportedMediaType {
                wanted: "application/json",
            },
            Self::UnsupportedEncoding,
            Self::BodyTooLarge { bytes_max: 1 },
            Self::TooManyOrders { orders_max: 1 },
            Self::BodyTimeout,
            Self::BrokenEncoding,
            Self::BrokenBody("The body is truncated"),
            Self::Malformed(Malformed::at(b"{", 1, "expected a \"name\"")),
            Self::EmptyBody,
            Self::WrongEnvelope {
                expected: "an object",
            },
            Self::BadParameter("page must be a number".into()),
            Self::TooMany("At most 50 orders".into()),
            Self::Invalid(vec![Problem::with_order(Code::NotObject)]),
            Self::IdempotencyKeyReused,
            Self::IdempotencyKeyBusy { retry_after_s: 1 },
            Self::AnswerErased,
            Self::Conflict("The order is processed".into()),
            Self::Gone {
                what: "Continue from 7".into(),
                first: Some("7".into()),
            },
            Self::RateLimited { retry_after_s: 1 },
            Self::Internal,
        ]
    }

    /// The table of failures: one row each.
    ///
    /// `take` gets the row and the message for people, which says what is wrong and how to resolve it.
    #[rustfmt::skip] // A row is a line.
    fn row<T>(&self, take: impl FnOnce(Row<'_>, Arguments<'_>) -> T) -> T {
        use FailureClass::{EmptyBody, Forbidden, OrganisationDisabled, OrganisationMissing, OrganisationUnknown, Other};
        use FailureClass::Unauthorized;
        use Header::{AcceptEncoding, Allow, None, RetryAfter};
        let row = |status, id, title, class, header, message: Arguments<'_>| {
            take(Row { status, id, title, class, header }, message)
        };
        match self {
            Self::NotFound(what) => row(404, "not_found", "Not found", Other, None, format_args!("{what} not found")),
            Self::MethodNotAllowed { allow } => row(405, "method_not_allowed", "Method not allowed", Other, Allow(allow),
                format_args!("Method not allowed here; use {allow}")),
            Self::Overloaded { retry_after_s: s } => row(503, "overloaded", "Overloaded", Other, RetryAfter(*s),
                format_args!("The server is overloaded; try again later")),
            Self::DiskFull { retry_after_s: s } => row(507, "disk_full", "Disk full", Other, RetryAfter(*s),
                format_args!("The server's disk is full, and nothing was stored; try again later")),
            Self::CommitUnknown { retry_after_s: s } => row(503, "commit_unknown", "Outcome unknown", Other, RetryAfter(*s),
                format_args!("This request may be stored or not; \
                    send it again, with the same Idempotency-Key or the same order keys")),
            Self::Unauthorized => row(401, "unauthorized", "Unauthorized", Unauthorized, None,
                format_args!("Unauthorized")),
            Self::TooManyAttempts { retry_after_s: s } => row(429, "too_many_attempts", "Too many failed attempts", Other, RetryAfter(*s),
                format_args!("Too many failed attempts; try again later")),
            Self::Forbidden(why) => row(403, "forbidden", "Access denied", Forbidden, None,
                format_args!("Access denied: {why}")),
            Self::OrganisationMissing => row(400, "organisation_missing", "No organisation named", OrganisationMissing, None,
                format_args!("The request must name an organisation")),
            Self::OrganisationUnknown => row(400, "organisation_unknown", "Unknown organisation", OrganisationUnknown, None,
                format_args!("The organisation does not exist, or this key cannot reach it")),
            Self::OrganisationDisabled => row(403, "organisation_disabled", "Customer orders not enabled", OrganisationDisabled, None,
                format_args!("Customer orders are not enabled for this organisation")),
            Self::UnsupportedMediaType { wanted } => row(415, "unsupported_media_type", "Unsupported media type", Other, None,
                format_args!("Content-Type must be {wanted}")),
            Self::UnsupportedEncoding => row(415, "unsupported_encoding", "Unsupported content coding", Other, AcceptEncoding("gzip, zstd"),
                format_args!("Content-Encoding must be gzip, zstd or absent")),
            Self::BodyTooLarge { bytes_max } => row(413, "body_too_large", "Body too large", Other, None,
                format_args!("The body is larger than {bytes_max} bytes; send smaller batches")),
            Self::TooManyOrders { orders_max } => row(413, "too_many_orders", "Too many orders", Other, None,
                format_args!("The batch has more than {orders_max} orders; send smaller batches")),
            Self::BodyTimeout => row(408, "body_timeout", "Time-out", Other, None,
                format_args!("The body took too long to arrive")),
            Self::BrokenEncoding => row(400, "broken_encoding", "Invalid content coding", Other, None,
                format_args!("The body is truncated, or does not match its Content-Encoding")),
            Self::BrokenBody(why) => row(400, "broken_body", "Invalid body", Other, None, format_args!("{why}")),
            Self::Malformed(fault) => row(400, "malformed", "Malformed JSON", Other, None,
                format_args!("Malformed JSON: {fault}")),
            Self::EmptyBody => row(400, "empty_body", "Empty body", EmptyBody, None, format_args!("The body is empty")),
            Self::WrongEnvelope { expected } => row(400, "wrong_envelope", "Wrong kind of body", Other, None,
                format_args!("The body must be {expected}")),
            Self::BadParameter(what) => row(400, "bad_parameter", "Bad parameter", Other, None, format_args!("{what}")),
            Self::TooMany(what) => row(409, "too_many", "Too many at once", Other, None, format_args!("{what}")),
            Self::Invalid(problems) => row(422, "invalid", "Invalid attributes", Other, None,
                format_args!("{}", Sentences(problems))),
            Self::IdempotencyKeyReused => row(422, "idempotency_key_reused", "Idempotency key reused", Other, None,
                format_args!("This Idempotency-Key was used for another request; use a new one")),
            Self::IdempotencyKeyBusy { retry_after_s: s } => row(409, "idempotency_key_busy", "Idempotency key in use", Other, RetryAfter(*s),
                format_args!("A request with this Idempotency-Key is still in progress; try again later")),
            Self::AnswerErased => row(409, "answer_erased", "Response erased", Other, None,
                format_args!("The response saved for this Idempotency-Key was erased with a person's data; \
                    to run the request again, use a new Idempotency-Key")),
            Self::Conflict(what) => row(409, "conflict", "Conflict", Other, None, format_args!("{what}")),
            Self::Gone { what, .. } => row(410, "gone", "Gone", Other, None, format_args!("{what}")),
            Self::RateLimited { retry_after_s: s } => row(429, "rate_limited", "Too many requests", Other, RetryAfter(*s),
                format_args!("Too many requests for this key; try again later")),
            Self::Internal => row(500, "internal", "Internal error", Other, None,
                format_args!("Internal error; the server's log has the cause under the request id")),
        }
    }

    /// What vendors' responses distinguish.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        self.row(|row, _| row.class)
    }

    /// Like [`Self::status`], but only status codes that clients of a vendor's API are likely to know.
    #[must_use]
    pub fn usual_status(&self) -> u16 {
        match self.status() {
            507 => 503,
            status => status,
        }
    }

    /// The HTTP status, unless the dialect uses another one.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.row(|row, _| row.status)
    }

    /// The stable identifier of the failure.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.row(|row, _| row.id)
    }

    /// The kind of failure, in a few words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.row(|row, _| row.title)
    }

    /// A message for people: what is wrong and how to resolve it.
    #[must_use]
    pub fn message(&self) -> String {
        self.row(|_, message| message.to_string())
    }

    /// The header field that belongs to the failure in every dialect. `WWW-Authenticate` is set by the dialect.
    #[must_use]
    pub fn header(&self) -> Option<(&'static str, String)> {
        self.row(|row, _| match row.header {
            Header::None => None,
            Header::Allow(methods) => Some(("allow", methods.to_owned())),
            Header::RetryAfter(seconds) => Some(("retry-after", seconds.to_string())),
            Header::AcceptEncoding(codings) => Some(("accept-encoding", codings.to_owned())),
        })
    }
}

/// What the table says about a failure.
struct Row<'f> {
    status: u16,
    id: &'static str,
    title: &'static str,
    class: FailureClass,
    header: Header<'f>,
}

/// A header field that belongs to a failure.
#[derive(Clone, Copy)]
enum Header<'f> {
    None,
    Allow(&'f str),
    /// In seconds.
    RetryAfter(u64),
    AcceptEncoding(&'static str),
}

/// The failures that vendors answer in their own words. A vendor matches all of these, and need not know the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// [`RequestFailure::Unauthorized`].
    Unauthorized,
    /// [`RequestFailure::Forbidden`].
    Forbidden,
    /// [`RequestFailure::OrganisationMissing`].
    OrganisationMissing,
    /// [`RequestFailure::OrganisationUnknown`].
    OrganisationUnknown,
    /// [`RequestFailure::OrganisationDisabled`].
    OrganisationDisabled,
    /// [`RequestFailure::EmptyBody`].
    EmptyBody,
    /// Any other failure.
    Other,
}

/// Problems as one sentence.
struct Sentences<'p>(&'p [Problem]);

impl Display for Sentences<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(out, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl From<Malformed> for RequestFailure {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}
