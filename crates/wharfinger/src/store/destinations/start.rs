//! Where a destination begins.

use std::sync::Arc;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::reached;
use crate::store::Store;
use crate::store::api::{FeedCursor, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal::end::{latest_stamp, organisations, read_all_counters};
use crate::store::journal::read::{Journal, blocks_before};
use crate::store::journal::{epochs, rows, stamps};
use crate::store::read::feed::reading::{Feeds, How, Page, Seen, read};

/// Organisations whose counters one statement reads, at most.
const COUNTERS_READ_MAX: usize = 1_024;

impl Store {
    /// The cursor after all events that there are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn cursor_of_now(&self) -> Result<FeedCursor, StoreError> {
        let read = |connection: &Connection| {
            let latest = latest_stamp(connection)?.min(stamps::horizon(connection));
            Ok(FeedCursor::after(epochs::latest(connection)?, latest))
        };
        self.readers.follow(read).await
    }

    /// A cursor before the first event that was committed at a time (milliseconds since 1970) or later. It may also be before a few
    /// older events.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn cursor_of_time(
        &self,
        reach: &OrgAccess,
        from_ms: i64,
    ) -> Result<FeedCursor, StoreError> {
        let reach = reach.clone();
        let read = move |connection: &Connection| {
            let mut first = latest_stamp(connection)?.min(stamps::horizon(connection)) + 1;
            let ids = match reach {
                OrgAccess::All => organisations(connection)?,
                OrgAccess::Only(ids) => ids,
            };
            for ids in ids.chunks(COUNTERS_READ_MAX) {
                for (organisation, counters) in read_all_counters(connection, ids)? {
                    if counters.latest_ms >= from_ms {
                        let found = first_stamp(connection, organisation, from_ms)?;
                        first = found.map_or(first, |found| first.min(found));
                    }
                }
            }
            Ok(FeedCursor::after(epochs::latest(connection)?, first - 1))
        };
        self.readers.follow(read).await
    }

    /// Checks that the feed of some organisations can be read from a cursor.
    ///
    /// # Errors
    /// [`StoreError::FeedBegins`]: events after the cursor were purged, or the store was restored since the cursor was returned.
    pub async fn check_cursor(
        &self,
        reach: &OrgAccess,
        cursor: &FeedCursor,
    ) -> Result<(), StoreError> {
        let seen = Arc::clone(&self.seen_stamp);
        let (reached, cursor) = (reached(reach), cursor.clone());
        let check = move |connection: &Connection| {
            let how = How {
                after: Some(&cursor),
                feeds: reached.as_deref().map_or(Feeds::All, Feeds::Of),
                skips_purged: false,
            };
            read(connection, how, &seen, &mut Nothing).map(drop)
        };
        self.readers.follow(check).await
    }
}

/// A page without room: only where it begins is looked for.
struct Nothing;

impl<'c> Page<'c> for Nothing {
    fn has_room(&self) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        true
    }

    fn wants(&self, _: &Seen<'_>) -> bool {
        true
    }

    fn take(&mut self, _: &mut Journal<'c>, _: Seen<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// The stamp of the first block of an organisation that is not older than a time. Its latest block is not older.
fn first_stamp(
    connection: &Connection,
    organisation: OrganisationId,
    from_ms: i64,
) -> Result<Option<i64>, Fault> {
    let before = blocks_before(connection, organisation, from_ms)?;
    let first = BlockId::new(organisation, before + 1);
    let begins = rows::begins(connection, first)?;
    Ok(begins.map(|begins| begins.stamp))
}
