//! Finding entries by e-mail address: first in the runs, then in the blocks that no run covers yet.

use std::ops::RangeInclusive;

use wharfinger_core::order::ids::OrganisationId;

use super::{Entry, Run, covered, read_entries, segment_after, segment_up_to, whole_runs};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal;
use crate::store::journal::rows::{GoesOn, emails_between};

/// Called with the address of each entry that is found.
pub(crate) type Visit<'v> = dyn FnMut(EntryAddr) -> Result<GoesOn, Fault> + 'v;

/// A search for the entries of one hash.
pub(crate) struct Search<'c> {
    connection: &'c Connection,
    hash: EmailHash,
    /// Only blocks of this dialect, if set.
    dialect: Option<DialectId>,
    newest_first: bool,
    /// The entry addresses to search.
    within: RangeInclusive<EntryAddr>,
    runs: Vec<Run>,
}

impl<'c> Search<'c> {
    /// A search of an organisation's entries from an entry address on, in all dialects.
    pub(crate) fn from(
        connection: &'c Connection,
        hash: EmailHash,
        organisation: OrganisationId,
        low: EntryAddr,
    ) -> Result<Self, Fault> {
        let first = journal::start::start(connection, organisation)?.block;
        let first = BlockId::new(organisation, first);
        Ok(Self {
            connection,
            hash,
            dialect: None,
            newest_first: false,
            // Runs may still have entries of purged orders, and of deleted blocks.
            within: low.max(first.entry(0))..=BlockId::new(organisation, u32::MAX).entry(0),
            runs: whole_runs(connection, organisation)?,
        })
    }

    /// A search of the entries of one organisation and dialect in a range of entry addresses.
    pub(crate) fn within(
        connection: &'c Connection,
        hash: EmailHash,
        dialect: DialectId,
        within: RangeInclusive<EntryAddr>,
        newest_first: bool,
    ) -> Result<Self, Fault> {
        let organisation = within.start().block().organisation();
        Ok(Self {
            connection,
            hash,
            dialect: Some(dialect),
            newest_first,
            within,
            runs: whole_runs(connection, organisation)?,
        })
    }

    /// Visits the entries in order until `visit` returns false.
    pub(crate) fn through(&self, visit: &mut Visit<'_>) -> Result<GoesOn, Fault> {
        if self.newest_first {
            Ok(self.tail(visit)? && self.runs(self.runs.iter().rev(), visit)?)
        } else {
            Ok(self.runs(self.runs.iter(), visit)? && self.tail(visit)?)
        }
    }

    fn organisation(&self) -> OrganisationId {
        self.within.start().block().organisation()
    }

    fn runs<'r>(
        &self,
        runs: impl Iterator<Item = &'r Run>,
        visit: &mut Visit<'_>,
    ) -> Result<GoesOn, Fault> {
        let first = self.within.start().block().number();
        let last = self.within.end().block().number();
        for run in runs.filter(|run| run.last_block >= first && run.first_block <= last) {
            let goes_on = if self.newest_first {
                self.backward(run.id, visit)?
            } else {
                self.forward(run.id, visit)?
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The run entry of this hash at an entry address.
    fn at(&self, place: EntryAddr) -> Entry {
        Entry {
            hash: self.hash,
            place,
        }
    }

    fn forward(&self, run: i64, visit: &mut Visit<'_>) -> Result<GoesOn, Fault> {
        let (first, last) = (self.at(*self.within.start()), self.at(*self.within.end()));
        let mut part = match segment_up_to(self.connection, run, first)? {
            Some(part) => Some(part),
            None => segment_after(self.connection, run, first)?,
        };
        while let Some(current) = part {
            let entries = read_entries(self.organisation(), &current.entries)?;
            for entry in entries.skip_while(|entry| *entry < first) {
                if entry > last || !visit(entry.place)? {
                    return Ok(entry > last);
                }
            }
            part = segment_after(self.connection, run, current.first)?;
        }
        Ok(true)
    }

    fn backward(&self, run: i64, visit: &mut Visit<'_>) -> Result<GoesOn, Fault> {
        let (first, last) = (self.at(*self.within.start()), self.at(*self.within.end()));
        let mut bound = last;
        while let Some(part) = segment_up_to(self.connection, run, bound)? {
            let entries = read_entries(self.organisation(), &part.entries)?;
            for entry in entries.rev().skip_while(|entry| *entry > last) {
                if entry < first || !visit(entry.place)? {
                    return Ok(entry < first);
                }
            }
            bound = part.first;
            bound.place.0 -= 1;
        }
        Ok(true)
    }

    /// Scans the blocks that no run covers.
    fn tail(&self, visit: &mut Visit<'_>) -> Result<GoesOn, Fault> {
        let tail = BlockId::new(self.organisation(), covered(&self.runs) + 1);
        let first = tail.max(self.within.start().block());
        let blocks = first..self.within.end().block().plus(1);
        let wanted = (self.dialect, self.newest_first);
        emails_between(self.connection, blocks, wanted, |block, emails| {
            let hashes = EmailHash::each(emails).enumerate();
            let found = hashes.filter(|(_, hash)| *hash == self.hash);
            let mut places: Vec<_> = found.map(|(ordinal, _)| block.entry(ordinal)).collect();
            if self.newest_first {
                places.reverse();
            }
            for place in places {
                if self.within.contains(&place) && !visit(place)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }
}
