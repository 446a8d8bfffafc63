//! Which batch each entry of a block came from. A large batch has blocks of its own; small batches of one transaction share one.

use wharfinger_core::order::ids::BatchId;

use crate::store::format::entry_addr::ENTRIES_MAX;
use crate::store::format::varint::{Damage, read_bytes, read_count, write_number};

/// Bytes of a batch id.
const ID_BYTES: usize = 16;

/// The batches of a block, in the order of their entries. Empty in a block of transitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batches(Vec<OfBatch>);

/// The entries that a block holds of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfBatch {
    /// The batch.
    pub id: BatchId,
    /// The ordinal of the first entry.
    pub start: usize,
    /// The ordinal after the last entry. Equals `start` if the block holds no entry of the batch.
    pub end: usize,
    /// Whether this is the first block of the batch in the organisation. That block also counts as the event that the batch was
    /// received.
    pub is_first: bool,
}

impl Batches {
    /// A block of one batch.
    pub(crate) fn one(id: BatchId, entries: usize, is_first: bool) -> Self {
        let mut batches = Self::default();
        batches.push(id, entries, is_first);
        batches
    }

    /// Appends a batch with its number of entries.
    pub(crate) fn push(&mut self, id: BatchId, entries: usize, is_first: bool) {
        let start = self.entries();
        self.0.push(OfBatch {
            id,
            start,
            end: start + entries,
            is_first,
        });
    }

    /// All batches, in the order of their entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &OfBatch> {
        self.0.iter()
    }

    /// The number of entries of all batches.
    pub(crate) fn entries(&self) -> usize {
        self.0.last().map_or(0, |last| last.end)
    }

    /// The number of batches whose first block this is.
    pub(crate) fn received(&self) -> usize {
        self.iter().filter(|of| of.is_first).count()
    }

    /// The batch of an entry. `None` if the ordinal is out of range.
    pub(crate) fn of(&self, ordinal: usize) -> Option<BatchId> {
        let at = self.0.partition_point(|of| of.end <= ordinal);
        Some(self.0.get(at)?.id)
    }

    /// The entries that the block holds of a batch.
    pub(crate) fn get(&self, batch: BatchId) -> Option<&OfBatch> {
        self.iter().find(|of| of.id == batch)
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() * (ID_BYTES + 3));
        for of in self.iter() {
            out.extend_from_slice(&of.id.to_bytes());
            write_number(&mut out, (of.end - of.start) as u64);
            out.push(u8::from(of.is_first));
        }
        out
    }

    /// Decodes the result of [`Self::encode`].
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Damage> {
        const BROKEN: Damage = Damage("the batches of a block are out of range");
        let mut batches = Self::default();
        while !bytes.is_empty() {
            let id = read_bytes(&mut bytes, ID_BYTES)?;
            let entries = read_count(&mut bytes)?;
            if entries > ENTRIES_MAX - batches.entries() {
                return Err(BROKEN);
            }
            let id = BatchId::from_bytes(id.try_into().map_err(|_| BROKEN)?);
            let is_first = read_bytes(&mut bytes, 1)? == [1];
            batches.push(id, entries, is_first);
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_come_back_and_are_found(
            of in prop::collection::vec((any::<u64>(), 0_usize..5, any::<bool>()), 0..40)
        ) {
            let mut batches = Batches::default();
            let mut each = Vec::new();
            for &(at_ms, entries, is_first) in &of {
                let id = BatchId::new(at_ms >> 16, 0);
                batches.push(id, entries, is_first);
                each.extend(std::iter::repeat_n(id, entries));
            }
            prop_assert_eq!(Batches::decode(&batches.encode()), Ok(batches.clone()));
            prop_assert_eq!(batches.entries(), each.len());
            for (ordinal, id) in each.iter().enumerate() {
                prop_assert_eq!(batches.of(ordinal), Some(*id));
            }
            prop_assert_eq!(batches.of(each.len()), None);
        }

        #[test]
        fn damaged_batches_do_no_harm(bytes: Vec<u8>) {
            let _ = Batches::decode(&bytes);
        }
    }
}
