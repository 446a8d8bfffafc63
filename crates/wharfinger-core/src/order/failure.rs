//! Request failures: why a whole request is refused before any of its orders is stored.

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
        match self {
            Self::DiskFull { .. } => 507,
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::Overloaded { .. } | Self::CommitUnknown { .. } => 503,
            Self::Unauthorized => 401,
            Self::TooManyAttempts { .. } | Self::RateLimited { .. } => 429,
            Self::Forbidden(_) | Self::OrganisationDisabled => 403,
            Self::OrganisationMissing
            | Self::OrganisationUnknown
            | Self::BrokenEncoding
            | Self::BrokenBody(_)
            | Self::Malformed(_)
            | Self::EmptyBody
            | Self::WrongEnvelope { .. }
            | Self::BadParameter(_) => 400,
            Self::UnsupportedMediaType { .. } | Self::UnsupportedEncoding => 415,
            Self::BodyTooLarge { .. } | Self::TooManyOrders { .. } => 413,
            Self::BodyTimeout => 408,
            Self::TooMany(_)
            | Self::Conflict(_)
            | Self::IdempotencyKeyBusy { .. }
            | Self::AnswerErased => 409,
            Self::Gone { .. } => 410,
            Self::IdempotencyKeyReused | Self::Invalid(_) => 422,
            Self::Internal => 500,
        }
    }

    /// The stable identifier of the failure.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Overloaded { .. } => "overloaded",
            Self::DiskFull { .. } => "disk_full",
            Self::CommitUnknown { .. } => "commit_unknown",
            Self::Unauthorized => "unauthorized",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Forbidden(_) => "forbidden",
            Self::OrganisationMissing => "organisation_missing",
            Self::OrganisationUnknown => "organisation_unknown",
            Self::OrganisationDisabled => "organisation_disabled",
            Self::UnsupportedMediaType { .. } => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::TooManyOrders { .. } => "too_many_orders",
            Self::BodyTimeout => "body_timeout",
            Self::BrokenEncoding => "broken_encoding",
            Self::BrokenBody(_) => "broken_body",
            Self::Malformed(_) => "malformed",
            Self::EmptyBody => "empty_body",
            Self::WrongEnvelope { .. } => "wrong_envelope",
            Self::BadParameter(_) => "bad_parameter",
            Self::TooMany(_) => "too_many",
            Self::Invalid(_) => "invalid",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdempotencyKeyBusy { .. } => "idempotency_key_busy",
            Self::AnswerErased => "answer_erased",
            Self::Conflict(_) => "conflict",
            Self::Gone { .. } => "gone",
            Self::RateLimited { .. } => "rate_limited",
            Self::Internal => "internal",
        }
    }

    /// The kind of failure, in a few words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::MethodNotAllowed { .. } => "Method not allowed",
            Self::Overloaded { .. } => "Overloaded",
            Self::DiskFull { .. } => "Disk full",
            Self::CommitUnknown { .. } => "Outcome unknown",
            Self::Unauthorized => "Unauthorized",
            Self::TooManyAttempts { .. } => "Too many failed attempts",
            Self::Forbidden(_) => "Access denied",
            Self::OrganisationMissing => "No organisation named",
            Self::OrganisationUnknown => "Unknown organisation",
            Self::OrganisationDisabled => "Customer orders not enabled",
            Self::UnsupportedMediaType { .. } => "Unsupported media type",
            Self::UnsupportedEncoding => "Unsupported content coding",
            Self::BodyTooLarge { .. } => "Body too large",
            Self::TooManyOrders { .. } => "Too many orders",
            Self::BodyTimeout => "Time-out",
            Self::BrokenEncoding => "Invalid content coding",
            Self::BrokenBody(_) => "Invalid body",
            Self::Malformed(_) => "Malformed JSON",
            Self::EmptyBody => "Empty body",
            Self::WrongEnvelope { .. } => "Wrong kind of body",
            Self::BadParameter(_) => "Bad parameter",
            Self::TooMany(_) => "Too many at once",
            Self::Invalid(_) => "Invalid attributes",
            Self::IdempotencyKeyReused => "Idempotency key reused",
            Self::IdempotencyKeyBusy { .. } => "Idempotency key in use",
            Self::AnswerErased => "Response erased",
            Self::Conflict(_) => "Conflict",
            Self::Gone { .. } => "Gone",
            Self::RateLimited { .. } => "Too many requests",
            Self::Internal => "Internal error",
        }
    }

    /// A message for people: what is wrong and how to resolve it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::NotFound(what) => format!("{what} not found"),
            Self::MethodNotAllowed { allow } => {
                format!("Method not allowed here; use {allow}")
            }
            Self::Overloaded { .. } => "The server is overloaded; try again later".into(),
            Self::DiskFull { .. } => {
                "The server's disk is full, and nothing was stored; try again later".into()
            }
            Self::CommitUnknown { .. } => {
                "This request may be stored or not; send it again, with the same Idempotency-Key or the same order keys"
                    .into()
            }
            Self::Unauthorized => "Unauthorized".into(),
            Self::TooManyAttempts { .. } => "Too many failed attempts; try again later".into(),
            Self::Forbidden(why) => format!("Access denied: {why}"),
            Self::OrganisationMissing => "The request must name an organisation".into(),
            Self::OrganisationUnknown => "The organisation does not exist, or this key cannot reach it".into(),
            Self::OrganisationDisabled => {
                "Customer orders are not enabled for this organisation".into()
            }
            Self::UnsupportedMediaType { wanted } => format!("Content-Type must be {wanted}"),
            Self::UnsupportedEncoding => "Content-Encoding must be gzip, zstd or absent".into(),
            Self::BodyTooLarge { bytes_max } => {
                format!("The body is larger than {bytes_max} bytes; send smaller batches")
            }
            Self::TooManyOrders { orders_max } => {
                format!("The batch has more than {orders_max} orders; send smaller batches")
            }
            Self::BodyTimeout => "The body took too long to arrive".into(),
            Self::BrokenEncoding => {
                "The body is truncated, or does not match its Content-Encoding".into()
            }
            Self::BrokenBody(why) => (*why).into(),
            Self::Malformed(fault) => format!("Malformed JSON: {fault}"),
            Self::EmptyBody => "The body is empty".into(),
            Self::WrongEnvelope { expected } => format!("The body must be {expected}"),
            Self::BadParameter(what)
            | Self::TooMany(what)
            | Self::Conflict(what)
            | Self::Gone { what, .. } => what.clone(),
            Self::Invalid(problems) => {
                let sentences: Vec<_> = problems.iter().map(Problem::to_string).collect();
                sentences.join("; ")
            }
            Self::IdempotencyKeyReused => {
                "This Idempotency-Key was used for another request; use a new one".into()
            }
            Self::IdempotencyKeyBusy { .. } => {
                "A request with this Idempotency-Key is still in progress; try again later".into()
            }
            Self::AnswerErased => {
                "The response saved for this Idempotency-Key was erased with a person's data; \
                 to run the request again, use a new Idempotency-Key"
                    .into()
            }
            Self::RateLimited { .. } => "Too many requests for this key; try again later".into(),
            Self::Internal => "Internal error; the server's log has the cause under the request id".into(),
        }
    }

    /// The header fields that belong to the failure in every dialect. `WWW-Authenticate` is set by the dialect.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::MethodNotAllowed { allow } => vec![("allow", allow.clone())],
            Self::Overloaded { retry_after_s }
            | Self::DiskFull { retry_after_s }
            | Self::CommitUnknown { retry_after_s }
            | Self::TooManyAttempts { retry_after_s }
            | Self::RateLimited { retry_after_s }
            | Self::IdempotencyKeyBusy { retry_after_s } => {
                vec![("retry-after", retry_after_s.to_string())]
            }
            Self::UnsupportedEncoding => vec![("accept-encoding", "gzip, zstd".into())],
            Self::NotFound(_)
            | Self::Unauthorized
            | Self::Forbidden(_)
            | Self::OrganisationMissing
            | Self::OrganisationUnknown
            | Self::OrganisationDisabled
            | Self::UnsupportedMediaType { .. }
            | Self::BodyTooLarge { .. }
            | Self::TooManyOrders { .. }
            | Self::BodyTimeout
            | Self::BrokenEncoding
            | Self::BrokenBody(_)
            | Self::Malformed(_)
            | Self::EmptyBody
            | Self::WrongEnvelope { .. }
            | Self::BadParameter(_)
            | Self::TooMany(_)
            | Self::Invalid(_)
            | Self::IdempotencyKeyReused
            | Self::AnswerErased
            | Self::Conflict(_)
            | Self::Gone { .. }
            | Self::Internal => Vec::new(),
        }
    }
}

impl From<Malformed> for RequestFailure {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}
