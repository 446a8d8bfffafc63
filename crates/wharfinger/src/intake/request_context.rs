//! An authenticated request: who calls, and what for.

use std::sync::Arc;

use bytes::Bytes;
use wharfinger_core::convert;
use wharfinger_core::decide::admit::Policy;
use wharfinger_core::dialect::{Context, Dialect, Head, Operation, Results};
use wharfinger_core::letters::is_obeyed;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::organisation::Organisation;

use crate::access::Authenticated;
use crate::runtime::budget::{Budget, Holder, Lease};
use crate::store::{DISK_RETRY_AFTER, RETRY_AFTER, StoreError, Visible};

/// An authenticated request.
pub struct Call<'c> {
    /// The request id, as in the log.
    pub request_id: &'c str,
    /// The dialect of the route.
    pub dialect: &'static dyn Dialect,
    /// The operation of the route.
    pub operation: &'static Operation,
    /// Path and query, as they were sent.
    pub target: &'c str,
    /// Path parameters, query and header fields.
    pub head: Head<'c>,
    /// The caller.
    pub authenticated: &'c Authenticated,
    /// The organisation of the request, if it names one.
    pub organisation: Option<&'c Organisation>,
    /// The idempotency key under which the response is saved, if any.
    pub idempotency_key: Option<String>,
    /// Whether to compute the response without storing anything.
    pub dry_run: bool,
}

impl<'c> Call<'c> {
    /// The context for judging its orders.
    #[must_use]
    pub fn context(&'c self) -> Context<'c> {
        Context {
            operation: self.operation,
            head: &self.head,
            caller: self.authenticated.caller(),
            organisation: self.organisation,
        }
    }

    /// An empty lease that counts towards the shares of the key and of the organisation. The organisation is the one that the
    /// request names, or the only one that the key can access.
    #[must_use]
    pub fn lease(&self, budget: &Budget) -> Lease {
        let mut holders = self.authenticated.holders();
        if let ([_, only @ None], Some(organisation)) = (&mut holders, self.organisation) {
            *only = Some(Holder::Organisation(organisation.id));
        }
        budget.lease(holders)
    }

    /// What the caller may see of batches.
    #[must_use]
    pub fn visible(&self) -> Visible {
        Visible::To {
            organisations: self.authenticated.caller().reach.clone(),
            key_id: self.authenticated.key_id().to_owned(),
        }
    }

    /// The organisation of the request.
    ///
    /// # Errors
    /// [`RequestFailure::OrganisationMissing`]: it names none.
    pub fn organisation(&self) -> Result<&'c Organisation, RequestFailure> {
        self.organisation.ok_or(RequestFailure::OrganisationMissing)
    }

    /// Maps a store error to the client's error. The reason goes to the log only.
    #[must_use]
    pub fn failure(&self, error: StoreError) -> RequestFailure {
        let request_id = self.request_id;
        let overloaded = RequestFailure::Overloaded {
            retry_after_s: RETRY_AFTER.as_secs(),
        };
        match error {
            StoreError::Overloaded => overloaded,
            StoreError::Unavailable(why) => {
                // The client is told to retry; the reason is for the operator.
                tracing::error!(request_id, error = why, "The store is unavailable.");
                overloaded
            }
            StoreError::DiskFull(why) => {
                tracing::error!(request_id, error = why, "The disk is full.");
                RequestFailure::DiskFull {
                    retry_after_s: DISK_RETRY_AFTER.as_secs(),
                }
            }
            StoreError::InDoubt(why) => {
                tracing::error!(
                    request_id,
                    error = why,
                    "The outcome of a commit is unknown."
                );
                RequestFailure::CommitUnknown {
                    retry_after_s: RETRY_AFTER.as_secs(),
                }
            }
            StoreError::Refused(why) => RequestFailure::Conflict(as_sentence(&why)),
            StoreError::Internal(why) => {
                tracing::error!(request_id, error = why, "The store failed.");
                RequestFailure::Internal
            }
            StoreError::BadCursor => RequestFailure::BadParameter(
                "Parameter after must be a cursor returned by this list".into(),
            ),
            StoreError::ReplyErased => RequestFailure::AnswerErased,
            // Callers that save responses, read the feed, continue imports or load catalogues handle these themselves.
            StoreError::FeedBegins(_)
            | StoreError::ReplySaved
            | StoreError::ImportMoved(_)
            | StoreError::NotLoaded(_) => RequestFailure::Internal,
        }
    }
}

/// Capitalises the first letter.
fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// The body of a request.
#[derive(Clone)]
pub struct Body {
    /// The bytes, decompressed.
    pub bytes: Bytes,
    /// Whether the bytes are JSON Lines: one order per line.
    pub is_lines: bool,
    /// Whether the request declared a form media type although the body is JSON.
    pub said_form: bool,
}

/// The header field with the name of the file that the orders were read from.
pub const FILE_NAME: &str = "wharfinger-file-name";

/// The longest name of a file, in characters.
const FILE_NAME_CHARS_MAX: usize = 255;

/// The options of a batch.
#[derive(Clone)]
pub struct BatchOptions {
    /// The dialect in which the orders are written.
    pub dialect: &'static dyn Dialect,
    /// Whether valid orders are stored when others are rejected.
    pub policy: Policy,
    /// Which orders the response lists.
    pub results: Results,
    /// The batch whose rejected orders are sent again.
    pub mends: Option<BatchId>,
    /// The position of the only order that is sent again. `None` if the keys say which are.
    pub resubmits: Option<u32>,
    /// The name of the file that the orders were read from.
    pub file_name: Option<String>,
}

impl BatchOptions {
    /// The default options for orders of this dialect.
    #[must_use]
    pub fn for_dialect(dialect: &'static dyn Dialect) -> Self {
        Self {
            dialect,
            policy: Policy::default(),
            results: Results::default(),
            mends: None,
            resubmits: None,
            file_name: None,
        }
    }

    /// Reads the options of a request.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, RequestFailure> {
        let options = call.dialect.submit_options(call.operation, &call.head)?;
        let written_in = options.written_in.as_deref();
        Ok(Self {
            dialect: convert::dialect_named(written_in, call.dialect)?,
            policy: options.policy,
            results: options.results,
            mends: options.mends,
            resubmits: None,
            file_name: file_name(&call.head)?,
        })
    }
}

/// The name of the file that the orders of a request were read from: UTF-8, percent-encoded.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: it is not the name of a file.
pub fn file_name(head: &Head<'_>) -> Result<Option<String>, RequestFailure> {
    let Some(encoded) = head.header(FILE_NAME) else {
        return Ok(None);
    };
    let name = percent_encoding::percent_decode_str(encoded).decode_utf8();
    let is_name = |name: &str| {
        let chars = name.chars().count();
        (1..=FILE_NAME_CHARS_MAX).contains(&chars) && !name.chars().any(is_obeyed)
    };
    let name = name
        .ok()
        .filter(|name| is_encoded(encoded) && is_name(name));
    name.map(|name| Some(name.into_owned())).ok_or_else(|| {
        RequestFailure::BadParameter(format!(
            "Wharfinger-File-Name must be percent-encoded UTF-8 of 1 to {FILE_NAME_CHARS_MAX} characters, without control \
             characters, also those of the direction of writing, and with two hexadecimal digits after each %; nothing was stored"
        ))
    })
}

/// Whether two hexadecimal digits follow each `%`.
fn is_encoded(text: &str) -> bool {
    let mut escapes = text.split('%').skip(1).map(str::as_bytes);
    escapes.all(|behind| behind.len() >= 2 && behind[..2].iter().all(u8::is_ascii_hexdigit))
}

/// A call that outlives the head of its request: while the response streams, or while the body is still arriving.
pub struct OwnedCall {
    request_id: String,
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    authenticated: Authenticated,
    organisation: Option<Organisation>,
    target: String,
}

impl OwnedCall {
    /// Copies a call, except its header fields.
    #[must_use]
    pub fn of(call: &Call<'_>) -> Self {
        Self {
            request_id: call.request_id.to_owned(),
            dialect: call.dialect,
            operation: call.operation,
            path: call.head.path.to_vec(),
            query: call.head.query.to_vec(),
            authenticated: call.authenticated.clone(),
            organisation: call.organisation.cloned(),
            target: call.target.to_owned(),
        }
    }

    /// The id of the caller's API key.
    #[must_use]
    pub fn key_id(&self) -> &Arc<str> {
        self.authenticated.shared_key_id()
    }

    /// Borrows it as a [`Call`]. It has no header fields.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        Call {
            request_id: &self.request_id,
            dialect: self.dialect,
            operation: self.operation,
            target: &self.target,
            head: Head {
                path: &self.path,
                query: &self.query,
                headers: &[],
            },
            authenticated: &self.authenticated,
            organisation: self.organisation.as_ref(),
            idempotency_key: None,
            dry_run: false,
        }
    }
}
