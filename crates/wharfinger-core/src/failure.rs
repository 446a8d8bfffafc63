//! Why a whole request is turned down, before any of its orders was judged.

use crate::json::Malformed;

/// The closed list of refusals. Every dialect says each of them in its own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// No such route, or no such order.
    NotFound(String),
    /// The route does not take this method.
    MethodNotAllowed {
        /// The methods it takes, for `Allow`.
        allow: String,
    },
    /// Too much work waits already.
    Overloaded {
        /// When to try again.
        retry_after_s: u64,
    },
    /// No key, or a wrong one.
    Unauthorized,
    /// Too many wrong keys from one address.
    TooManyAttempts {
        /// When to try again.
        retry_after_s: u64,
    },
    /// The key lacks the scope.
    Forbidden,
    /// The request must name an organisation, and names none.
    OrganisationMissing,
    /// No such organisation, or not one of the caller's: told alike.
    OrganisationUnknown,
    /// The organisation does not take customer orders at present.
    OrganisationDisabled,
    /// The body's media type is not the one that is taken.
    UnsupportedMediaType,
    /// The body's content coding cannot be undone.
    UnsupportedEncoding,
    /// The body is larger than is allowed.
    BodyTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The batch holds more orders than are allowed.
    TooManyOrders {
        /// The limit.
        orders_max: usize,
    },
    /// The body took too long to come.
    BodyTimeout,
    /// The content coding of the body is broken.
    BrokenEncoding,
    /// The body breaks off before the length it announced, or is framed in two ways at once.
    BrokenBody(&'static str),
    /// The body is no JSON that can be read to its end.
    Malformed(Malformed),
    /// The body is empty.
    EmptyBody,
    /// The body is JSON, but no array, or no object, of orders.
    WrongEnvelope {
        /// What it must be.
        expected: &'static str,
    },
    /// A parameter is missing or wrong.
    BadParameter(String),
    /// A request asks for more of something than one call may.
    TooMany(String),
    /// A fault of the server's own; the log has it under the request's id.
    Internal,
}

impl RequestFailure {
    /// The HTTP status, where the dialect has no other for it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::Overloaded { .. } => 503,
            Self::Unauthorized => 401,
            Self::TooManyAttempts { .. } => 429,
            Self::Forbidden | Self::OrganisationDisabled => 403,
            Self::OrganisationMissing
            | Self::OrganisationUnknown
            | Self::BrokenEncoding
            | Self::BrokenBody(_)
            | Self::Malformed(_)
            | Self::EmptyBody
            | Self::WrongEnvelope { .. }
            | Self::BadParameter(_) => 400,
            Self::UnsupportedMediaType | Self::UnsupportedEncoding => 415,
            Self::BodyTooLarge { .. } | Self::TooManyOrders { .. } => 413,
            Self::BodyTimeout => 408,
            Self::TooMany(_) => 409,
            Self::Internal => 500,
        }
    }

    /// A sentence for people: what is wrong, and the way out.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::NotFound(what) => format!("{what} not found"),
            Self::MethodNotAllowed { allow } => {
                format!("Method not allowed here; use {allow}")
            }
            Self::Overloaded { .. } => "Too busy at the moment; try again later".into(),
            Self::Unauthorized => "Unauthorized".into(),
            Self::TooManyAttempts { .. } => "Too many failed attempts; try again later".into(),
            Self::Forbidden => "Access denied".into(),
            Self::OrganisationMissing => "The request must name an organisation".into(),
            Self::OrganisationUnknown => "No such organisation for this key".into(),
            Self::OrganisationDisabled => {
                "Customer orders are not enabled for this organisation".into()
            }
            Self::UnsupportedMediaType => "Content-Type must be application/json".into(),
            Self::UnsupportedEncoding => "Content-Encoding must be gzip, zstd or absent".into(),
            Self::BodyTooLarge { bytes_max } => {
                format!("The body is larger than {bytes_max} bytes; send smaller batches")
            }
            Self::TooManyOrders { orders_max } => {
                format!("The batch holds more than {orders_max} orders; send smaller batches")
            }
            Self::BodyTimeout => "The body took too long to arrive".into(),
            Self::BrokenEncoding => {
                "The body is not what its Content-Encoding says, or breaks off".into()
            }
            Self::BrokenBody(why) => (*why).into(),
            Self::Malformed(fault) => format!("Malformed JSON: {fault}"),
            Self::EmptyBody => "The body is empty".into(),
            Self::WrongEnvelope { expected } => format!("The body must be {expected}"),
            Self::BadParameter(what) | Self::TooMany(what) => what.clone(),
            Self::Internal => "Internal error; the request id names it in the log".into(),
        }
    }

    /// The header fields that go with the failure, whatever the dialect. (`WWW-Authenticate` is the dialect's own.)
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::MethodNotAllowed { allow } => vec![("allow", allow.clone())],
            Self::Overloaded { retry_after_s } | Self::TooManyAttempts { retry_after_s } => {
                vec![("retry-after", retry_after_s.to_string())]
            }
            Self::UnsupportedEncoding => vec![("accept-encoding", "gzip, zstd".into())],
            Self::NotFound(_)
            | Self::Unauthorized
            | Self::Forbidden
            | Self::OrganisationMissing
            | Self::OrganisationUnknown
            | Self::OrganisationDisabled
            | Self::UnsupportedMediaType
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
            | Self::Internal => Vec::new(),
        }
    }
}

impl From<Malformed> for RequestFailure {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}
