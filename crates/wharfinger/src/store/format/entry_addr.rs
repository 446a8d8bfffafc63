//! Entry addresses: organisation, block and ordinal in one 64-bit number. Addresses sort in commit order.

use wharfinger_core::order::ids::OrganisationId;

/// Bits of an ordinal. A block holds at most 2^10 entries.
const ORDINAL_BITS: u32 = 10;
/// Bits of a block's number within its organisation.
const BLOCK_BITS: u32 = 32;
/// The most organisations. An address is then positive in a signed 64-bit number.
pub(crate) const ORGANISATIONS_MAX: u32 = 1 << 21;
/// The most entries in a block.
pub(crate) const ENTRIES_MAX: usize = 1 << ORDINAL_BITS;

/// The address of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryAddr(pub i64);

impl EntryAddr {
    /// The block of the entry.
    pub(crate) fn block(self) -> BlockId {
        BlockId(self.0 >> ORDINAL_BITS)
    }

    /// The position of the entry in its block.
    pub(crate) fn ordinal(self) -> usize {
        usize::try_from(self.0).unwrap_or_default() & (ENTRIES_MAX - 1)
    }
}

/// The id of a block: its organisation, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub i64);

impl BlockId {
    /// The id of the block with this number. Numbers begin at 1 in each organisation.
    pub(crate) fn new(organisation: OrganisationId, number: u32) -> Self {
        Self(i64::from(organisation.0) << BLOCK_BITS | i64::from(number))
    }

    /// The block's number within the organisation.
    pub(crate) fn number(self) -> u32 {
        u32::try_from(self.0 & i64::from(u32::MAX)).unwrap_or_default()
    }

    /// The organisation of the block.
    pub(crate) fn organisation(self) -> OrganisationId {
        OrganisationId(u32::try_from(self.0 >> BLOCK_BITS).unwrap_or_default())
    }

    /// The address of one of the block's entries.
    pub(crate) fn entry(self, ordinal: usize) -> EntryAddr {
        debug_assert!(ordinal < ENTRIES_MAX);
        let ordinal = i64::try_from(ordinal).unwrap_or_default();
        EntryAddr(self.0 << ORDINAL_BITS | ordinal)
    }

    /// The id as bytes, which sort as the ids do.
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The id of the result of [`Self::to_bytes`]. `None` if it is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(i64::from_be_bytes).map(Self)
    }

    /// The block that is `count` blocks further on.
    pub(crate) fn plus(self, count: usize) -> Self {
        Self(self.0 + i64::try_from(count).unwrap_or_default())
    }
}
