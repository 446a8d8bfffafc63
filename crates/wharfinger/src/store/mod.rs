//! The store: orders, receipts, events, organisations and keys, in SQLite or PostgreSQL.
//!
//! Its rooms, from top to bottom. A room imports only rooms below it.
//!
//! ```text
//! maintain      backup, purge, erasure of a person, check, copy, distribution over nodes
//! admit         take in a batch: decide on each order, write it
//! transition    process, cancel, fulfilment
//! destinations  leases and progress of destinations, and what is delivered to them
//! read          orders, lists, history, feed, lookup by order id
//! addresses     the e-mail index
//! directory     organisations, API keys, definitions of destinations, audit log
//! catalogue     products and customers: load and read
//! write         the writer thread, its queue, the write transaction
//! stock         the stock ledger and the product cache, as decisions need them
//! replies       saved responses
//! prepare       judged slots → compressed blocks and sorted keys
//! stats         outcomes and causes of rejections over time
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
mod destinations;
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
mod stats;
mod stock;
mod transition;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tokio::sync::watch;

pub use self::addresses::EmailRuns;
use self::addresses::builder::Builder;
pub(crate) use self::admit::mending::mended_by;
pub use self::api::*;
#[doc(hidden)]
pub use self::engine::checksums::register as register_checksums;
use self::engine::connection::touch;
use self::engine::disk_space::Disk;
use self::engine::driver::Connection;
pub(crate) use self::engine::driver::Target;
pub use self::engine::files::{Hold, hold, open_mode};
pub(crate) use self::engine::files::{LOCK as LOCK_FILE, RESTORING};
pub(crate) use self::engine::files::{make_directory, sync_directory};
use self::engine::home::Home;
pub use self::engine::location::{Database, Location};
pub(crate) use self::engine::location::{SCHEMES, without_password};
use self::engine::pool::Readers;
pub use self::format::email_hash::EmailKey;
pub use self::maintain::backup::{
    DATABASE_FILE, DestinationEnd, FeedEnd, PageHashes, StoreCopy, StoreFacts, back_up, facts_of,
    migrate, note_backup_in, remove_log,
};
pub use self::maintain::copy::{Copied, Stage, copy};
pub use self::maintain::distribute::{Distributed, distribute, script as distribution_script};
pub use self::open::Options;
pub use self::prepare::Submission;
pub use self::receipts::mending::{MayMend, Mending};
use self::write::job::Task;
use self::write::merger::Merger;
use self::write::txn::WriteTxn;
use self::write::writer::Writer;

/// The store: orders, receipts, events, organisations and keys.
///
/// Each room adds its operations in an `impl` block of its own. An operation that changes something returns only after the change
/// is on disk.
pub struct Store {
    writer: Writer,
    readers: Readers,
    emails: Option<Builder>,
    /// Merges recent changes, on PostgreSQL.
    merger: Option<Merger>,
    home: Home,
    email_key: EmailKey,
    growth: Arc<watch::Sender<Growth>>,
    /// A stamp that the store was seen to have.
    seen_stamp: Arc<AtomicI64>,
    disk: Disk,
}

impl Store {
    /// The key that e-mail addresses are hashed with while a batch is prepared.
    pub fn email_key(&self) -> EmailKey {
        self.email_key
    }

    /// Whether the writer's queue is full.
    pub fn is_overloaded(&self) -> bool {
        self.writer.is_full()
    }

    /// How many requests wait for the writer.
    pub fn queue_depth(&self) -> usize {
        self.writer.depth()
    }

    /// Bytes on disk. `None` if that is unknown.
    pub async fn size_bytes(&self) -> Option<u64> {
        let Home::File(file, _) = &self.home else {
            let size = |connection: &Connection| {
                let select = "select pg_database_size(current_database())";
                Ok(connection.query_row(select, (), |row| row.get::<i64>(0))?)
            };
            return u64::try_from(self.readers.read(size).await.ok()?).ok();
        };
        let size = |file: &Path| std::fs::metadata(file).ok().map(|file| file.len());
        let database = size(file)?;
        // The log file does not exist while the log is empty.
        let log = size(&file.with_extension("db-wal")).unwrap_or_default();
        Some(database + log)
    }

    /// Free space on the disk, and the reserve. `None` if the store is on another machine or the space is unknown.
    pub fn room(&self) -> Option<Room> {
        self.disk.room()
    }

    /// Whether the store accepts writes: it writes a number and commits. It waits for nobody who holds a lock.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let write = |txn: &mut WriteTxn<'_>| touch(txn.connection);
        self.writer.ask_for(Task::on_nothing(), write).await
    }

    /// Waits until the writer thread has dealt with a job, whether or not it could be committed.
    pub async fn writer_works(&self) {
        self.writer.works().await;
    }

    /// Waits until the store can write no more, and returns the reason. Nothing is acknowledged from then on.
    pub async fn failed(&self) -> String {
        self.writer.failed().await
    }

    /// Finishes pending work and closes the files.
    pub async fn close(&self) {
        if let Some(emails) = &self.emails {
            emails.close().await;
        }
        if let Some(merger) = &self.merger {
            merger.close().await;
        }
        self.readers.close();
        self.writer.close().await;
    }
}
