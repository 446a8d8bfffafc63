//! Saved responses: a request repeated with its `Idempotency-Key` gets the same response and changes nothing.

use wharfinger_core::dialect::Reply;
use wharfinger_core::outcome::Outcome;
use wharfinger_core::problem::Code;

/// That the answer to a change is to be kept, in the transaction of the change.
pub struct Remember<T: ?Sized> {
    /// The API key that asks: idempotency keys are its own.
    pub key_id: String,
    /// What names the request.
    pub idempotency_key: String,
    /// What tells it from another request under the same name.
    pub fingerprint: [u8; 32],
    /// Until when, in milliseconds since 1970.
    pub kept_until_ms: i64,
    /// Puts what was done into words. Called by the thread that writes, and again where it has to begin anew.
    pub encode: Box<dyn Fn(&T) -> Reply + Send + Sync>,
}

/// Names and secrets of clients may be in an idempotency key: it is not told.
impl<T: ?Sized> std::fmt::Debug for Remember<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Remember")
            .field("key_id", &self.key_id)
            .field("kept_until_ms", &self.kept_until_ms)
            .finish_non_exhaustive()
    }
}

/// An answer as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// What tells the request that it answers from another one under the same name.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// Header fields besides the content type.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A batch that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What became of its good orders, in the order of the batch.
    pub outcomes: Vec<Outcome>,
    /// The answer that was kept, if that was asked for.
    pub reply: Option<Reply>,
}

/// Orders that were moved, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedOrders {
    /// One result a key, in order.
    pub results: Vec<Result<(), Code>>,
    /// The answer that was kept, if that was asked for.
    pub reply: Option<Reply>,
}
