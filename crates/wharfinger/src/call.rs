//! A request that was let in: who asks for what.

use std::sync::Arc;

use wharfinger_core::caller::Organisation;
use wharfinger_core::dialect::{Context, Dialect, Head, Operation};
use wharfinger_core::failure::RequestFailure;

use crate::access::Authenticated;
use crate::budget::{Budget, Holder, Lease};
use crate::store::{DISK_RETRY_AFTER, RETRY_AFTER, StoreError};

/// A request that was let in.
pub struct Call<'c> {
    /// Its id, by which the log names it.
    pub request_id: &'c str,
    /// The wire format it is in.
    pub dialect: &'static dyn Dialect,
    /// The route it came by.
    pub operation: &'static Operation,
    /// Its path and query, as they were sent.
    pub target: &'c str,
    /// Its head.
    pub head: Head<'c>,
    /// Who sent it.
    pub authenticated: &'c Authenticated,
    /// The organisation it is about, where it names one.
    pub organisation: Option<&'c Organisation>,
    /// The key under which its answer is kept, where it is to be.
    pub idempotency_key: Option<String>,
    /// Whether it is only to be tried.
    pub dry_run: bool,
}

impl<'c> Call<'c> {
    /// What its orders are judged by.
    #[must_use]
    pub fn context(&'c self) -> Context<'c> {
        Context {
            operation: self.operation,
            head: &self.head,
            caller: self.authenticated.caller(),
            organisation: self.organisation,
        }
    }

    /// A lease of nothing, in the shares of the key and of the organisation: the one that the request names, or the only one
    /// that the key reaches.
    #[must_use]
    pub fn lease(&self, budget: &Budget) -> Lease {
        let mut holders = self.authenticated.holders();
        if let ([_, only @ None], Some(organisation)) = (&mut holders, self.organisation) {
            *only = Some(Holder::Organisation(organisation.id));
        }
        budget.lease(holders)
    }

    /// The organisation that the request is about.
    ///
    /// # Errors
    /// [`RequestFailure::OrganisationMissing`]: it names none.
    pub fn organisation(&self) -> Result<&'c Organisation, RequestFailure> {
        self.organisation.ok_or(RequestFailure::OrganisationMissing)
    }

    /// What the caller is told where the store fails; the reason is for the log alone.
    #[must_use]
    pub fn failure(&self, error: StoreError) -> RequestFailure {
        let request_id = self.request_id;
        let overloaded = RequestFailure::Overloaded {
            retry_after_s: RETRY_AFTER.as_secs(),
        };
        match error {
            StoreError::Overloaded => overloaded,
            StoreError::Unavailable(why) => {
                // The client is told to come again; why is for the operator.
                tracing::error!(
                    request_id,
                    error = why,
                    "The store cannot be used at the moment."
                );
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
                    "The store could not confirm a change."
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
                "Parameter after must be a cursor that this list has given".into(),
            ),
            StoreError::AnswerErased => RequestFailure::AnswerErased,
            // Whoever keeps an answer, or moves an import on, looks at this before.
            StoreError::FeedBegins(_)
            | StoreError::AnswerKept
            | StoreError::ImportMoved(_)
            | StoreError::NotLoaded(_) => RequestFailure::Internal,
        }
    }
}

/// The same with a capital letter.
fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A call that outlives its request's head, for as long as its answer is read or its body goes on.
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
    /// All of a call but its header fields.
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

    /// The API key that asks.
    #[must_use]
    pub fn key_id(&self) -> &Arc<str> {
        self.authenticated.shared_key_id()
    }

    /// The call.
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
