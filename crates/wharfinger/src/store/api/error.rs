//! What can go wrong.

use super::{FeedBegins, Import, LineOutcome};

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Too much waits already; nothing was done.
    Overloaded,
    /// The store cannot write at present, or no more; nothing was done.
    Unavailable(String),
    /// The disk has no room, or less than the reserve; nothing was done.
    DiskFull(String),
    /// The store failed as it was to confirm the change, which may be stored or not. Once the store is opened again, the same request
    /// finds out.
    InDoubt(String),
    /// An administrative change that cannot be made, and why.
    Refused(String),
    /// Another request of the same name was answered meanwhile: `Store::kept_answer` has it. Nothing was done.
    AnswerKept,
    /// The answer that was kept under the name of a request was erased. Nothing was done.
    AnswerErased,
    /// Something that should not happen; the text is for the log.
    Internal(String),
    /// A page is to go on where none has ended.
    BadCursor,
    /// A feed is to go on where it cannot: events were purged there, or the store was restored to an earlier moment.
    FeedBegins(Box<FeedBegins>),
    /// Lines were to be loaded all or none, and some are not good; nothing was done. What became of each.
    NotLoaded(Vec<LineOutcome>),
    /// The import that a batch is of is not where the batch begins; nothing was done. How it stands.
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
            Self::AnswerKept => out
                .write_str("another request with the same Idempotency-Key was answered meanwhile"),
            Self::AnswerErased => out.write_str("the saved response was erased"),
            Self::ImportMoved(import) => write!(out, "import {} has moved on", import.id),
            Self::Internal(why) => write!(out, "store fault: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
