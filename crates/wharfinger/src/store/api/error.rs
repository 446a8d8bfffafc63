//! Errors of the store.

use super::{FeedBegins, Import, LineOutcome};

/// Why the store did not carry out a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The queue is full. Nothing was done.
    Overloaded,
    /// The store cannot write at present, or not any more. Nothing was done.
    Unavailable(String),
    /// The disk is full, or less than the reserve is free. Nothing was done.
    DiskFull(String),
    /// The store failed while it committed the change, which may be stored or not. Once the store is open again, the same
    /// request finds out.
    InDoubt(String),
    /// An administrative change that is not possible, with the reason.
    Refused(String),
    /// Another request with the same idempotency key was answered meanwhile. `Store::saved_reply` returns its response. Nothing
    /// was done.
    ReplySaved,
    /// The saved response to the request was erased. Nothing was done.
    ReplyErased,
    /// An internal error. The text is for the log.
    Internal(String),
    /// The cursor does not belong to this list.
    BadCursor,
    /// The feed cannot continue from the cursor: events were purged, or the store was restored to an earlier moment.
    FeedBegins(Box<FeedBegins>),
    /// Some lines of an all-or-nothing load are invalid. Nothing was done. Contains the outcome of each line.
    NotLoaded(Vec<LineOutcome>),
    /// The import does not continue where the batch begins. Nothing was done. Contains the current state of the import.
    ImportMoved(Box<Import>),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overloaded => out.write_str("the store's queue is full"),
            Self::Unavailable(why) => write!(out, "the store is unavailable: {why}"),
            Self::DiskFull(why) | Self::Refused(why) => out.write_str(why),
            Self::InDoubt(why) => write!(out, "the change may be stored or not: {why}"),
            Self::FeedBegins(_) => out.write_str("the feed cannot continue from the cursor"),
            Self::NotLoaded(_) => out.write_str("some lines are invalid"),
            Self::BadCursor => out.write_str("the cursor is not one of this list"),
            Self::ReplySaved => out
                .write_str("another request with the same Idempotency-Key was answered meanwhile"),
            Self::ReplyErased => out.write_str("the saved response was erased"),
            Self::ImportMoved(import) => write!(out, "import {} has moved on", import.id),
            Self::Internal(why) => write!(out, "store fault: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
