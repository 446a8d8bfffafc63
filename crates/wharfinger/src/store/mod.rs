//! The store: orders, receipts, events, organisations and keys, in SQLite or PostgreSQL.
//!
//! Its rooms, from top to bottom. A room imports only rooms below it.
//!
//! ```text
//! maintain      purge, erasure of a person, check, copy
//! admit         take in a batch: decide on each order, write it
//! transition    process, cancel, fulfilment
//! read          orders, lists, history, feed, lookup by order id
//! addresses     the e-mail index
//! directory     organisations, API keys, audit log
//! catalogue     products and customers: load and read
//! write         the writer thread, its queue, the write transaction
//! stock         the stock ledger and the product cache, as decisions need them
//! replies       saved responses
//! prepare       judged slots → compressed blocks and sorted keys
//! receipts      one row a batch; rejected orders
//! index         order key → the order's entry addresses
//! journal       blocks of entries, in commit order
//! engine        connections, schema, files
//! api           requests and answers of the store: plain data
//! format        encodings: numbers, blobs, addresses, hashes
//! ```

mod addresses;
mod admit;
mod api;
mod catalogue;
mod directory;
mod engine;
mod format;
mod index;
mod journal;
mod maintain;
mod open;
pub mod prepare;
mod read;
mod receipts;
mod replies;
mod sql_store;
mod stock;
mod transition;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;
use wharfinger_core::caller::Reach;
use wharfinger_core::catalogue::load::{CustomerLine, ProductLine};
use wharfinger_core::dialect::Reply;
use wharfinger_core::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::outcome::Outcome;

pub use self::addresses::EmailRuns;
use self::addresses::builder::Builder;
pub use self::api::*;
#[doc(hidden)]
pub use self::engine::checksums::register as register_checksums;
use self::engine::disk_space::Disk;
pub(crate) use self::engine::files::make_directory;
pub use self::engine::files::{Hold, hold};
use self::engine::home::Home;
pub(crate) use self::engine::location::SCHEMES;
pub use self::engine::location::{Database, Location};
use self::engine::pool::Readers;
pub use self::format::email_hash::EmailKey;
pub use self::maintain::copy::{Copied, Stage, copy};
pub use self::open::Options;
pub use self::prepare::Submission;
use self::write::writer::Writer;

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

impl dyn Store {
    /// The organisation's events behind a position (0 for the beginning), in commit order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events(
        &self,
        organisation: OrganisationId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let request = ReadFeed {
            from: vec![(organisation, after)],
            others: Vec::new(),
            epoch: None,
            kind: None,
            limit,
        };
        let page = self.feed(request).await?;
        Ok(page.events.into_iter().map(|(_, event)| event).collect())
    }
}

/// The embedded store.
pub struct SqlStore {
    writer: Writer,
    readers: Readers,
    emails: Option<Builder>,
    home: Home,
    email_key: EmailKey,
    growth: Arc<watch::Sender<Growth>>,
    disk: Disk,
}
