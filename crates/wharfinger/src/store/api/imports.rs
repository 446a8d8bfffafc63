//! Imports: their state and progress.

use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::Counts;

/// A new import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImport {
    /// The API key that sends it.
    pub key_id: String,
    /// The client's id for the import, unique for that key.
    pub id: Uuid,
    /// The organisation of orders that do not name one.
    pub organisation: Option<OrganisationId>,
    /// The dialect of the orders.
    pub dialect: &'static str,
}

/// The state and progress of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The client's id.
    pub id: Uuid,
    /// The organisation of orders that do not name one.
    pub organisation: Option<OrganisationId>,
    /// The dialect of the orders.
    pub dialect: String,
    /// Whether the import is open.
    pub state: ImportState,
    /// The number of committed lines, including rejected and blank ones.
    pub lines: u64,
    /// The number of orders with each outcome.
    pub counts: Counts,
    /// When the import was created, in milliseconds since 1970.
    pub began_at_ms: i64,
    /// When a part of it was last committed, in milliseconds since 1970.
    pub changed_at_ms: i64,
    /// How long the server was receiving it, in milliseconds.
    pub active_ms: u64,
}

/// A page of an API key's imports, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPage {
    /// The imports.
    pub imports: Vec<Import>,
    /// The import after which the next page begins. `None` at the end.
    pub next: Option<ImportCursor>,
}

/// The import after which a page begins: when it was created, and its id.
pub type ImportCursor = (i64, Uuid);

/// Whether an import is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// More lines may follow.
    Open,
    /// All lines were received.
    Complete,
    /// The import was ended early. Committed orders stay.
    Cancelled,
}

/// How to end an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportEnd {
    /// All lines were received.
    Complete,
    /// No more lines are accepted.
    Cancelled,
}

/// The range of an import's lines that a batch contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportStep {
    /// The import, of the batch's API key.
    pub id: Uuid,
    /// The number of lines committed before. If the import is elsewhere, the batch is not admitted.
    pub lines_before: u64,
    /// The number of lines committed including the batch.
    pub lines_after: u64,
    /// Milliseconds since the previous chunk, or since receiving began.
    pub active_ms: u64,
}
