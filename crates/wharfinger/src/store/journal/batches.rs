//! Which batch each entry of a block came from. A large batch has blocks of its own; small batches of one transaction share one.

use wharfinger_core::ids::BatchId;

use crate::store::format::entry_addr::ENTRIES_MAX;
use crate::store::format::varint::{Damage, read_bytes, read_count, write_number};

/// Bytes of a batch's id.
const ID_BYTES: usize = 16;

/// The batches that a block has, in the order of its entries; none in a block of moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batches(Vec<OfBatch>);

/// What a block has of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfBatch {
    /// The batch.
    pub id: BatchId,
    /// The ordinal of its first entry.
    pub start: usize,
    /// The ordinal behind its last entry: it may have none, where nothing of it was taken.
    pub end: usize,
    /// Whether this is its first block in the organisation, which also stands for its being received.
    pub is_first: bool,
}

impl Batches {
    /// A block of one batch.
    pub(crate) fn one(id: BatchId, entries: usize, is_first: bool) -> Self {
        let mut batches = Self::default();
        batches.push(id, entries, is_first);
        batches
    }

    /// Adds a batch, with the entries that follow.
    pub(crate) fn push(&mut self, id: BatchId, entries: usize, is_first: bool) {
        let start = self.entries();
        self.0.push(OfBatch {
            id,
            start,
            end: start + entries,
            is_first,
        });
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &OfBatch> {
        self.0.iter()
    }

    /// How many entries they have.
    pub(crate) fn entries(&self) -> usize {
        self.0.last().map_or(0, |last| last.end)
    }

    /// How many of them are received with this block.
    pub(crate) fn received(&self) -> usize {
        self.iter().filter(|of| of.is_first).count()
    }

    /// The batch that an entry came with.
    pub(crate) fn of(&self, ordinal: usize) -> Option<BatchId> {
        let at = self.0.partition_point(|of| of.end <= ordinal);
        Some(self.0.get(at)?.id)
    }

    /// What the block has of a batch.
    pub(crate) fn get(&self, batch: BatchId) -> Option<&OfBatch> {
        self.iter().find(|of| of.id == batch)
    }

    /// As it is stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() * (ID_BYTES + 3));
        for of in self.iter() {
            out.extend_from_slice(&of.id.to_bytes());
            write_number(&mut out, (of.end - of.start) as u64);
            out.push(u8::from(of.is_first));
        }
        out
    }

    /// Undoes [`Self::encode`].
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
