//! Identifiers: plain newtypes, so that a batch is never taken for an order or one tenant for another.

use std::fmt;

use uuid::Uuid;

/// Bits of a batch's UUID that are kept zero, so that the place of an order fits there.
const PLACE_BITS: u32 = 32;

/// The store's own number of an organisation. Never shown to clients, who know its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganisationId(pub u32);

/// A batch: a UUID version 7 whose low 32 bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(Uuid);

/// An order: its batch's UUID with the order's place in that batch (from 1) in the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(Uuid);

impl BatchId {
    /// Makes an id from the time in milliseconds since 1970 and 42 or more random bits.
    #[must_use]
    pub fn new(unix_ms: u64, random: u64) -> Self {
        let mut tail = [0_u8; 10];
        tail[..8].copy_from_slice(&random.to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(unix_ms, &tail).into_uuid();
        Self(Uuid::from_u128(id.as_u128() >> PLACE_BITS << PLACE_BITS))
    }

    /// Reads an id back from the 16 bytes of [`Self::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id as 16 bytes, which sort by time.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of the order at `index` (from 0) of this batch.
    #[must_use]
    pub fn order(self, index: u32) -> OrderId {
        OrderId(Uuid::from_u128(self.0.as_u128() | (u128::from(index) + 1)))
    }
}

impl OrderId {
    /// Reads an id back from its 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The order's place in its batch, from 0; none where no order can have this id.
    #[must_use]
    pub fn index(self) -> Option<u32> {
        let [.., a, b, c, d] = self.0.into_bytes();
        u32::from_be_bytes([a, b, c, d]).checked_sub(1)
    }

    /// The batch that the order was first accepted in.
    #[must_use]
    pub fn batch(self) -> BatchId {
        BatchId(Uuid::from_u128(
            self.0.as_u128() >> PLACE_BITS << PLACE_BITS,
        ))
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_leads_back_to_its_batch() {
        let batch = BatchId::new(1_700_000_000_000, u64::MAX);
        let order = batch.order(49_999);
        assert_eq!((order.batch(), order.index()), (batch, Some(49_999)));
        assert_eq!(OrderId::from_bytes(batch.to_bytes()).index(), None);
        assert_ne!(batch.order(0).to_string(), batch.to_string());
        assert_eq!(batch.0.get_version_num(), 7);
        assert_eq!(BatchId::from_bytes(batch.to_bytes()), batch);
    }
}
