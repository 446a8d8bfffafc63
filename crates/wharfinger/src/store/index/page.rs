//! A page of the index: neighbouring orders, sorted by key and packed.
//!
//! Each order is packed as: the number of bytes that its key shares with the previous key; the length and bytes of the rest of the
//! key; one byte with the state (lowest two bits) and flags (4: a later revision, 8: a number, 16: a change, 32: held, where the
//! state is that of a pending order); the content hash; the
//! difference of its id from the previous id; the revision; and the fields that the flags announce.

use std::ops::Range;

use wharfinger_core::decide::admit::Existing;
use wharfinger_core::order::outcome::State;

use crate::store::format::entry_addr::EntryAddr;
use crate::store::format::varint::{
    Damage, read_bytes, read_count, read_number, read_signed, write_number, write_signed,
};
use crate::store::journal::state_counts::state_number;

/// Orders in a full page. Larger pages make writes of single orders slower, smaller pages those of batches.
pub(crate) const ORDERS_MAX: usize = 32;
/// A page with this many bytes of keys is full.
const KEY_BYTES_MAX: usize = 2 << 10;

const HASH_BYTES: usize = 16;
const HAS_LATER: u8 = 4;
const HAS_NUMBER: u8 = 8;
const HAS_CHANGE: u8 = 16;
const IS_HELD: u8 = 32;
const STATE: u8 = 3;

/// The index entry of an order, without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderRow {
    /// The address of its first revision. This is the order's identity.
    pub id: EntryAddr,
    /// The address of its latest revision.
    pub latest: EntryAddr,
    /// Its state.
    pub state: State,
    /// The number of its latest revision.
    pub revision: u32,
    /// The content hash of its latest revision.
    pub hash: u128,
    /// Its order number, if it has one.
    pub number: Option<u64>,
    /// The address of its latest change that is not a revision, if there was one.
    pub changed: Option<EntryAddr>,
}

impl OrderRow {
    /// A new order, at revision 1.
    pub(crate) fn new(id: EntryAddr, state: State, hash: u128, number: Option<u64>) -> Self {
        Self {
            id,
            latest: id,
            state,
            revision: 1,
            hash,
            number,
            changed: None,
        }
    }

    /// The order's state and hash, as a decision needs them.
    pub(crate) fn existing(&self) -> Existing {
        Existing {
            state: self.state,
            hash: self.hash,
        }
    }

    /// The address of its latest change, whether of content or of state.
    pub(crate) fn last_change(&self) -> EntryAddr {
        self.changed
            .map_or(self.latest, |changed| changed.max(self.latest))
    }
}

/// Neighbouring orders, sorted by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// The bytes of the keys, in no particular order.
    bytes: Vec<u8>,
    orders: Vec<(Range<usize>, OrderRow)>,
}

impl Page {
    /// The number of orders.
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether the page should take no more orders.
    pub(crate) fn is_full(&self) -> bool {
        self.orders.len() >= ORDERS_MAX || self.bytes.len() >= KEY_BYTES_MAX
    }

    /// The orders with their keys, sorted by key.
    pub(crate) fn orders(&self) -> impl DoubleEndedIterator<Item = (&[u8], &OrderRow)> {
        let orders = self.orders.iter();
        orders.map(|(key, order)| (&self.bytes[key.clone()], order))
    }

    /// The first key.
    pub(crate) fn first_key(&self) -> Option<&[u8]> {
        self.orders().next().map(|(key, _)| key)
    }

    /// The last key.
    pub(crate) fn last_key(&self) -> Option<&[u8]> {
        self.orders().next_back().map(|(key, _)| key)
    }

    /// The position of a key: `Ok` if the page has it, `Err` with the insertion point if not.
    pub(crate) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        // Keys usually count up.
        if self.last_key().is_none_or(|last| last < key) {
            return Err(self.orders.len());
        }
        let orders = &self.orders;
        orders.binary_search_by(|(range, _)| self.bytes[range.clone()].cmp(key))
    }

    /// The order with this key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&OrderRow> {
        let at = self.find(key).ok()?;
        self.orders.get(at).map(|(_, order)| order)
    }

    /// Like [`Self::get`], but mutable.
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut OrderRow> {
        let at = self.find(key).ok()?;
        self.orders.get_mut(at).map(|(_, order)| order)
    }

    /// Inserts an order at the insertion point that [`Self::find`] returned for its key.
    pub(crate) fn insert(&mut self, at: usize, key: &[u8], order: OrderRow) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.orders.insert(at, (start..self.bytes.len(), order));
    }

    /// Removes and returns the order with this key.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<OrderRow> {
        let at = self.find(key).ok()?;
        Some(self.orders.remove(at).1)
    }

    /// Removes the orders from position `at` on and returns them as a page.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let Self { bytes, mut orders } = std::mem::take(self);
        let behind = orders.split_off(at);
        let with_keys = |orders: Vec<(Range<usize>, OrderRow)>| {
            let mut page = Self::default();
            for (key, order) in orders {
                page.insert(page.len(), &bytes[key], order);
            }
            page
        };
        *self = with_keys(orders);
        with_keys(behind)
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + self.orders.len() * (HASH_BYTES + 12));
        let mut last: (&[u8], EntryAddr) = (&[], EntryAddr(0));
        for (key, order) in self.orders() {
            let shared = shared_bytes(last.0, key);
            let rest = &key[shared..];
            write_number(&mut out, shared as u64);
            write_number(&mut out, rest.len() as u64);
            out.extend_from_slice(rest);
            encode_order(&mut out, order, last.1);
            last = (key, order.id);
        }
        out
    }

    /// Decodes the result of [`Self::encode`].
    pub(crate) fn decode(mut packed: &[u8]) -> Result<Self, Damage> {
        let mut page = Self {
            bytes: Vec::with_capacity(KEY_BYTES_MAX),
            orders: Vec::with_capacity(ORDERS_MAX),
        };
        let mut last = 0..0;
        let mut id = EntryAddr(0);
        while !packed.is_empty() {
            let shared = read_count(&mut packed)?;
            let rest = read_count(&mut packed)?;
            let rest = read_bytes(&mut packed, rest)?;
            if shared > last.len() {
                return Err(Damage("a key of an index page has no prefix"));
            }
            let start = page.bytes.len();
            page.bytes
                .extend_from_within(last.start..last.start + shared);
            page.bytes.extend_from_slice(rest);
            let key = start..page.bytes.len();
            if !page.orders.is_empty() && page.bytes[last] >= page.bytes[key.clone()] {
                return Err(Damage("the keys of an index page are not in order"));
            }
            let order = decode_order(&mut packed, id)?;
            id = order.id;
            page.orders.push((key.clone(), order));
            last = key;
        }
        Ok(page)
    }
}

/// The length of the common prefix of two keys. Compares eight bytes at a time.
fn shared_bytes(one: &[u8], other: &[u8]) -> usize {
    let words = one.chunks_exact(8).zip(other.chunks_exact(8));
    let words = 8 * words.take_while(|(one, other)| one == other).count();
    let rest = one[words..].iter().zip(&other[words..]);
    words + rest.take_while(|(one, other)| one == other).count()
}

/// The stored form of one order.
pub(crate) fn encode_alone(order: &OrderRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(HASH_BYTES + 16);
    encode_order(&mut out, order, EntryAddr(0));
    out
}

/// Decodes the result of [`encode_alone`].
pub(crate) fn decode_alone(mut bytes: &[u8]) -> Result<OrderRow, Damage> {
    decode_order(&mut bytes, EntryAddr(0))
}

fn encode_order(out: &mut Vec<u8>, order: &OrderRow, before: EntryAddr) {
    let later = Some(order.latest).filter(|latest| *latest != order.id);
    let mut head = match order.state {
        State::Held => state_number(State::Pending) | IS_HELD,
        state @ (State::Draft | State::Pending | State::Processed | State::Cancelled) => {
            state_number(state)
        }
    };
    for (is_there, bit) in [
        (later.is_some(), HAS_LATER),
        (order.number.is_some(), HAS_NUMBER),
        (order.changed.is_some(), HAS_CHANGE),
    ] {
        head |= if is_there { bit } else { 0 };
    }
    out.push(head);
    out.extend_from_slice(&order.hash.to_be_bytes());
    write_signed(out, order.id.0.wrapping_sub(before.0));
    write_number(out, order.revision.into());
    if let Some(later) = later {
        write_signed(out, later.0.wrapping_sub(order.id.0));
    }
    if let Some(number) = order.number {
        write_number(out, number);
    }
    if let Some(changed) = order.changed {
        write_signed(out, changed.0.wrapping_sub(order.id.0));
    }
}

fn decode_order(bytes: &mut &[u8], before: EntryAddr) -> Result<OrderRow, Damage> {
    const BROKEN: Damage = Damage("an entry of an index page is not an order");
    let (&head, rest) = bytes.split_first().ok_or(BROKEN)?;
    *bytes = rest;
    let state = state_of(head).ok_or(BROKEN)?;
    let hash: [u8; HASH_BYTES] = read_bytes(bytes, HASH_BYTES)?
        .try_into()
        .map_err(|_| BROKEN)?;
    let id = EntryAddr(before.0.wrapping_add(read_signed(bytes)?));
    let revision = u32::try_from(read_number(bytes)?).map_err(|_| BROKEN)?;
    let addr = |bytes: &mut &[u8], bit: u8| -> Result<Option<EntryAddr>, Damage> {
        if head & bit == 0 {
            return Ok(None);
        }
        Ok(Some(EntryAddr(id.0.wrapping_add(read_signed(bytes)?))))
    };
    let later = addr(bytes, HAS_LATER)?;
    let number = if head & HAS_NUMBER == 0 {
        None
    } else {
        Some(read_number(bytes)?)
    };
    Ok(OrderRow {
        id,
        latest: later.unwrap_or(id),
        state,
        revision,
        hash: u128::from_be_bytes(hash),
        number,
        changed: addr(bytes, HAS_CHANGE)?,
    })
}

fn state_of(head: u8) -> Option<State> {
    let number = head & STATE;
    let state = State::ALL
        .into_iter()
        .find(|state| state_number(*state) == number)?;
    match (head & IS_HELD, state) {
        (0, state) => Some(state),
        (_, State::Pending) => Some(State::Held),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn row() -> impl Strategy<Value = OrderRow> {
        let places = (any::<i64>(), any::<Option<i64>>(), any::<Option<i64>>());
        let rest = (
            0..5_usize,
            any::<u32>(),
            any::<u128>(),
            any::<Option<u64>>(),
        );
        (places, rest).prop_map(|((id, latest, changed), (state, revision, hash, number))| {
            let id = EntryAddr(id);
            OrderRow {
                id,
                latest: latest.map_or(id, EntryAddr),
                state: State::ALL[state],
                revision,
                hash,
                number,
                changed: changed.map(EntryAddr),
            }
        })
    }

    fn fill(orders: &BTreeMap<String, OrderRow>) -> Page {
        let mut page = Page::default();
        // From last to first, so that each is inserted at the front.
        for (key, order) in orders.iter().rev() {
            let at = page.find(key.as_bytes()).expect_err("it is not there");
            page.insert(at, key.as_bytes(), *order);
        }
        page
    }

    fn content(page: &Page) -> Vec<(Vec<u8>, OrderRow)> {
        let orders = page.orders();
        orders
            .map(|(key, order)| (key.to_owned(), *order))
            .collect()
    }

    proptest! {
        #[test]
        fn a_leaf_comes_back(orders in prop::collection::btree_map("[ab\u{0}é]{0,6}", row(), 0..40), cut in 0..40_usize) {
            let mut page = fill(&orders);
            let all = orders.iter().map(|(key, order)| (key.as_bytes().to_owned(), *order));
            let all: Vec<_> = all.collect();
            prop_assert_eq!(content(&page), all.clone());
            prop_assert_eq!(content(&Page::decode(&page.encode())?), all.clone());
            for (key, order) in &all {
                prop_assert_eq!(page.get(key), Some(order));
            }
            let cut = cut.min(page.len());
            let behind = page.split_off(cut);
            prop_assert_eq!(content(&page), &all[..cut]);
            prop_assert_eq!(content(&behind), &all[cut..]);
            for (key, _) in &all {
                prop_assert_eq!(page.remove(key).is_some(), page.get(key).is_none() && behind.get(key).is_none());
            }
            prop_assert_eq!(page.len(), 0);
        }

        #[test]
        fn damaged_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = Page::decode(&bytes);
        }
    }

    impl From<Damage> for TestCaseError {
        fn from(damage: Damage) -> Self {
            Self::fail(damage.0)
        }
    }
}
