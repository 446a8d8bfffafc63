//! The changes of a transaction, before its commit.
//!
//! They are written one behind the other, and found by their hashes. They are sorted only once, at the end: a tree would allocate
//! memory for each key, and a batch over 900 organisations changes some thousand.

use super::run::{Entry, Places, Sorted, Value, begins, decode, encode, hash};

/// Bytes of memory that each of the three parts keeps for the next transaction, at most.
const KEPT: usize = 1 << 20;
/// Bytes of the changes of a transaction, at most. A row of the log cannot have more.
const BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 1 << 30 };
/// Bytes that the lengths of a key and a value take, at most.
const LENGTHS_MAX: usize = 20;

/// The changes of a transaction.
#[derive(Default)]
pub(super) struct Pending {
    /// Entries as a row of the log has them, in the order in which they came. Some were replaced by later ones.
    bytes: Vec<u8>,
    /// The latest entry of each key, in no order.
    entries: Vec<Entry>,
    places: Places,
}

/// A transaction changes more than a row of the log may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

impl Pending {
    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Drops all changes.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.entries.clear();
        self.entries.shrink_to(KEPT / size_of::<Entry>());
        self.places.clear(KEPT / size_of::<u32>());
    }

    /// Changes what is under a key.
    pub(super) fn put(&mut self, key: &[u8], value: Value<'_>) -> Result<(), TooMuch> {
        let length = key.len() + value.map_or(0, <[u8]>::len) + LENGTHS_MAX;
        if self.bytes.len() + length > BYTES_MAX {
            return Err(TooMuch);
        }
        let entry = Entry::new(key, self.bytes.len());
        let known = self.find(key, entry.hash());
        encode([(key, value)], &mut self.bytes);
        match known {
            Some(at) => self.entries[at] = entry,
            None => {
                self.entries.push(entry);
                self.places.add(&self.entries);
            }
        }
        Ok(())
    }

    /// What was put under a key. `None` if nothing was.
    pub(super) fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        let at = self.find(key, hash(key))?;
        Some(self.entry(&self.entries[at]).1)
    }

    /// The position of the entry of a key.
    fn find(&self, key: &[u8], hash: u64) -> Option<usize> {
        let is_meant = |at: usize| {
            let entry = &self.entries[at];
            entry.hash() == hash && self.entry(entry).0 == key
        };
        self.places.find(hash, is_meant)
    }

    fn entry(&self, entry: &Entry) -> (&[u8], Value<'_>) {
        // It was encoded by this program, in this transaction.
        decode(&mut &self.bytes[entry.at()..]).unwrap_or_default()
    }

    /// The changes of a range of keys, in no order.
    fn between<'p>(
        &'p self,
        [from, to]: [&'p [u8]; 2],
    ) -> impl Iterator<Item = (&'p [u8], Value<'p>)> {
        let near = begins(from)..=begins(to);
        let near = move |entry: &&Entry| near.contains(&entry.begins());
        let entries = self.entries.iter().filter(near);
        let entries = entries.map(|entry| self.entry(entry));
        entries.filter(move |(key, _)| *key >= from && *key < to)
    }

    /// Copies of the changes of a range of keys, in the order of the keys.
    pub(super) fn range(&self, bounds: [&[u8]; 2]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let found = self.between(bounds);
        let found = found.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        let mut found = Vec::from_iter(found);
        found.sort_unstable();
        found
    }

    /// The greatest key of a range.
    pub(super) fn last_key<'p>(&'p self, bounds: [&'p [u8]; 2]) -> Option<&'p [u8]> {
        self.between(bounds).map(|(key, _)| key).max()
    }

    /// The changes, in the order of their keys. `None` if there are none.
    pub(super) fn sorted(&mut self) -> Option<Sorted> {
        if self.entries.is_empty() {
            return None;
        }
        let mut entries = std::mem::take(&mut self.entries);
        // Many come in the order of their keys, which this kind of sorting makes use of.
        entries.sort_by(|one, other| {
            one.cmp_keys(other, || self.entry(one).0, || self.entry(other).0)
        });
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for entry in &mut entries {
            let encoded = self.encoded(entry);
            *entry = entry.moved(bytes.len());
            bytes.extend_from_slice(encoded);
        }
        // Kept in memory, so no room is left over.
        bytes.shrink_to_fit();
        entries.shrink_to_fit();
        self.clear();
        Some(Sorted { bytes, entries })
    }

    fn encoded(&self, entry: &Entry) -> &[u8] {
        let from = &self.bytes[entry.at()..];
        let mut rest = from;
        let length = decode(&mut rest).map_or(0, |_| from.len() - rest.len());
        &from[..length]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::engine::memtable::run::Run;

    /// Keys of which many begin alike, some for more bytes than are compared first, and some end with zeros.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let begins = prop_oneof![Just(""), Just("i12.1."), Just("i12.1.WEB-0000000000")];
        let ends = prop::collection::vec(0..3_u8, 0..4);
        (begins, ends).prop_map(|(begins, ends)| [begins.as_bytes(), &ends].concat())
    }

    fn puts() -> impl Strategy<Value = BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
        let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..4));
        prop::collection::btree_map(key(), value, 0..60)
    }

    /// Puts some changes, and others after them.
    fn pending(changes: &[BTreeMap<Vec<u8>, Option<Vec<u8>>>]) -> Pending {
        let mut pending = Pending::default();
        for (key, value) in changes.iter().flatten() {
            let put = pending.put(key, value.as_deref());
            assert_eq!(put, Ok(()));
        }
        pending
    }

    proptest! {
        #[test]
        fn the_latest_change_of_each_key_is_found_and_sorted(
            changes in prop::collection::vec(puts(), 0..3),
            bounds in [key(), key()],
            other in key(),
        ) {
            let mut expected = BTreeMap::new();
            changes.iter().cloned().for_each(|some| expected.extend(some));
            let mut pending = pending(&changes);
            prop_assert_eq!(pending.len(), expected.len());
            for key in expected.keys().chain([&other]) {
                let found = pending.get(key).map(|value| value.map(<[u8]>::to_vec));
                prop_assert_eq!(found, expected.get(key).cloned());
            }
            let [from, to] = &bounds;
            let within = expected.iter().filter(|(key, _)| *key >= from && *key < to);
            let within = Vec::from_iter(within.map(|(key, value)| (key.clone(), value.clone())));
            let last = within.last().map(|(key, _)| key.as_slice());
            prop_assert_eq!(pending.last_key([from, to]), last);
            prop_assert_eq!(pending.range([from, to]), within);
            let Some(sorted) = pending.sorted() else {
                prop_assert!(expected.is_empty());
                return Ok(());
            };
            prop_assert_eq!((pending.len(), pending.get(&other)), (0, None));
            // What others read of the log is the same run.
            let read = Run::of_row(1, sorted.bytes.clone()).expect("it is in order");
            for run in [Run::of_sorted(1, sorted), read] {
                let entries = (0..run.len()).map(|at| run.entry(at));
                let entries = entries.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
                prop_assert_eq!(BTreeMap::from_iter(entries), expected.clone());
                for (key, value) in &expected {
                    let found = run.get(hash(key), key);
                    prop_assert_eq!(found, Some(value.as_deref()));
                }
                let behind = expected.keys().filter(|key| *key >= from).count();
                prop_assert_eq!(run.position(from), run.len() - behind);
            }
        }

        #[test]
        fn a_run_of_two_has_the_later_changes(earlier in puts(), later in puts()) {
            let run = |number, changes: &BTreeMap<_, _>| {
                let sorted = pending(std::slice::from_ref(changes)).sorted();
                sorted.map(|sorted| Run::of_sorted(number, sorted))
            };
            if let (Some(one), Some(other)) = (run(1, &earlier), run(2, &later)) {
                let both = one.merge(&other);
                let entries = (0..both.len()).map(|at| both.entry(at));
                let entries = entries.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
                let entries = Vec::from_iter(entries);
                let mut expected = earlier.clone();
                expected.extend(later.clone());
                prop_assert_eq!(entries, Vec::from_iter(expected));
            }
        }
    }

    #[test]
    fn a_transaction_may_not_make_more_changes_than_a_row_has_room_for() {
        let mut pending = Pending::default();
        let value = vec![0; BYTES_MAX / 2];
        assert_eq!(pending.put(b"a", Some(&value)), Ok(()));
        assert_eq!(pending.put(b"b", Some(&value)), Err(TooMuch));
        assert_eq!(pending.get(b"b"), None);
        assert_eq!(pending.len(), 1);
    }
}
