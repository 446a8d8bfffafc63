//! Opening the embedded store of a data directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use wharfinger_core::ids::OrganisationId;

use crate::store::SqlStore;
use crate::store::addresses::builder::Builder;
use crate::store::addresses::{self, EmailRuns};
use crate::store::api::StoreError;
use crate::store::engine::connection::{Use, connect};
use crate::store::engine::disk_space::Disk;
use crate::store::engine::driver::{Connection, Target};
use crate::store::engine::fault::Fault;
use crate::store::engine::files::{self, DATABASE, about};
use crate::store::engine::home::Home;
use crate::store::engine::location::{Database, Location};
use crate::store::engine::pool::Readers;
use crate::store::engine::wal::frames::{self, Damage};
use crate::store::engine::wal::recovery;
use crate::store::engine::{schema, server};
use crate::store::maintain::check::store;
use crate::store::maintain::copy;
use crate::store::write::writer::Writer;

/// SQLite up to 3.51.2 can corrupt a database in WAL mode; 3.53 is the first that is trusted here.
const SQLITE_VERSION_MIN: i32 = 3_053_000;

/// How the store is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests that may wait for the writer.
    pub queue_max: usize,
    /// Reads at the same time.
    pub readers: usize,
    /// Pages of the write-ahead log from which on it is written back to the database file.
    pub log_pages: i32,
    /// Bytes on the disk of files that are kept free: below it no new orders are taken.
    pub disk_reserve_bytes: u64,
    /// Whether this process holds the data directory, as a server does. Nobody else then sees to what an unclean end has left.
    pub is_holder: bool,
    /// Builds the index by e-mail address: for the process that serves. Where it is not built, look-ups take longer.
    pub email_runs: Option<EmailRuns>,
    /// Frames of a damaged write-ahead log that may be lost by opening the store: as many as `wharfinger check` tells. A store
    /// that would lose another number is refused.
    pub lost_frames: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_max: 1024,
            readers: 4,
            // 32 MiB, so that a page that is changed by one commit after the other is written back once.
            log_pages: 8_192,
            disk_reserve_bytes: 0,
            is_holder: false,
            email_runs: None,
            lost_frames: 0,
        }
    }
}

impl SqlStore {
    /// Opens the store that is somewhere, and makes it where there is none.
    ///
    /// # Errors
    /// Those of [`Self::open`] and [`Self::connect`].
    pub fn open_at(location: &Location, options: &Options) -> Result<Self, StoreError> {
        match location {
            Location::Directory(directory) => Self::open(directory, options),
            Location::Database(database) => Self::connect(database, options),
        }
    }

    /// Opens the store of a location, which exists.
    ///
    /// # Errors
    /// There is no store; and those of [`Self::open_at`].
    pub fn open_existing(location: &Location, options: &Options) -> Result<Self, StoreError> {
        match location {
            Location::Directory(directory) => drop(database_file(directory)?),
            Location::Database(database) => apart(|| reach_store(database).map(drop))?,
        }
        Self::open_at(location, options)
    }

    /// Opens the store of a data directory, and makes it where there is none.
    ///
    /// # Errors
    /// The directory or its database cannot be opened, or is of a newer program.
    pub fn open(directory: &Path, options: &Options) -> Result<Self, StoreError> {
        let (file, connection) = open_file(directory, options.is_holder, options.lost_frames)?;
        copy::refuse_unfinished(&connection)?;
        let beside = connect(&file, Use::Write)?;
        let home = Home::File(file);
        Self::start(home, connection, Some((beside, options.log_pages)), options)
    }

    /// Opens the store in a database of PostgreSQL, and makes its tables where there are none. Any number of processes may.
    ///
    /// # Errors
    /// The database cannot be reached, does not keep what it acknowledges, or is of a newer program.
    pub fn connect(database: &Database, options: &Options) -> Result<Self, StoreError> {
        let open = || {
            let (home, connection) = reach(database)?;
            schema::migrate_on_server(&connection)?;
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
        let due = options.email_runs.map(Builder::due);
        let growth = Arc::new(watch::Sender::default());
        let writer = Writer::start(
            home.clone(),
            connection,
            beside,
            options.queue_max,
            due.clone(),
            Arc::clone(&growth),
        )?;
        let start = |due| Builder::start(home.clone(), writer.clone(), due);
        let emails = due.map(start).transpose().map_err(Fault::NoThread)?;
        Ok(Self {
            emails,
            writer,
            readers: Readers::new(home.clone(), options.readers),
            disk: Disk::of(&home, options.disk_reserve_bytes),
            home,
            email_key,
            growth,
        })
    }

    /// Waits until the index by e-mail address has nothing to be built. For tests: nobody else needs to wait for it.
    #[doc(hidden)]
    pub async fn settle(&self) {
        if let Some(emails) = &self.emails {
            emails.settle().await;
        }
    }

    /// Whether the index by e-mail address is built as far as a process with these options builds it. For measurements:
    /// nobody else needs to know.
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

/// Does something on a thread of its own: the client of PostgreSQL waits by a runtime, which a thread of another one cannot do.
fn apart<T: Send>(open: impl FnOnce() -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
    std::thread::scope(|scope| match scope.spawn(open).join() {
        Ok(opened) => opened,
        Err(_) => Err(StoreError::Internal("opening the store panicked".into())),
    })
}

/// The database file of a data directory that has a store.
///
/// # Errors
/// It has none.
pub(crate) fn database_file(directory: &Path) -> Result<PathBuf, StoreError> {
    let file = directory.join(DATABASE);
    // The tables come with the first commit: what has none yet is no store.
    match std::fs::metadata(&file) {
        Ok(found) if found.is_file() && found.len() > 0 => Ok(file),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::Unavailable(format!(
            "{}: {error}",
            file.display()
        ))),
        Ok(_) | Err(_) => Err(no_store()),
    }
}

fn no_store() -> StoreError {
    StoreError::Refused(
        "there is no store; `wharfinger serve` creates one, and so does `wharfinger org create CODE --init`".into(),
    )
}

/// Refuses a database whose log is damaged: SQLite would drop what it cannot read, and write over it.
fn refuse_damaged_log(file: &Path, accepted: u64) -> Result<Option<Damage>, StoreError> {
    let damage = frames::damage(file).map_err(|error| store::unreadable(file, &error))?;
    match damage {
        Some(damage) if damage.lost != accepted => Err(StoreError::Refused(damage.told())),
        damage => Ok(damage),
    }
}

/// Opens the database of a data directory, with today's tables.
///
/// What an unclean end has left is seen to by whoever holds the directory, and by anybody while nobody does.
fn open_file(
    directory: &Path,
    is_holder: bool,
    lost_frames: u64,
) -> Result<(PathBuf, Connection), StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        let found = rusqlite::version();
        return Err(StoreError::Refused(format!(
            "this program was built with SQLite {found}, which can lose data; 3.53 or newer is needed"
        )));
    }
    files::make_directory(directory).map_err(|error| about(directory, &error))?;
    let file: PathBuf = directory.join(DATABASE);
    let damage = refuse_damaged_log(&file, lost_frames)?;
    files::create_database(&file).map_err(|error| about(&file, &error))?;
    let mut connection = connect(&file, Use::Write)?;
    if recovery::is_needed(&file) && (is_holder || !files::is_held(directory)) {
        recovery::recover(&file, &connection, is_holder)?;
    }
    if let Some(damage) = damage {
        tracing::warn!("{damage}. They are given up, as was asked for.");
        // So that nobody finds them again.
        connection
            .execute_batch("pragma wal_checkpoint(truncate)")
            .map_err(Fault::from)?;
    }
    schema::migrate(&mut connection)?;
    files::make_private(&file).map_err(|error| about(&file, &error))?;
    // SQLite does so too, and does not look whether it succeeds.
    files::sync_directory(directory).map_err(|error| about(directory, &error))?;
    Ok((file, Connection::Sqlite(connection)))
}

/// Opens a database of PostgreSQL that keeps what it acknowledges.
fn reach(database: &Database) -> Result<(Home, Connection), StoreError> {
    let target = Target::of(database)
        .map_err(|why| Fault::Refused(format!("the URL of the database cannot be read: {why}")))?;
    let home = Home::Server(Arc::new(target));
    let connection = home.connect(Use::Write)?;
    server::check(&connection)?;
    Ok((home, connection))
}

/// Opens the database of a store that exists, with today's tables.
///
/// # Errors
/// There is none.
pub(crate) fn open_tables_of_store(location: &Location) -> Result<Connection, StoreError> {
    match location {
        Location::Directory(directory) => {
            database_file(directory)?;
            open_tables(location)
        }
        Location::Database(database) => {
            let connection = reach_store(database)?;
            schema::migrate_on_server(&connection)?;
            Ok(connection)
        }
    }
}

/// Opens a database of PostgreSQL that has a store, whatever its schema.
///
/// # Errors
/// There is none.
pub(crate) fn reach_store(database: &Database) -> Result<Connection, StoreError> {
    let (_, connection) = reach(database)?;
    let select = "select to_regclass('schema_versions') is not null";
    let is_there = connection.query_row(select, (), |row| row.get(0));
    if is_there.map_err(Fault::from)? {
        Ok(connection)
    } else {
        Err(no_store())
    }
}

/// Opens a database, with today's tables, whatever is in them. A data directory is held by this process.
pub(crate) fn open_tables(location: &Location) -> Result<Connection, StoreError> {
    match location {
        Location::Directory(directory) => Ok(open_file(directory, true, 0)?.1),
        Location::Database(database) => {
            let (_, connection) = reach(database)?;
            schema::migrate_on_server(&connection)?;
            Ok(connection)
        }
    }
}
