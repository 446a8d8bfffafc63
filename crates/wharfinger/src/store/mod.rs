//! What a store does, in coarse steps: the embedded one is in `sqlite`; a second one can be held against the same suite.

mod answer;
mod block;
mod bytes;
mod email;
mod imports;
mod place;
pub mod prepare;
mod receipt;
mod rejected;
mod slots;
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;
use wharfinger_core::admit::Move;
use wharfinger_core::caller::{Organisation, Organisations, Reach, Scope};
use wharfinger_core::dialect::{OrderQuery, StoredOrder};
use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::outcome::Outcome;
use wharfinger_core::problem::Code;

pub use answer::{Admitted, KeptAnswer, MovedOrders, Remember};
pub use email::EmailKey;
pub use imports::{Import, ImportEnd, ImportState, ImportStep, NewImport};
pub use prepare::Submission;
pub use receipt::{
    OutcomeKind, ReadReceipts, ReadResults, ReceiptHead, ReceiptPage, Recorded, RecordedOutcome,
    RecordedProblem, Rejection, ResultPage, Visible,
};

/// Keeps orders, receipts, events, organisations and keys.
///
/// Every method that changes something returns only after the change is on disk.
#[async_trait]
pub trait Store: Send + Sync {
    /// Admits a batch in one transaction: orders, revisions, receipt, outcomes and events. The outcomes are those
    /// of the submission's good orders, in the order of the batch.
    async fn admit_batch(&self, submission: Submission) -> Result<Admitted, StoreError>;

    /// What [`Self::admit_batch`] would answer at this moment; stores nothing and waits for nobody who writes. Ids and
    /// numbers are those that would be given.
    async fn try_batch(&self, submission: Submission) -> Result<Vec<Outcome>, StoreError>;

    /// Moves orders by key, each by itself, in one transaction; one result a key, in order.
    async fn move_orders(&self, request: MoveOrders) -> Result<MovedOrders, StoreError>;

    /// The answer that an API key's request of this name was given, until its time has passed.
    async fn kept_answer(
        &self,
        key_id: &str,
        idempotency_key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError>;

    /// Drops the answers whose time has passed, a few at a time; how many.
    async fn drop_expired(&self) -> Result<usize, StoreError>;

    /// Reads orders back.
    async fn orders(&self, request: ReadOrders) -> Result<OrderPage, StoreError>;

    /// Every revision of the order that holds a key, oldest first; none where there is no such order.
    async fn history(
        &self,
        organisation: OrganisationId,
        dialect: &'static str,
        key: &str,
    ) -> Result<Vec<Revision>, StoreError>;

    /// The receipts of batches, newest first.
    async fn receipts(&self, request: ReadReceipts) -> Result<ReceiptPage, StoreError>;

    /// The receipt of a batch, as far as it is visible; none where that is nothing.
    async fn receipt(
        &self,
        batch: BatchId,
        visible: &Visible,
    ) -> Result<Option<ReceiptHead>, StoreError>;

    /// What became of each order of a batch, as far as that is visible.
    async fn results(&self, request: ReadResults) -> Result<ResultPage, StoreError>;

    /// The organisation's events behind a position (0 for the beginning), in commit order.
    async fn events(
        &self,
        organisation: OrganisationId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// An import of an API key.
    async fn import(&self, key_id: &str, id: Uuid) -> Result<Option<Import>, StoreError>;

    /// Begins an import, unless there is one of this id; how it stands.
    async fn begin_import(&self, new: NewImport) -> Result<Import, StoreError>;

    /// Ends an import that is open; how it then stands.
    async fn end_import(
        &self,
        key_id: &str,
        id: Uuid,
        end: ImportEnd,
    ) -> Result<Import, StoreError>;

    /// The organisations and keys, if they have changed since `known_version`.
    async fn directory(&self, known_version: Option<u64>) -> Result<Option<Directory>, StoreError>;

    /// Changes organisations or keys, and writes the audit log.
    async fn administer(&self, change: Change) -> Result<(), StoreError>;

    /// The key that addresses are hashed with, before a batch is given to the store.
    fn email_key(&self) -> EmailKey;

    /// Whether so much work waits that more would be refused.
    fn is_overloaded(&self) -> bool;

    /// Whether the store takes writes: it answers a write that changes nothing.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Verifies the whole store; what is wrong, a sentence each. None means that nothing is.
    async fn check(&self) -> Result<CheckReport, StoreError>;

    /// Waits until the store can write no more, and says why. Nothing is acknowledged from then on.
    async fn failed(&self) -> String;

    /// Finishes what was begun and closes the files.
    async fn close(&self);
}

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Too much waits already; nothing was done.
    Overloaded,
    /// The store cannot write at present, or no more; nothing was done.
    Unavailable(String),
    /// An administrative change that cannot be made, and why.
    Refused(String),
    /// Another request of the same name was answered meanwhile: [`Store::kept_answer`] has it. Nothing was done.
    AnswerKept,
    /// Something that should not happen; the text is for the log.
    Internal(String),
    /// The import that a batch is of is not where the batch begins; nothing was done. How it stands.
    ImportMoved(Box<Import>),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overloaded => out.write_str("too much work waits for the store"),
            Self::Unavailable(why) => write!(out, "the store cannot write: {why}"),
            Self::Refused(why) => out.write_str(why),
            Self::AnswerKept => out.write_str("the request was answered meanwhile"),
            Self::ImportMoved(import) => write!(out, "import {} is elsewhere", import.id),
            Self::Internal(why) => write!(out, "store fault: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Orders to be moved, all of one organisation and dialect.
#[derive(Debug)]
pub struct MoveOrders {
    /// Whose they are.
    pub organisation: OrganisationId,
    /// The dialect they came in.
    pub dialect: &'static str,
    /// Their keys; one that stands twice is moved twice.
    pub keys: Vec<String>,
    /// Where they are to go.
    pub wanted: Move,
    /// The API key that asks, or what stands for one.
    pub key_id: String,
    /// Whether to keep the answer.
    pub remember: Option<Remember<[Result<(), Code>]>>,
}

/// Which orders to read.
pub struct ReadOrders {
    /// Whose.
    pub organisation: OrganisationId,
    /// Of which dialect.
    pub dialect: &'static str,
    /// Which of them.
    pub query: std::sync::Arc<OrderQuery>,
    /// Go on behind this place, rather than from the start; then `query.offset` does not count.
    pub after: Option<OrderCursor>,
}

/// Where a page of orders ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCursor(pub i64);

/// A page of orders.
#[derive(Clone, Debug, Default)]
pub struct OrderPage {
    /// The orders, in the order that was asked for.
    pub orders: Vec<StoredOrder>,
    /// How many match in all, counted up to `count_max`; 0 where that was absent.
    pub total: u64,
    /// Where the next page begins; none at the end.
    pub next: Option<OrderCursor>,
}

/// One revision of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// From 1.
    pub revision: u32,
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
    /// The batch that brought it.
    pub batch: BatchId,
    /// What was submitted, verbatim.
    pub text: String,
}

/// One entry of an organisation's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// From 1, with no gaps.
    pub position: u64,
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub kind: EventKind,
    /// The batch it happened in; none for a move.
    pub batch: Option<BatchId>,
    /// The order it happened to; none for a batch.
    pub order: Option<OrderId>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A batch was received that has orders of this organisation.
    BatchReceived,
    /// A new order.
    OrderAccepted,
    /// A new revision.
    OrderUpdated,
    /// An order was taken on.
    OrderProcessed,
    /// An order was called off.
    OrderCancelled,
}

/// Organisations and keys, as of one moment.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Grows with every change.
    pub version: u64,
    /// The organisations by code.
    pub organisations: Organisations,
    /// The keys, in the order of their creation; revoked ones too.
    pub keys: Vec<Key>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its public id.
    pub id: String,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// What it may reach.
    pub reach: Reach,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends, if ever.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked, if it was.
    pub revoked_at_ms: Option<i64>,
    /// When it was last used, to the minute or so.
    pub last_used_at_ms: Option<i64>,
}

/// An administrative change, each with an entry in the audit log.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes an organisation; `id` is ignored, the store gives one.
    CreateOrganisation(Organisation),
    /// Lets an organisation take customer orders, or not.
    EnableCustomerOrders {
        /// Its code.
        code: String,
        /// Whether it takes them.
        enabled: bool,
    },
    /// Makes a key.
    CreateKey(Key),
    /// Gives a key a new secret; the old one is void.
    RotateKey {
        /// The key.
        id: String,
        /// SHA-256 of the new secret.
        secret_sha256: [u8; 32],
    },
    /// Makes a key void.
    RevokeKey {
        /// The key.
        id: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
    /// Notes when keys were last used; not audited, and no new version of the directory.
    NoteKeyUse(Vec<(String, i64)>),
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Orders looked at.
    pub orders: u64,
    /// Revisions looked at.
    pub revisions: u64,
    /// Batches looked at.
    pub batches: u64,
    /// Events looked at.
    pub events: u64,
    /// What is wrong, a sentence each; at most a hundred.
    pub faults: Vec<String>,
}

/// How long a caller should wait when the store is overloaded.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
