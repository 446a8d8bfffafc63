//! Filling a page of the feed.

use std::sync::atomic::{AtomicI64, Ordering};

use wharfinger_core::order::ids::OrganisationId;

use super::latest::{self, SEARCHED_MAX};
use super::told::{Told, told};
use crate::store::api::{FeedBegins, FeedCursor, LAGGING_MAX, StoreError};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;
use crate::store::journal;
use crate::store::journal::end::{
    Counters, WrittenAfter, latest_stamp, read_all_counters, written_after,
};
use crate::store::journal::epochs::{self, Shared};
use crate::store::journal::read::{Head, Journal, Order, blocks_up_to, first_written_after};
use crate::store::journal::start::Start;
use crate::store::journal::{rows, stamps};

/// Journal entries that are read for a page, at most.
pub(super) const ENTRIES_PER_PAGE_MAX: usize = 100_000;
/// The cost of an organisation or a block, in entries.
const LOOK_ENTRIES: usize = 8;
/// So many organisations are looked up one by one, at most. Of more, those with something new are searched.
const LOOKED_UP_MAX: usize = 256;

/// Whether the page has room for more.
type GoesOn = bool;

/// The organisations whose feeds are read.
#[derive(Clone, Copy)]
pub(crate) enum Feeds<'r> {
    /// Those of all organisations.
    All,
    /// Those of these, in ascending order.
    Of(&'r [OrganisationId]),
}

impl Feeds<'_> {
    fn has(self, organisation: OrganisationId) -> bool {
        match self {
            Self::All => true,
            Self::Of(organisations) => organisations.binary_search(&organisation).is_ok(),
        }
    }
}

/// Takes the events of a page, one after the other.
pub(crate) trait Page<'c> {
    /// Whether the page has room for another event.
    fn has_room(&self) -> bool;
    /// Whether the page has no events.
    fn is_empty(&self) -> bool;
    /// Whether an event belongs on the page.
    fn wants(&self, event: &Seen<'_>) -> bool;
    /// Adds an event. The journal reads the same snapshot.
    fn take(&mut self, journal: &mut Journal<'c>, event: Seen<'_>) -> Result<(), Fault>;
}

/// An event that a page takes.
pub(crate) struct Seen<'r> {
    /// The block that it is in.
    pub block: BlockId,
    /// The head of that block.
    pub head: &'r Head,
    /// The event.
    pub told: Told,
    /// Its position in the feed of its organisation.
    pub position: u64,
    /// The cursor before it.
    pub before: &'r FeedCursor,
}

impl Seen<'_> {
    /// The cursor after the event.
    pub(crate) fn next(&self) -> FeedCursor {
        let mut next = self.before.clone();
        next.lagging
            .push((self.block.organisation(), self.position));
        next.lagging.sort_unstable();
        next
    }
}

/// How to read.
#[derive(Clone, Copy)]
pub(crate) struct How<'r> {
    /// The cursor to continue from. `None` for the beginning.
    pub after: Option<&'r FeedCursor>,
    /// The organisations to read.
    pub feeds: Feeds<'r>,
    /// Whether the reader does without events that were purged.
    pub skips_purged: bool,
}

/// Fills a page with the feeds of some organisations, one after another. Returns the cursor after the page, and whether the page
/// ended early. `seen` is a stamp that the store was seen to have.
///
/// # Errors
/// [`StoreError::FeedBegins`]: the events after the cursor were purged, or the store was restored since the cursor was returned.
pub(crate) fn read<'c>(
    connection: &'c Connection,
    how: How<'_>,
    seen: &AtomicI64,
    page: &mut impl Page<'c>,
) -> Result<(FeedCursor, bool), Fault> {
    let few = match how.feeds {
        Feeds::Of(organisations) if organisations.len() <= LOOKED_UP_MAX => {
            Some(read_all_counters(connection, organisations)?)
        }
        Feeds::Of(_) | Feeds::All => None,
    };
    let epoch = epochs::latest(connection)?;
    let mut reading = Reading {
        connection,
        how,
        seen,
        horizon: stamps::horizon(connection),
        journal: Journal::new(connection),
        entries_left: ENTRIES_PER_PAGE_MAX,
        page,
        cursor: FeedCursor::after(epoch, 0),
    };
    if let Some(few) = &few {
        let stamps = few.iter().map(|(_, counters)| counters.stamp);
        reading.note_seen(stamps.max().unwrap_or_default());
    }
    if let Some(after) = how.after {
        reading.begin(after)?;
    }
    let is_cut = !reading.all(few.as_deref())?;
    Ok((reading.cursor, is_cut))
}

/// A page that is being filled.
struct Reading<'r, 'c, P> {
    connection: &'c Connection,
    how: How<'r>,
    /// A stamp that the store was seen to have. One of its transactions may be lost, with all later ones, if a PostgreSQL server
    /// was replaced meanwhile. The epoch in which the next transaction writes then shows it.
    seen: &'r AtomicI64,
    horizon: i64,
    journal: Journal<'c>,
    entries_left: usize,
    page: &'r mut P,
    /// How far the page has come.
    cursor: FeedCursor,
}

impl<'c, P: Page<'c>> Reading<'_, 'c, P> {
    fn note_seen(&self, stamp: i64) {
        self.seen.fetch_max(stamp, Ordering::Relaxed);
    }

    /// Starts from a cursor.
    fn begin(&mut self, after: &FeedCursor) -> Result<(), Fault> {
        let mut seen = self.seen.load(Ordering::Relaxed);
        if after.to > seen {
            seen = latest_stamp(self.connection)?;
            self.note_seen(seen);
        }
        let epoch = self.cursor.epoch;
        let feeds = self.how.feeds;
        let lagging = after.lagging.iter().filter(|(of, _)| feeds.has(*of));
        let lagging = lagging.copied();
        match epochs::shared(self.connection, (after.epoch, after.to), seen)? {
            Shared::All => {
                self.cursor = FeedCursor {
                    epoch,
                    lagging: lagging.collect(),
                    ..after.clone()
                };
                Ok(())
            }
            Shared::Unknown => Err(restored(FeedCursor::after(epoch, 0))),
            Shared::UpTo(stamp) => {
                let mut first = FeedCursor::after(epoch, stamp.min(after.from));
                for (organisation, position) in lagging {
                    let counters = read_all_counters(self.connection, &[organisation])?;
                    let end = counters
                        .first()
                        .map_or(1, |(_, counters)| counters.position);
                    if self.is_shared((organisation, position), (end, stamp))? {
                        first.lagging.push((organisation, position));
                    }
                }
                Err(restored(first))
            }
        }
    }

    /// Whether the event at a position was written with a stamp up to `stamp`. `end` is the position of the next event.
    fn is_shared(
        &self,
        (organisation, position): (OrganisationId, u64),
        (end, stamp): (u64, i64),
    ) -> Result<bool, Fault> {
        if position >= end {
            return Ok(false);
        }
        let bound = i64::try_from(position).unwrap_or(i64::MAX);
        let block = blocks_up_to(self.connection, organisation, Order::Position, bound)?;
        let id = BlockId::new(organisation, block);
        let begins = rows::begins(self.connection, id)?;
        // A purge has deleted the block. What follows is checked when it is read.
        Ok(begins.is_none_or(|begins| begins.stamp <= stamp))
    }

    /// Reads sweep after sweep, until the page is cut or there is nothing more.
    fn all(&mut self, few: Option<&[(OrganisationId, Counters)]>) -> Result<GoesOn, Fault> {
        let of_few = match few {
            Some(_) => Some(latest::latest(self.connection, self.horizon, few)?),
            None => None,
        };
        loop {
            if !self.sweep(few)? {
                return Ok(false);
            }
            let latest = match of_few {
                Some(known) => known,
                None => latest::latest(self.connection, self.horizon, None)?,
            };
            self.note_seen(latest);
            let to = latest.min(self.horizon).max(self.cursor.to);
            self.cursor = FeedCursor {
                from: self.cursor.to,
                to,
                lagging: std::mem::take(&mut self.cursor.lagging),
                ..FeedCursor::after(self.cursor.epoch, to)
            };
            if self.cursor.from == to && self.cursor.lagging.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Continues the sweep to its end.
    fn sweep(&mut self, few: Option<&[(OrganisationId, Counters)]>) -> Result<GoesOn, Fault> {
        if let Some(few) = few {
            let next = self.cursor.next;
            for (organisation, counters) in few.iter().filter(|(of, _)| *of >= next) {
                let has_news = self.has_stamps() && counters.stamp > self.cursor.from;
                let has_news = has_news || self.lagging(*organisation).is_some();
                if has_news && !self.of_organisation(*organisation, counters)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        loop {
            let WrittenAfter { found, last } = self.search()?;
            for (organisation, counters) in &found {
                if !self.of_organisation(*organisation, counters)? {
                    return Ok(false);
                }
            }
            match last {
                Some(last) => self.cursor.next = behind(last),
                None => return Ok(true),
            }
        }
    }

    /// Whether the sweep has any stamps. If not, it only finishes what was left unfinished.
    fn has_stamps(&self) -> bool {
        self.cursor.from < self.cursor.to
    }

    /// Searches the next organisations that may have something to read.
    fn search(&self) -> Result<WrittenAfter, Fault> {
        let FeedCursor { from, next, .. } = self.cursor;
        let (mut found, last) = if self.has_stamps() {
            let WrittenAfter { found, last } =
                written_after(self.connection, from, (next, SEARCHED_MAX))?;
            (found, last)
        } else {
            (Vec::new(), None)
        };
        found.retain(|(of, _)| self.how.feeds.has(*of));
        let lagging = self.cursor.lagging.iter().map(|(of, _)| *of);
        let lagging = lagging.filter(|of| *of >= next && last.is_none_or(|last| *of <= last));
        let is_missing = |of: &OrganisationId| !found.iter().any(|(found, _)| found == of);
        let missing = Vec::from_iter(lagging.filter(is_missing));
        found.extend(read_all_counters(self.connection, &missing)?);
        found.sort_by_key(|(organisation, _)| *organisation);
        Ok(WrittenAfter { found, last })
    }

    fn skips_purged(&self) -> bool {
        self.how.skips_purged || self.cursor.skips_purged
    }

    fn lagging(&self, organisation: OrganisationId) -> Option<usize> {
        let lagging = &self.cursor.lagging;
        let found = lagging.binary_search_by_key(&organisation, |(of, _)| *of);
        found.ok()
    }

    /// Adds the events of an organisation that belong to the sweep.
    fn of_organisation(
        &mut self,
        organisation: OrganisationId,
        counters: &Counters,
    ) -> Result<GoesOn, Fault> {
        self.cursor.next = organisation;
        if self.entries_left == 0 {
            return Ok(false);
        }
        self.entries_left = self.entries_left.saturating_sub(LOOK_ENTRIES);
        let start = journal::start::start(self.connection, organisation)?;
        let unfinished = self.lagging(organisation);
        let unfinished = unfinished.map(|at| self.cursor.lagging[at].1);
        let Some((first, after)) = self.place(organisation, (counters, &start), unfinished)? else {
            return self.purged();
        };
        if let Some(at) = self.lagging(organisation) {
            self.cursor.lagging.remove(at);
        }
        let mut position = after;
        for number in first..counters.block {
            let block = BlockId::new(organisation, number);
            let read = match self.entries_left {
                0 => Read::Cut,
                _ => self.of_block(block, &mut position)?,
            };
            match read {
                Read::Whole => {}
                Read::Later => break,
                Read::Cut => {
                    self.leave((organisation, position), position > after, unfinished);
                    return Ok(false);
                }
            }
        }
        self.cursor.next = behind(organisation);
        Ok(true)
    }

    /// Where to read in an organisation: in which block, and after which position. `None` if something was purged that the reader
    /// has not read.
    fn place(
        &self,
        organisation: OrganisationId,
        (counters, start): (&Counters, &Start),
        unfinished: Option<u64>,
    ) -> Result<Option<(u32, u64)>, Fault> {
        let FeedCursor { from, to, .. } = self.cursor;
        let begin = start.position - 1;
        if let Some(read) = unfinished {
            if !self.is_shared((organisation, read), (counters.position, to))? {
                return Err(restored(FeedCursor::after(self.cursor.epoch, 0)));
            }
            if read < begin && !self.skips_purged() {
                return Ok(None);
            }
            let after = read.max(begin);
            let wanted = i64::try_from(after + 1).unwrap_or(i64::MAX);
            // The last block that does not begin after the position contains it.
            let first = blocks_up_to(self.connection, organisation, Order::Position, wanted)?;
            return Ok(Some((first.max(start.block), after)));
        }
        // Who reads from the beginning does not miss what was purged before.
        if from == 0 {
            return Ok(Some((start.block, begin)));
        }
        let blocks = start.block..counters.block;
        let first = first_written_after(self.connection, organisation, (blocks, from))?;
        let read = match rows::begins(self.connection, BlockId::new(organisation, first))? {
            Some(begins) => begins.first_position - 1,
            None => counters.position - 1,
        };
        let is_purged = read < begin || first == start.block && start.gone_stamp > from;
        let goes_on = !is_purged || self.skips_purged();
        Ok(goes_on.then_some((first, read.max(begin))))
    }

    /// Ends the page before an organisation of which the reader would miss something.
    ///
    /// # Errors
    /// [`StoreError::FeedBegins`], if the page has no events yet.
    fn purged(&self) -> Result<GoesOn, Fault> {
        if !self.page.is_empty() {
            return Ok(false);
        }
        let first = FeedCursor {
            skips_purged: true,
            ..self.cursor.clone()
        };
        Err(begins(false, first))
    }

    /// Leaves an organisation before its end. The sweep continues with the next one, if this one got its turn and not too many are
    /// unfinished.
    fn leave(
        &mut self,
        (organisation, position): (OrganisationId, u64),
        has_read: bool,
        unfinished: Option<u64>,
    ) {
        if has_read || unfinished.is_some() {
            self.cursor.lagging.push((organisation, position));
            self.cursor.lagging.sort_unstable();
        }
        if has_read && self.cursor.lagging.len() <= LAGGING_MAX {
            self.cursor.next = behind(organisation);
        }
    }

    fn of_block(&mut self, id: BlockId, read: &mut u64) -> Result<Read, Fault> {
        let head = self.journal.head(id)?.clone();
        if head.stamp > self.cursor.to {
            return Ok(Read::Later);
        }
        let entries = head.entry_outcomes.len() + LOOK_ENTRIES;
        self.entries_left = self.entries_left.saturating_sub(entries);
        for (position, told) in (head.first_position..).zip(told(id, &head)) {
            if position <= *read {
                continue;
            }
            let event = Seen {
                block: id,
                head: &head,
                told,
                position,
                before: &self.cursor,
            };
            if self.page.wants(&event) {
                if !self.page.has_room() {
                    return Ok(Read::Cut);
                }
                self.page.take(&mut self.journal, event)?;
            }
            *read = position;
        }
        Ok(Read::Whole)
    }
}

/// How a block was read.
enum Read {
    /// To its end.
    Whole,
    /// Not at all: it belongs to a later sweep, as do those that follow.
    Later,
    /// The page is full.
    Cut,
}

/// The organisation id after this one.
fn behind(organisation: OrganisationId) -> OrganisationId {
    OrganisationId(organisation.0.saturating_add(1))
}

fn restored(first: FeedCursor) -> Fault {
    begins(true, first)
}

fn begins(is_restored: bool, first: FeedCursor) -> Fault {
    let begins = FeedBegins { is_restored, first };
    Fault::Client(StoreError::FeedBegins(Box::new(begins)))
}
