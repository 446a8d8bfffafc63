//! What a store does, in coarse steps: the embedded one is in `sqlite`; a second one can be held against the same suite.

mod answer;
mod batches;
mod block;
mod bytes;
mod catalogue;
mod directory;
mod email;
mod erase;
mod events;
mod imports;
mod leaf;
mod orders;
mod place;
pub mod prepare;
mod receipt;
mod rejected;
mod slots;
pub mod sql;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;
use wharfinger_core::admit::Move;
use wharfinger_core::caller::Reach;
use wharfinger_core::catalogue::load::{CustomerLine, ProductLine};
use wharfinger_core::dialect::{OrderQuery, Reply, StoredOrder};
use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::outcome::Outcome;
use wharfinger_core::problem::Code;

pub use answer::{Admitted, KeptAnswer, MovedOrders, Remember};
pub use catalogue::{
    CustomerPage, LineOutcome, Load, LoadCounts, Loaded, LoadedLines, ProductPage, ReadCustomers,
    ReadProducts,
};
pub use directory::{
    AuditEntry, AuditPage, COMMAND_LINE, Change, Directory, Key, OrganisationChange, ReadAudit,
};
pub use email::EmailKey;
pub use erase::{EraseCustomer, ErasedCustomer, Erasure};
pub use events::{Epoch, Event, EventKind, FeedBegins, FeedPage, Growth, ReadFeed};
pub use imports::{Import, ImportEnd, ImportState, ImportStep, NewImport};
pub use orders::{
    FoundOrder, Fulfil, Fulfilled, FulfilledOrder, History, HistoryCursor, HistoryEntry,
    HistoryKind, KeepFound, ListCursor, ListOrders, ListPage, ListedBy, MoveById, MovedById,
    MovedOrder, NotMoved, Revision,
};
pub use prepare::Submission;
pub use receipt::{
    OutcomeKind, ReadReceipts, ReadResults, ReceiptHead, ReceiptPage, ReceiptWarning, Recorded,
    RecordedOutcome, RecordedProblem, Rejection, ResultPage, Visible,
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

    /// The answer that an API key's request of this name was given, until its time has passed; an error where it was erased.
    async fn kept_answer(
        &self,
        key_id: &str,
        idempotency_key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError>;

    /// Drops the answers whose time has passed, a few at a time; how many.
    async fn drop_expired(&self) -> Result<usize, StoreError>;

    /// Takes the texts out of what is kept of rejected orders whose batch was received before a time, in milliseconds since
    /// 1970, a few at a time; what was wrong with them stays.
    async fn drop_rejected_texts(&self, received_before_ms: i64) -> Result<(), StoreError>;

    /// Reads orders back.
    async fn orders(&self, request: ReadOrders) -> Result<OrderPage, StoreError>;

    /// Moves orders by id, each by itself, in one transaction; one result an id, in order.
    async fn move_by_id(&self, request: MoveById) -> Result<MovedById, StoreError>;

    /// Keeps a report of how far an order is fulfilled, in place of the one before.
    async fn fulfil(&self, request: Fulfil) -> Result<Fulfilled, StoreError>;

    /// An order by its id, of any organisation within reach and any dialect.
    async fn order(&self, id: OrderId, reach: &Reach) -> Result<Option<FoundOrder>, StoreError>;

    /// Lists orders of many organisations and dialects.
    async fn list(&self, request: ListOrders) -> Result<ListPage, StoreError>;

    /// What became of an order, the latest first; none where there is no such order within reach.
    async fn history(
        &self,
        id: OrderId,
        reach: &Reach,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Option<History>, StoreError>;

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

    /// Reads the feeds of what became of organisations' orders.
    async fn feed(&self, request: ReadFeed) -> Result<FeedPage, StoreError>;

    /// Tells how far the feeds have grown: what this process writes at once, what others write when it is looked for.
    fn growth(&self) -> watch::Receiver<Growth>;

    /// Looks for what other processes have written, where anybody waits to be told.
    async fn look_for_growth(&self) -> Result<(), StoreError>;

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

    /// Changes organisations or keys, and writes in the audit log who did: a key's id or [`COMMAND_LINE`]. Gives the answer
    /// that was kept, if that was asked for.
    async fn administer(
        &self,
        who: &str,
        change: Change,
        remember: Option<Remember<()>>,
    ) -> Result<Option<Reply>, StoreError>;

    /// Notes when keys were last used, by their ids; not audited, and no new version of the directory.
    async fn note_key_use(&self, uses: Vec<(String, i64)>) -> Result<(), StoreError>;

    /// Reads the audit log, newest first.
    async fn audit(&self, request: ReadAudit) -> Result<AuditPage, StoreError>;

    /// Loads products in one transaction, each line by itself. A line is about the product that its `id` names, or else its
    /// `sku`, or else its `ean`; one whose others are of another product is refused. It makes the product where there is none.
    /// Stock is set to what the line says, and the ledger notes by how much it changes.
    async fn load_products(&self, load: Load<ProductLine>) -> Result<Loaded, StoreError>;

    /// Reads products, each with its pieces on hand.
    async fn products(&self, request: ReadProducts) -> Result<ProductPage, StoreError>;

    /// Loads customers in one transaction, each line by itself. A line is about the customer that its `id` names, or else its
    /// `email`; one whose address is another customer's is refused. It makes the customer where there is none, and gives it
    /// the organisation's next number if it has none.
    async fn load_customers(&self, load: Load<CustomerLine>) -> Result<Loaded, StoreError>;

    /// Reads customers.
    async fn customers(&self, request: ReadCustomers) -> Result<CustomerPage, StoreError>;

    /// The key that addresses are hashed with, before a batch is given to the store.
    fn email_key(&self) -> EmailKey;

    /// Whether so much work waits that more would be refused.
    fn is_overloaded(&self) -> bool;

    /// How many requests wait for the writer.
    fn queue_depth(&self) -> usize;

    /// Bytes on disk; none where that cannot be told.
    async fn size_bytes(&self) -> Option<u64>;

    /// The room on the disk, and how much of it is kept free; none where the store is on another machine, or it cannot be told.
    fn room(&self) -> Option<Room>;

    /// Whether the store takes writes: it writes a number, and commits.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Removes the final orders whose latest change was before a time, in milliseconds since 1970, with their history. What was
    /// begun by a purge that was broken off is finished.
    async fn purge(&self, before_ms: i64) -> Result<PurgeReport, StoreError>;

    /// Erases a person from an organisation's orders, in every revision, from what is kept of rejected ones and from kept
    /// answers, and writes back and empties the log, so that no file of the store has them. Orders that are open are called off.
    /// What was begun in the organisation by an erasure that was broken off is finished.
    async fn erase_customer(&self, request: EraseCustomer) -> Result<ErasedCustomer, StoreError>;

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
    /// The disk has no room, or less than the reserve; nothing was done.
    DiskFull(String),
    /// The store failed as it was to confirm the change, which may be stored or not. Once the store is opened again, the same request
    /// finds out.
    InDoubt(String),
    /// An administrative change that cannot be made, and why.
    Refused(String),
    /// Another request of the same name was answered meanwhile: [`Store::kept_answer`] has it. Nothing was done.
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
            Self::Overloaded => out.write_str("too much work waits for the store"),
            Self::Unavailable(why) => write!(out, "the store cannot write: {why}"),
            Self::DiskFull(why) | Self::Refused(why) => out.write_str(why),
            Self::InDoubt(why) => write!(out, "the change may be stored or not: {why}"),
            Self::FeedBegins(_) => out.write_str("the feed cannot be read on from the cursor"),
            Self::NotLoaded(_) => out.write_str("some of the lines are not good"),
            Self::BadCursor => out.write_str("no page has ended there"),
            Self::AnswerKept => out.write_str("the request was answered meanwhile"),
            Self::AnswerErased => out.write_str("the answer to the request was erased"),
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

/// What a purge removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Of each organisation that has ever had an order.
    pub organisations: Vec<PurgedOf>,
    /// Batches whose receipts went, since none of their orders was left.
    pub batches: u64,
}

/// What a purge removed of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgedOf {
    /// Whose.
    pub organisation: OrganisationId,
    /// Orders.
    pub orders: u64,
    /// Events of these orders.
    pub events: u64,
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

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// Bytes below which no new orders are taken.
    pub reserve_bytes: u64,
}

impl Room {
    /// Whether less is left than is to be kept free.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.free_bytes < self.reserve_bytes
    }
}

impl std::fmt::Display for Room {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "the disk has {} bytes left, and the reserve is {} bytes",
            self.free_bytes, self.reserve_bytes
        )
    }
}

/// How long a caller should wait when the disk is full: until somebody makes room.
pub const DISK_RETRY_AFTER: Duration = Duration::from_secs(10);

/// How long a caller should wait when the store is overloaded.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
