//! Saved responses: a request repeated with its `Idempotency-Key` gets the same response and changes nothing.

use wharfinger_core::dialect::Reply;
use wharfinger_core::order::outcome::Outcome;
use wharfinger_core::order::problem::Code;

/// A request to save the response to a change, in the transaction of the change.
pub struct SaveReply<T: ?Sized> {
    /// The API key of the request. Each key has its own idempotency keys.
    pub key_id: String,
    /// The idempotency key of the request.
    pub idempotency_key: String,
    /// A hash that distinguishes the request from others with the same idempotency key.
    pub fingerprint: [u8; 32],
    /// When the response expires, in milliseconds since 1970.
    pub kept_until_ms: i64,
    /// Encodes the result as a response. Called on the writer thread, and again if the transaction is retried.
    pub encode: Box<dyn Fn(&T) -> Reply + Send + Sync>,
}

/// Omits the idempotency key, which may contain names or secrets of clients.
impl<T: ?Sized> std::fmt::Debug for SaveReply<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SaveReply")
            .field("key_id", &self.key_id)
            .field("kept_until_ms", &self.kept_until_ms)
            .finish_non_exhaustive()
    }
}

/// A saved response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedReply {
    /// The fingerprint of the request that it answers.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The headers except for the content type.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The result of admitting a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The outcomes of the valid orders, in the order of the batch.
    pub outcomes: Vec<Outcome>,
    /// The saved response, if one was requested.
    pub reply: Option<Reply>,
}

/// The results of a request to process or cancel orders by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionedByKey {
    /// One result per key, in order.
    pub results: Vec<Result<(), Code>>,
    /// The saved response, if one was requested.
    pub reply: Option<Reply>,
}
