//! Merging sorted runs. One segment of each run is in memory at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wharfinger_core::order::ids::OrganisationId;

use super::{Entry, Run, read_entries, segment_after};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::EntryAddr;

/// Yields the entries of several runs in order.
///
/// Each segment is read in its own transaction, so that the write-ahead log can be checkpointed between them. The number of
/// entries shows whether the runs were still complete.
pub(super) struct Merge<'c> {
    connection: &'c Connection,
    organisation: OrganisationId,
    sources: Vec<Source>,
    /// The next entry of each source that has one. The lowest is on top.
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
    given: u64,
    expected: u64,
}

/// A run that is being read.
struct Source {
    run: i64,
    /// The remaining entries of the current segment, in reverse order.
    part: Vec<Entry>,
    /// The first entry of the current segment.
    began_with: Entry,
}

/// Sorts before every entry.
pub(super) const BEFORE_ALL: Entry = Entry {
    hash: EmailHash(i64::MIN),
    place: EntryAddr(i64::MIN),
};

impl<'c> Merge<'c> {
    /// Reads the first segment of each run.
    pub(super) fn new(
        connection: &'c Connection,
        organisation: OrganisationId,
        runs: &[Run],
    ) -> Result<Self, Fault> {
        let sources = runs.iter().map(|run| Source {
            run: run.id,
            part: Vec::new(),
            began_with: BEFORE_ALL,
        });
        let mut merge = Self {
            connection,
            organisation,
            sources: sources.collect(),
            heads: BinaryHeap::new(),
            given: 0,
            expected: runs.iter().map(|run| run.entries).sum(),
        };
        for at in 0..runs.len() {
            if let Some(first) = merge.pull(at)? {
                merge.heads.push(Reverse((first, at)));
            }
        }
        Ok(merge)
    }

    /// The next entry of a source.
    fn pull(&mut self, at: usize) -> Result<Option<Entry>, Fault> {
        let source = &mut self.sources[at];
        if source.part.is_empty()
            && let Some(part) = segment_after(self.connection, source.run, source.began_with)?
        {
            source.began_with = part.first;
            let entries = read_entries(self.organisation, &part.entries)?;
            source.part.extend(entries.rev());
        }
        Ok(source.part.pop())
    }

    /// The next entry of all sources.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        let Some(mut top) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let Reverse((entry, at)) = *top;
        // The next entry of the same source replaces it and sinks to its position in the heap.
        let source = &mut self.sources[at];
        if let Some(next) = source.part.pop() {
            *top = Reverse((next, at));
        } else {
            std::collections::binary_heap::PeekMut::pop(top);
            if let Some(next) = self.pull(at)? {
                self.heads.push(Reverse((next, at)));
            }
        }
        self.given += 1;
        Ok(Some(entry))
    }

    /// The number of entries, if all were returned. `None` if some are missing: another process may have replaced and deleted
    /// the runs.
    pub(super) fn all(&self) -> Option<u64> {
        (self.given == self.expected).then_some(self.given)
    }
}

/// The first `fan_in` runs of the lowest tier that has that many. Empty if no tier has.
///
/// Tiers decrease from the first run to the last, so the runs of a tier are neighbours.
pub(super) fn neighbours(runs: &[Run], fan_in: usize) -> &[Run] {
    let tiers = runs.chunk_by(|left, right| left.tier == right.tier);
    let mut many = tiers.filter(|tier| tier.len() >= fan_in.max(2));
    many.next_back().map_or(&[], |tier| &tier[..fan_in.max(2)])
}
