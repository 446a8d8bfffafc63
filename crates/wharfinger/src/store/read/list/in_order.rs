//! Lists in the order of addresses: one organisation after the other, each along the journal or through an index.

use std::ops::RangeInclusive;

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::{ENTRIES_PER_PAGE_MAX, GoesOn, LOOK_ENTRIES, Listing, after, of_other_list};
use crate::store::addresses::Search;
use crate::store::api::{ListCursor, ListedBy};
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailKey;
use crate::store::format::entry_addr::{BlockId, ENTRIES_MAX, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::index::open_orders::{open_between, read_open};
use crate::store::index::order_states::is_any;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::{blocks_before, blocks_until};
use crate::store::journal::rows::{dialects_between, last_number};
use crate::store::read::locate::block_ranges_of;

/// Fills a page. Returns the cursor of the next one.
pub(super) fn fill(
    listing: &mut Listing<'_>,
    email_key: EmailKey,
) -> Result<Option<ListCursor>, Fault> {
    let request = listing.request;
    let after = match request.after {
        None => None,
        Some(ListCursor::Place {
            organisation,
            place,
        }) => Some((organisation, place)),
        Some(_) => return Err(of_other_list()),
    };
    let mut walk = Walk {
        seen: request.after.clone(),
        listing,
    };
    for &organisation in &request.organisations {
        let low = match after {
            Some((reached, _)) if organisation < reached => continue,
            Some((reached, place)) if organisation == reached => place.saturating_add(1),
            Some(_) | None => BlockId::new(organisation, 1).entry(0).0,
        };
        if !walk.of_organisation(organisation, EntryAddr(low), email_key)? {
            return Ok(walk.seen);
        }
    }
    Ok(None)
}

/// A walk in the order of addresses.
struct Walk<'l, 'c> {
    listing: &'l mut Listing<'c>,
    /// How far the list was read.
    seen: Option<ListCursor>,
}

impl Walk<'_, '_> {
    /// Adds the orders of an organisation whose entry addresses are not below `low`.
    fn of_organisation(
        &mut self,
        organisation: OrganisationId,
        low: EntryAddr,
        email_key: EmailKey,
    ) -> Result<GoesOn, Fault> {
        let (request, connection) = (self.listing.request, self.listing.connection);
        if !self.listing.spend(LOOK_ENTRIES) {
            return Ok(false);
        }
        let dialect = self.listing.dialect;
        let goes_on = if !is_any(connection, organisation, dialect, &request.states)? {
            true
        } else if let Some(key) = &request.key {
            self.by_key(organisation, key, low)?
        } else if let Some(number) = request.number {
            // The key of a numbered order is its number.
            self.by_key(organisation, &number.to_string(), low)?
        } else if let Some(batch) = request.batch {
            self.by_batch(organisation, batch, low)?
        } else {
            match (request.listed_by(), &request.email) {
                (ListedBy::Text, Some(address)) => {
                    let hash = email_key.hash(address);
                    self.by_email(&Search::from(connection, hash, organisation, low)?)?
                }
                (ListedBy::Change, _) => self.along_changes(organisation, low)?,
                (ListedBy::Newest | ListedBy::Key | ListedBy::Creation | ListedBy::Text, _) => {
                    let blocks = self.created_in(organisation)?;
                    self.along_blocks(organisation, blocks, low)?
                }
            }
        };
        if goes_on {
            self.has_seen(EntryAddr(i64::MAX), organisation);
        }
        Ok(goes_on)
    }

    fn has_seen(&mut self, place: EntryAddr, organisation: OrganisationId) {
        self.seen = Some(after(organisation, place));
    }

    /// Considers an order at an address in the list, and adds it if it is wanted there.
    fn consider(
        &mut self,
        at: EntryAddr,
        order: EntryAddr,
        key: Option<&str>,
    ) -> Result<GoesOn, Fault> {
        let goes_on = self.listing.take(at, order, key)?;
        if goes_on {
            self.has_seen(at, order.block().organisation());
        }
        Ok(goes_on)
    }

    /// A range of blocks that has all blocks written in the requested time. After the clock has gone back, it may have others.
    fn created_in(&self, organisation: OrganisationId) -> Result<RangeInclusive<u32>, Fault> {
        let (request, connection) = (self.listing.request, self.listing.connection);
        let before_first = match request.created_from_ms {
            Some(from) => blocks_before(connection, organisation, from)?,
            None => 0,
        };
        let last = match request.created_before_ms {
            Some(before) => blocks_until(connection, organisation, before.saturating_sub(1))?,
            None => last_number(connection, organisation)?,
        };
        Ok(before_first + 1..=last)
    }

    /// Adds the orders that hold a key, and those that have released it.
    fn by_key(
        &mut self,
        organisation: OrganisationId,
        key: &str,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let mut orders = Vec::new();
        let select = "select id from dialects where sound(dialects.intact)";
        let mut select = self.listing.connection.prepare_cached(select)?;
        let mut dialects = select.query(())?;
        while let Some(dialect) = dialects.next()? {
            let key_space = KeySpace::new(organisation, dialect.get(0)?);
            let lookup = &mut self.listing.lookup;
            let held = lookup.by_key(&key_space, key)?;
            orders.extend(held.map(|row| row.id));
            orders.extend(lookup.released(&key_space, key, ENTRIES_PER_PAGE_MAX)?);
        }
        orders.sort_unstable();
        for order in orders.into_iter().filter(|order| *order >= low) {
            if !self.listing.spend(1) || !self.consider(order, order, Some(key))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn by_batch(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        for part in block_ranges_of(self.listing.connection, batch)? {
            if part.first.organisation() == organisation && part.blocks > 0 {
                let last = part.first.plus(part.blocks - 1).number();
                let blocks = part.first.number()..=last;
                return self.along_blocks(organisation, blocks, low);
            }
        }
        Ok(true)
    }

    /// Adds the orders that begin in some blocks. If only open orders are wanted, reads only blocks that have some.
    fn along_blocks(
        &mut self,
        organisation: OrganisationId,
        blocks: RangeInclusive<u32>,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let number = |number: u32| BlockId::new(organisation, number);
        let blocks = number(*blocks.start()).max(low.block())..number(*blocks.end()).plus(1);
        let connection = self.listing.connection;
        let wants_final = self.listing.wants_final();
        let visit = |block: BlockId, dialect| {
            let is_wanted = self.listing.dialect.is_none_or(|wanted| wanted == dialect);
            if !self.listing.spend(LOOK_ENTRIES) || is_wanted && !self.along_block(block, low)? {
                return Ok(false);
            }
            self.has_seen(block.entry(ENTRIES_MAX - 1), organisation);
            Ok(true)
        };
        if wants_final {
            return dialects_between(connection, blocks, visit);
        }
        open_between(connection, blocks, visit)
    }

    fn along_block(&mut self, block: BlockId, low: EntryAddr) -> Result<GoesOn, Fault> {
        for ordinal in self.listing.begun_in(block)? {
            let order = block.entry(ordinal);
            if order >= low && (!self.listing.spend(1) || !self.consider(order, order, None)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds orders along the feed, each at its latest change.
    fn along_changes(
        &mut self,
        organisation: OrganisationId,
        low: EntryAddr,
    ) -> Result<GoesOn, Fault> {
        let connection = self.listing.connection;
        let from = self.listing.request.updated_from_ms.unwrap_or_default();
        let before = blocks_before(connection, organisation, from)?;
        let first = before.saturating_add(1).max(low.block().number());
        for number in first..=last_number(connection, organisation)? {
            let block = BlockId::new(organisation, number);
            let head = self.listing.journal.head(block)?;
            let wanted = self.listing.dialect;
            let is_wanted = wanted.is_none_or(|wanted| wanted == head.dialect);
            let entry_outcomes = if is_wanted {
                head.entry_outcomes.clone()
            } else {
                Vec::new()
            };
            if !self.listing.spend(LOOK_ENTRIES) {
                return Ok(false);
            }
            for (ordinal, entry_outcome) in entry_outcomes.into_iter().enumerate() {
                let at = block.entry(ordinal);
                if let Some(order) = entry_outcome.order(at)
                    && entry_outcome.is_event()
                    && at >= low
                    && (!self.listing.spend(1) || !self.consider(at, order, None)?)
                {
                    return Ok(false);
                }
            }
            self.has_seen(block.entry(ENTRIES_MAX - 1), organisation);
        }
        Ok(true)
    }

    /// Adds orders along the texts with an e-mail address, each at its latest full text.
    fn by_email(&mut self, search: &Search<'_>) -> Result<GoesOn, Fault> {
        search.through(&mut |at| {
            if !self.listing.spend(1) {
                return Ok(false);
            }
            match self.listing.journal.entry_outcome(at)?.order(at) {
                Some(order) => self.consider(at, order, None),
                None => Ok(true),
            }
        })
    }
}

impl Listing<'_> {
    /// The orders that begin in a block, by ordinal. If only open orders are wanted, only those that are open.
    pub(super) fn begun_in(&mut self, block: BlockId) -> Result<Vec<usize>, Fault> {
        let entry_outcomes = &self.journal.head(block)?.entry_outcomes;
        let is_new =
            |ordinal: &usize| matches!(entry_outcomes[*ordinal], EntryOutcome::Accepted { .. });
        let mut orders: Vec<_> = (0..entry_outcomes.len()).filter(is_new).collect();
        if !self.wants_final() {
            let open = read_open(self.connection, block)?;
            orders.retain(|&ordinal| open.contains(ordinal));
        }
        Ok(orders)
    }
}
