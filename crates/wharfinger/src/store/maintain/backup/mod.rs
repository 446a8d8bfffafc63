//! Backups: a copy of the whole store at one moment, as the database file of an embedded store.
//!
//! An embedded store is copied page by page, beside a running server. From PostgreSQL, all rows are copied in one snapshot, as
//! `wharfinger copy` does. How a copy is packed, and how it is restored, is decided above the store.

mod facts;
mod following;
mod hashes;
mod pages;
pub(super) mod record;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use self::facts::{DestinationEnd, FeedEnd, StoreFacts};
pub use self::hashes::PageHashes;
use self::pages::{Plan, copy_pages};
use super::check::store::connect_read_only;
use super::copy::copy_beside;
use crate::clock;
use crate::store::api::StoreError;
use crate::store::engine::files;
use crate::store::engine::files::DATABASE;
use crate::store::engine::location::Location;
use crate::store::engine::open::{database_file, open_tables_of_store};
use crate::store::engine::wal::frames;

/// A copy of a store.
#[derive(Debug)]
pub struct StoreCopy {
    /// The moment whose state it has, in milliseconds since 1970.
    pub moment_ms: i64,
    /// The hashes of all its pages.
    pub hashes: PageHashes,
    /// What the store contains.
    pub facts: StoreFacts,
    /// Whether the copy is a whole database file. Otherwise pages that the earlier backup has are missing.
    pub is_whole: bool,
}

/// The name of the database file in a data directory, and in a copy.
pub const DATABASE_FILE: &str = DATABASE;

/// Copies a store into an empty directory, as the database file of an embedded store. Nothing is written to the store, and servers of
/// it may be running. Blocks.
///
/// With the pages of an earlier backup, and unless `is_whole`, pages that it has are left out. `tell` is called with what is done, and
/// all that there is.
///
/// # Errors
/// [`StoreError::Refused`]: there is no such store, it has another schema, or a file cannot be read or written.
pub fn back_up(
    from: &Location,
    into: &Path,
    base: Option<&PageHashes>,
    is_whole: bool,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<StoreCopy, StoreError> {
    let Location::Directory(directory) = from else {
        return from_server(from, into, tell);
    };
    let file = database_file(directory)?;
    refuse_unusable(&file)?;
    let plan = Plan {
        file: &file,
        into,
        base,
        is_whole: is_whole || base.is_none(),
    };
    let copy = copy_pages(&plan, tell, |held| {
        // A whole copy is read later, because its readers hold nothing.
        if plan.is_whole {
            return Ok(None);
        }
        facts::read(held).map(Some)
    })?;
    let facts = match copy.read {
        Some(facts) => facts,
        None => {
            let facts = facts_of(into)?;
            remove_log(&into.join(DATABASE));
            facts
        }
    };
    Ok(StoreCopy {
        moment_ms: copy.moment_ms,
        hashes: copy.hashes,
        facts,
        is_whole: plan.is_whole,
    })
}

/// Refuses a store of which no usable backup can be made, before much is copied.
fn refuse_unusable(file: &Path) -> Result<(), StoreError> {
    let damage = frames::damage(file).map_err(|error| frames::unreadable(file, &error))?;
    if let Some(damage) = damage {
        return Err(StoreError::Refused(damage.told()));
    }
    facts::read_embedded(connect_read_only(file)?)?;
    Ok(())
}

/// The facts of the store in a data directory. A server may be running on it.
///
/// # Errors
/// It cannot be read, or has another schema.
pub fn facts_of(directory: &Path) -> Result<StoreFacts, StoreError> {
    let file = database_file(directory)?;
    Ok(facts::read_embedded(connect_read_only(&file)?)?)
}

/// Migrates the store in a data directory to the current schema. Nobody else has it open.
///
/// # Errors
/// There is no store, or it has a later schema than this program knows.
pub fn migrate(directory: &Path) -> Result<(), StoreError> {
    drop(open_tables_of_store(&Location::Directory(
        directory.to_owned(),
    ))?);
    Ok(())
}

/// Records in the store in a data directory that a backup of this moment was made. Nobody else has it open.
///
/// # Errors
/// There is no store, or it cannot be written.
pub fn note_backup_in(directory: &Path, moment_ms: i64) -> Result<(), StoreError> {
    let connection = open_tables_of_store(&Location::Directory(directory.to_owned()))?;
    Ok(record::note(&connection, moment_ms)?)
}

/// Removes the empty log, and the index of it, that readers of a copy make. Nobody has the copy open.
pub fn remove_log(file: &Path) {
    let log = frames::path(file);
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return;
    }
    for made in [log, files::log_index_of(file)] {
        // They are empty. Whoever opens the copy makes them again.
        drop(std::fs::remove_file(made));
    }
}

/// Copies all rows of a PostgreSQL database, in one snapshot.
fn from_server(
    from: &Location,
    into: &Path,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<StoreCopy, StoreError> {
    let moment_ms = clock::now_ms();
    copy_beside(from, into, tell)?;
    let file = database_file(into)?;
    let hashes = hashes_of(&file).map_err(|error| files::about(&file, &error))?;
    let facts = facts_of(into)?;
    remove_log(&file);
    Ok(StoreCopy {
        moment_ms,
        hashes,
        facts,
        is_whole: true,
    })
}

/// The hashes of all pages of a database file.
fn hashes_of(file: &Path) -> std::io::Result<PageHashes> {
    let page = frames::page_size(file)?;
    let mut hashes = PageHashes::new(u32::try_from(page).unwrap_or(0));
    let mut source = std::io::BufReader::with_capacity(1 << 20, File::open(file)?);
    let pages = source.get_ref().metadata()?.len() / page as u64;
    let mut bytes = vec![0; page];
    for number in 1..=u32::try_from(pages).unwrap_or(u32::MAX) {
        source.read_exact(&mut bytes)?;
        hashes.set(number, &bytes, None);
    }
    Ok(hashes)
}
