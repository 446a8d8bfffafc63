//! Entry addresses: organisation, block and ordinal in one 64-bit number. Addresses sort in commit order.

use wharfinger_core::ids::OrganisationId;

/// Bits of an ordinal: a block holds at most this power of two of entries.
const ORDINAL_BITS: u32 = 10;
/// Bits of a block's number within its organisation.
const BLOCK_BITS: u32 = 32;
/// Organisations there can be; with the rest, a place is positive in 64 bits.
pub(crate) const ORGANISATIONS_MAX: u32 = 1 << 21;
/// Entries of a block.
pub(crate) const ENTRIES_MAX: usize = 1 << ORDINAL_BITS;

/// An entry of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryAddr(pub i64);

impl EntryAddr {
    /// The block it lies in.
    pub(crate) fn block(self) -> BlockId {
        BlockId(self.0 >> ORDINAL_BITS)
    }

    /// Where in its block it lies.
    pub(crate) fn ordinal(self) -> usize {
        usize::try_from(self.0).unwrap_or_default() & (ENTRIES_MAX - 1)
    }
}

/// A block of the journal: its organisation and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub i64);

impl BlockId {
    /// The block of this number; they begin at 1 in each organisation.
    pub(crate) fn new(organisation: OrganisationId, number: u32) -> Self {
        Self(i64::from(organisation.0) << BLOCK_BITS | i64::from(number))
    }

    /// Its number within the organisation.
    pub(crate) fn number(self) -> u32 {
        u32::try_from(self.0 & i64::from(u32::MAX)).unwrap_or_default()
    }

    /// Whose it is.
    pub(crate) fn organisation(self) -> OrganisationId {
        OrganisationId(u32::try_from(self.0 >> BLOCK_BITS).unwrap_or_default())
    }

    /// One of its entries.
    pub(crate) fn entry(self, ordinal: usize) -> EntryAddr {
        debug_assert!(ordinal < ENTRIES_MAX);
        let ordinal = i64::try_from(ordinal).unwrap_or_default();
        EntryAddr(self.0 << ORDINAL_BITS | ordinal)
    }

    /// The block that is `count` blocks further on.
    pub(crate) fn plus(self, count: usize) -> Self {
        Self(self.0 + i64::try_from(count).unwrap_or_default())
    }
}
