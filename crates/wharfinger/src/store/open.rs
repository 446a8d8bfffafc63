//! Opening a store, and the options it is run with.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use wharfinger_core::order::ids::OrganisationId;

use super::Store;
use super::addresses::builder::Builder;
use super::addresses::{self, EmailRuns};
use super::api::StoreError;
use super::engine::connection::{Use, connect};
use super::engine::disk_space::Disk;
use super::engine::driver::Connection;
use super::engine::fault::Fault;
use super::engine::home::Home;
use super::engine::location::{Database, Location};
use super::engine::memtable::{self, SharedRuns};
use super::engine::open::{database_file, open_file, reach, reach_store};
use super::engine::pool::Readers;
use super::engine::schema;
use super::journal::write::unpack_all;
use super::maintain::copy;
use super::maintain::distribute::warn_if_undistributed;
use super::write::merge;
use super::write::merger::Merger;
use super::write::txn::WriteTxn;
use super::write::writer::{OnGrowth, Writer};

/// How the store is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests that may wait for the writer, at most.
    pub queue_max: usize,
    /// Reads that run at the same time, at most.
    pub readers: usize,
    /// Target length of the write-ahead log, in pages. It is checkpointed several times on the way there.
    pub log_pages: i32,
    /// Keys of recent changes from which they are merged into the tables.
    pub recent_keys: usize,
    /// Bytes to keep free on the disk of the store's files. With less free space no new orders are accepted.
    pub disk_reserve_bytes: u64,
    /// Whether this process holds the data directory, as a server does. While it is held, no other process recovers the store
    /// after an unclean shutdown.
    pub is_holder: bool,
    /// Builds the e-mail index, if set. A serving process sets it. Without the index, lookups take longer.
    pub email_runs: Option<EmailRuns>,
    /// Frames of a damaged write-ahead log that may be lost by opening the store, as reported by `wharfinger check`. If another
    /// number of frames would be lost, the store is not opened.
    pub lost_frames: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_max: 1024,
            readers: 4,
            // 32 MiB, checkpointed every 4 MiB.
            log_pages: 8_192,
            recent_keys: memtable::KEYS_MAX,
            disk_reserve_bytes: 0,
            is_holder: false,
            email_runs: None,
            lost_frames: 0,
        }
    }
}

impl Store {
    /// Opens the store at a location. Creates it if it does not exist.
    ///
    /// # Errors
    /// Those of [`Self::open`] and [`Self::connect`].
    pub fn open_at(location: &Location, options: &Options) -> Result<Self, StoreError> {
        match location {
            Location::Directory(directory) => Self::open(directory, options),
            Location::Database(database) => Self::connect(database, options),
        }
    }

    /// Opens the store at a location. It must exist.
    ///
    /// # Errors
    /// There is no store at the location; and those of [`Self::open_at`].
    pub fn open_existing(location: &Location, options: &Options) -> Result<Self, StoreError> {
        match location {
            Location::Directory(directory) => drop(database_file(directory)?),
            Location::Database(database) => apart(|| reach_store(database).map(drop))?,
        }
        Self::open_at(location, options)
    }

    /// Opens the store in a data directory. Creates it if it does not exist.
    ///
    /// # Errors
    /// The directory or its database cannot be opened, is an unfinished copy, or was written by a newer version of the program.
    /// Or the write-ahead log is damaged, and [`Options::lost_frames`] is not the number of frames that would be lost.
    pub fn open(directory: &Path, options: &Options) -> Result<Self, StoreError> {
        let (file, connection) = open_file(
            directory,
            (options.is_holder, options.lost_frames),
            SharedRuns::new(options.recent_keys),
        )?;
        copy::refuse_unfinished(&connection)?;
        let beside = connect(&file, Use::Write)?;
        let home = Home::File(file, connection.shared_runs());
        Self::start(home, connection, Some((beside, options.log_pages)), options)
    }

    /// Opens the store in a PostgreSQL database. Creates missing tables. Any number of processes may open the same database.
    ///
    /// # Errors
    /// The database cannot be reached, does not keep what it acknowledges, is an unfinished copy, or was written by a newer
    /// version of the program.
    pub fn connect(database: &Database, options: &Options) -> Result<Self, StoreError> {
        let open = || {
            let runs = SharedRuns::new(options.recent_keys);
            let (home, connection) = reach(database, runs)?;
            schema::migrate_on_server(&connection)?;
            warn_if_undistributed(&connection)?;
            copy::refuse_unfinished(&connection)?;
            Self::start(home, connection, None, options)
        };
        apart(open)
    }

    fn start(
        home: Home,
        connection: Connection,
        beside: Option<(rusqlite::Connection, i32)>,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let email_key = addresses::key(&connection)?;
        let (recent, runs) = (connection.recent(), connection.shared_runs());
        let is_merged_beside = recent.is_some_and(|recent| recent.is_on_server());
        if let Some(recent) = recent
            && !is_merged_beside
            && let Err(fault) = recent.load()
        {
            // Whoever needs a change of the log will be told. What is in the tables can be read.
            tracing::error!(%fault, "The log of recent changes cannot be read.");
        }
        let due = options.email_runs.map(Builder::due);
        let growth = Arc::new(watch::Sender::default());
        let on_growth = due.clone().map(|due| {
            let note: Box<OnGrowth> =
                Box::new(move |organisation, end| due.grown(organisation, end));
            note
        });
        let writer = Writer::start(
            home.clone(),
            connection,
            beside,
            options.queue_max,
            on_growth,
            Arc::clone(&growth),
        )?;
        let merger = is_merged_beside.then(|| Merger::start(home.clone(), runs));
        let merger = merger.transpose().map_err(Fault::NoThread)?;
        let start = |due| Builder::start(home.clone(), writer.clone(), due);
        let emails = due.map(start).transpose().map_err(Fault::NoThread)?;
        Ok(Self {
            emails,
            merger,
            writer,
            readers: Readers::new(home.clone(), options.readers),
            disk: Disk::of(&home, options.disk_reserve_bytes),
            home,
            email_key,
            growth,
            seen_stamp: Arc::default(),
        })
    }

    /// Waits until all changes are in the tables and the e-mail index is built. For tests only.
    #[doc(hidden)]
    pub async fn settle(&self) {
        // A failure is told by whoever writes next.
        let _ = merge::all(&self.writer).await;
        if let Some(emails) = &self.emails {
            emails.settle().await;
        }
    }

    /// Moves recent changes and packs into the tables that all stores have. For tests only, which look into these tables.
    ///
    /// # Errors
    /// The store cannot be written.
    #[doc(hidden)]
    pub async fn make_plain(&self) -> Result<(), StoreError> {
        merge::all(&self.writer).await?;
        let unpack = |txn: &mut WriteTxn<'_>| unpack_all(txn.connection);
        self.writer.ask(1, unpack).await
    }

    /// Whether the e-mail index is built as far as a process with these options builds it. For benchmarks only.
    ///
    /// # Errors
    /// The store cannot be read.
    #[doc(hidden)]
    pub async fn has_email_runs(
        &self,
        organisation: OrganisationId,
        options: EmailRuns,
    ) -> Result<bool, StoreError> {
        let look =
            move |connection: &Connection| addresses::is_built(connection, organisation, &options);
        self.readers.read(look).await
    }
}

/// Runs a closure on a thread of its own. The PostgreSQL client blocks on its own runtime, and a thread of another one cannot.
fn apart<T: Send>(open: impl FnOnce() -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
    std::thread::scope(|scope| match scope.spawn(open).join() {
        Ok(opened) => opened,
        Err(_) => Err(StoreError::Internal("opening the store panicked".into())),
    })
}
