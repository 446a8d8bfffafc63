//! The event before another one that a destination was to get.
//!
//! It follows from the feed and from what the destination selects alone, so that it is the same whenever the event is delivered.

use std::collections::HashMap;

use wharfinger_core::order::ids::OrganisationId;

use crate::store::api::{FeedPlace, Selection};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal;
use crate::store::journal::read::{Head, Journal};
use crate::store::journal::start::Start;
use crate::store::read::feed::told::{position_of, told, told_of};

/// Finds the events before others.
pub(super) struct Previous<'d> {
    selection: &'d Selection,
    /// The latest event of each organisation that was looked for.
    latest: HashMap<OrganisationId, u64>,
    starts: HashMap<OrganisationId, Start>,
}

pub(super) fn place(organisation: OrganisationId, position: u64) -> FeedPlace {
    FeedPlace {
        organisation,
        position,
    }
}

impl<'d> Previous<'d> {
    pub(super) fn new(selection: &'d Selection) -> Self {
        Self {
            selection,
            latest: HashMap::new(),
            starts: HashMap::new(),
        }
    }

    /// The position of the event before the one at a position. `None` if there is none, or if it may have been purged.
    pub(super) fn of(
        &mut self,
        journal: &mut Journal<'_>,
        (organisation, block): (OrganisationId, BlockId),
        (head, position): (&Head, u64),
    ) -> Result<Option<u64>, Fault> {
        if self.selection.is_all() {
            return Ok((position > 1).then(|| position - 1));
        }
        let known = self.latest.insert(organisation, position);
        match known {
            // A page has the events of an organisation one after the other, so this one was found before.
            Some(known) if known < position => Ok(Some(known)),
            Some(_) | None => self.look_back(journal, block, (head, position)),
        }
    }

    /// Goes back from a position, block by block.
    fn look_back(
        &mut self,
        journal: &mut Journal<'_>,
        block: BlockId,
        (head, position): (&Head, u64),
    ) -> Result<Option<u64>, Fault> {
        let organisation = block.organisation();
        let start = self.start(journal, organisation)?;
        if let Some(found) = self.last_wanted((block, head), position) {
            return Ok(found);
        }
        let mut number = block.number();
        while number > start.block {
            number -= 1;
            let block = BlockId::new(organisation, number);
            let head = journal.head(block)?;
            if head.first_position < start.position {
                return Ok(None);
            }
            if let Some(found) = self.last_wanted((block, head), position) {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The last event of a block before a position that the destination was to get. `Some(None)` if there can be none in earlier
    /// blocks either.
    fn last_wanted(&self, (block, head): (BlockId, &Head), before: u64) -> Option<Option<u64>> {
        let organisation = block.organisation();
        let events = (head.first_position..).zip(told(block, head));
        let events = events.take_while(|(position, _)| *position < before);
        let wanted = events.filter(|(position, told)| {
            let place = place(organisation, *position);
            let selection = self.selection;
            selection.wants(place, head.stamp, told.kind, head.at_ms)
        });
        if let Some((position, _)) = wanted.last() {
            return Some(Some(position));
        }
        let first = place(organisation, head.first_position);
        let is_over = self.selection.is_before(first, head.stamp);
        is_over.then_some(None)
    }

    /// Whether the event of an entry was to be got, and its position. `None` if it may have been purged: so may all before it.
    pub(super) fn at(
        &mut self,
        journal: &mut Journal<'_>,
        entry: EntryAddr,
    ) -> Result<Option<(u64, bool)>, Fault> {
        let block = entry.block();
        let organisation = block.organisation();
        let start = self.start(journal, organisation)?;
        if block.number() < start.block {
            return Ok(None);
        }
        let head = journal.head(block)?;
        if head.first_position < start.position {
            return Ok(None);
        }
        let outcome = head.entry_outcomes.get(entry.ordinal()).copied();
        let Some((kind, _)) = outcome.and_then(|outcome| told_of(outcome, entry)) else {
            return Ok(None);
        };
        let position = position_of(head, entry.ordinal());
        let place = place(organisation, position);
        let wants = self.selection.wants(place, head.stamp, kind, head.at_ms);
        Ok(Some((position, wants)))
    }

    fn start(
        &mut self,
        journal: &Journal<'_>,
        organisation: OrganisationId,
    ) -> Result<Start, Fault> {
        if let Some(known) = self.starts.get(&organisation) {
            return Ok(*known);
        }
        let start = journal::start::start(journal.connection(), organisation)?;
        self.starts.insert(organisation, start);
        Ok(start)
    }
}
