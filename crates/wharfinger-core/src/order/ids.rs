//! Identifiers as newtypes, so that a batch is never mistaken for an order, or one tenant for another.

use std::fmt;

use uuid::Uuid;

/// The low bits of a batch's UUID, which are zero. In an order's UUID they hold its position.
const PLACE_BITS: u32 = 32;

/// Positions from here on belong to sub-orders.
const PARTS_FROM: u32 = 1 << 31;
/// The bits that number the entries of the sub-orders of one order.
const PART_BITS: u32 = 11;

/// The position in a batch of an entry of the sub-orders of an order. `entry` counts from 0.
///
/// These positions follow those of all orders, in batch order. Returns `None` if the numbers do not fit, for example
/// for orders after about the millionth of a batch.
#[must_use]
pub fn sub_order_index(index: u32, entry: usize) -> Option<u32> {
    let entry = u32::try_from(entry).ok()?;
    let has_room = index < 1 << (31 - PART_BITS) && entry < (1 << PART_BITS) - 1;
    has_room.then_some(PARTS_FROM | index << PART_BITS | entry)
}

/// Whether a position in a batch belongs to a sub-order.
#[must_use]
pub fn is_sub_order(index: u32) -> bool {
    index >= PARTS_FROM
}

/// The store's number for an organisation. Never shown to clients, which use its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganisationId(pub u32);

/// A batch id: a UUID version 7 whose low 32 bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(Uuid);

/// An order id: the batch's UUID with the order's position in the batch, from 1, in the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(Uuid);

/// The id of an event in an organisation's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

impl BatchId {
    /// Creates an id from the time, in milliseconds since 1970, and at least 42 random bits.
    #[must_use]
    pub fn new(unix_ms: u64, random: u64) -> Self {
        let mut tail = [0_u8; 10];
        tail[..8].copy_from_slice(&random.to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(unix_ms, &tail).into_uuid();
        Self(Uuid::from_u128(id.as_u128() >> PLACE_BITS << PLACE_BITS))
    }

    /// Reads an id from the 16 bytes of [`Self::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id as 16 bytes, which sort by time.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of the order at position `index`, from 0, of this batch.
    #[must_use]
    pub fn order(self, index: u32) -> OrderId {
        OrderId(Uuid::from_u128(self.0.as_u128() | (u128::from(index) + 1)))
    }
}

impl OrderId {
    /// Reads an id from its 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id as 16 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The order's position in its batch, from 0. `None` if no order can have this id.
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

/// The bits of an event id that hold the position. The organisation's number is above them.
const POSITION_BITS: u32 = 53;
/// The bits of a UUID version 7 after the variant field.
const TAIL_BITS: u32 = 62;

impl EventId {
    /// The id of the event at a position of an organisation's feed. It never changes.
    ///
    /// It is a UUID version 7 whose random bits are the organisation's number and the position.
    #[must_use]
    pub fn new(unix_ms: u64, organisation: OrganisationId, position: u64) -> Self {
        let bits = u128::from(organisation.0) << POSITION_BITS | u128::from(position);
        let mut tail = [0; 10];
        // Layout: four bits that are overwritten, twelve bits, two that are overwritten, and the rest.
        let head = u16::try_from(bits >> TAIL_BITS & 0xfff).unwrap_or_default();
        let rest = u64::try_from(bits & ((1 << TAIL_BITS) - 1)).unwrap_or_default();
        tail[..2].copy_from_slice(&head.to_be_bytes());
        tail[2..].copy_from_slice(&rest.to_be_bytes());
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &tail).into_uuid())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
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

    #[test]
    fn parts_have_places_of_their_own_in_the_order_of_the_batch() {
        let orders = [0, 1, (1 << 20) - 1];
        let of = |index| [0, 1, 2046].map(|entry| sub_order_index(index, entry).unwrap());
        let places: Vec<u32> = orders.into_iter().flat_map(of).collect();
        assert!(places.is_sorted_by(|left, right| left < right));
        assert!(places.iter().all(|&place| is_sub_order(place)));
        let last = BatchId::new(0, 0).order(places[8]);
        assert_eq!(last.index(), Some(places[8]));
        assert_eq!(sub_order_index(1 << 20, 0), None);
        assert_eq!(sub_order_index(0, 2047), None);
        assert!(!is_sub_order(49_999));
    }

    #[test]
    fn an_event_has_an_id_of_its_own() {
        let organisations = [1, 2, (1 << 21) - 1].map(OrganisationId);
        let mut ids = std::collections::HashSet::new();
        for organisation in organisations {
            for position in [1, 2, 1 << 32, (1 << POSITION_BITS) - 1] {
                let id = EventId::new(1_700_000_000_000, organisation, position);
                assert_eq!(id.0.get_version_num(), 7);
                assert_eq!(
                    id.0.get_timestamp().map(|at| at.to_unix().0),
                    Some(1_700_000_000)
                );
                assert!(ids.insert(id));
            }
        }
        assert_eq!(ids.len(), 12);
    }
}
