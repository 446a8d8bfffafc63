//! Imports: their state and progress.

use uuid::Uuid;
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::outcome::Counts;

/// An import to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImport {
    /// The API key that brings it.
    pub key_id: String,
    /// The id that the client has chosen, unique for that key.
    pub id: Uuid,
    /// The organisation of orders that name none.
    pub organisation: Option<OrganisationId>,
    /// The dialect that the orders are written in.
    pub dialect: &'static str,
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The client's id.
    pub id: Uuid,
    /// The organisation of orders that name none.
    pub organisation: Option<OrganisationId>,
    /// The dialect that the orders are written in.
    pub dialect: String,
    /// Whether it goes on.
    pub state: ImportState,
    /// Lines that are committed, rejected and blank ones too.
    pub lines: u64,
    /// How many orders had each outcome.
    pub counts: Counts,
    /// When it was begun, in milliseconds since 1970.
    pub began_at_ms: i64,
    /// When something of it was last committed.
    pub changed_at_ms: i64,
    /// Milliseconds that it was receiving.
    pub active_ms: u64,
}

/// Whether an import goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// More may come.
    Open,
    /// All has come.
    Complete,
    /// It was ended before; what was committed stays.
    Cancelled,
}

/// How an import is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportEnd {
    /// All has come.
    Complete,
    /// No more is to be taken.
    Cancelled,
}

/// What a batch is of an import: its lines from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportStep {
    /// The import, of the batch's API key.
    pub id: Uuid,
    /// Lines committed before; where the import is not there, the batch is not admitted.
    pub lines_before: u64,
    /// Lines committed with it.
    pub lines_after: u64,
    /// Milliseconds since the piece before, or since receiving began.
    pub active_ms: u64,
}
