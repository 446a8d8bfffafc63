//! A sorted run: changes of one or more transactions, sorted by key. It never changes.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::store::format::varint::{Damage, read_bytes, read_count, write_number};

/// What a change leaves under its key: a value, or nothing.
pub(crate) type Value<'v> = Option<&'v [u8]>;

/// The rows of the log as they are stored: entries one after the other, each a key with its length, and its value with its length
/// plus one; 0 stands for nothing.
pub(super) fn encode<'e>(
    entries: impl IntoIterator<Item = (&'e [u8], Value<'e>)>,
    out: &mut Vec<u8>,
) {
    for (key, value) in entries {
        write_number(out, key.len() as u64);
        out.extend_from_slice(key);
        match value {
            None => write_number(out, 0),
            Some(value) => {
                write_number(out, value.len() as u64 + 1);
                out.extend_from_slice(value);
            }
        }
    }
}

/// Reads an entry, and advances `bytes`.
pub(super) fn decode<'b>(bytes: &mut &'b [u8]) -> Result<(&'b [u8], Value<'b>), Damage> {
    let length = read_count(bytes)?;
    let key = read_bytes(bytes, length)?;
    let value = match read_count(bytes)? {
        0 => None,
        length => Some(read_bytes(bytes, length - 1)?),
    };
    Ok((key, value))
}

/// The first bytes of a key as a number, with zeros behind a shorter key. If that of a key is less, the key comes first.
pub(super) fn begins(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = key.len().min(bytes.len());
    bytes[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(bytes)
}

/// The hash by which runs find a key.
pub(super) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Where an entry is.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    hash: u64,
    /// The first bytes of the key, as a number. They nearly always tell which of two keys comes first, and the rest need not be read.
    begins: u128,
    /// The number of the row, and the position in it.
    row: u32,
    at: u32,
}

impl Entry {
    /// An entry of the first row.
    pub(super) fn new(key: &[u8], at: usize) -> Self {
        Self {
            hash: hash(key),
            begins: begins(key),
            row: 0,
            at: at as u32,
        }
    }

    /// The same entry at another position of the first row.
    pub(super) fn moved(self, at: usize) -> Self {
        let at = at as u32;
        Self { at, ..self }
    }

    /// The order of two entries by their keys.
    pub(super) fn cmp_keys<'k>(
        &self,
        other: &Self,
        key: impl FnOnce() -> &'k [u8],
        of_other: impl FnOnce() -> &'k [u8],
    ) -> Ordering {
        let begins = self.begins.cmp(&other.begins);
        begins.then_with(|| key().cmp(of_other()))
    }

    /// The first bytes of its key, as a number.
    pub(super) fn begins(&self) -> u128 {
        self.begins
    }

    /// The hash of its key.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// The position in its row.
    pub(super) fn at(&self) -> usize {
        self.at as usize
    }
}

/// A hash table: the number of an entry plus one, or 0. The number of places is a power of two, or zero.
#[derive(Default)]
pub(super) struct Places(Vec<u32>);

impl Places {
    /// The places of all these entries.
    fn of(entries: &[Entry]) -> Self {
        let mut places = Self(vec![0; (2 * entries.len()).next_power_of_two()]);
        for (at, entry) in entries.iter().enumerate() {
            places.take(at, entry.hash);
        }
        places
    }

    fn take(&mut self, at: usize, hash: u64) {
        let mask = self.0.len() - 1;
        let mut place = hash as usize & mask;
        while self.0[place] != 0 {
            place = (place + 1) & mask;
        }
        self.0[place] = at as u32 + 1;
    }

    /// Adds the last of these entries. The others have places.
    pub(super) fn add(&mut self, entries: &[Entry]) {
        if 2 * entries.len() > self.0.len() {
            // Twice as many as are needed now.
            self.0.clear();
            self.0.resize((4 * entries.len()).next_power_of_two(), 0);
            for (at, entry) in entries.iter().enumerate() {
                self.take(at, entry.hash);
            }
        } else if let Some(entry) = entries.last() {
            self.take(entries.len() - 1, entry.hash);
        }
    }

    /// The position of the entry with this hash for which `is_meant` holds.
    pub(super) fn find(&self, hash: u64, is_meant: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.0.len().checked_sub(1)?;
        let mut place = hash as usize & mask;
        loop {
            let at = self.0[place].checked_sub(1)? as usize;
            if is_meant(at) {
                return Some(at);
            }
            place = (place + 1) & mask;
        }
    }

    /// Forgets all entries. Keeps memory for this many places at most.
    pub(super) fn clear(&mut self, kept: usize) {
        self.0.clear();
        self.0.shrink_to(kept);
    }
}

/// The changes of a transaction in the form of a row of the log, sorted by key.
pub(super) struct Sorted {
    /// The row.
    pub bytes: Vec<u8>,
    /// Where each change is.
    pub entries: Vec<Entry>,
}

/// A sorted run.
pub(crate) struct Run {
    /// The numbers of the rows of the log that it has.
    numbers: RangeInclusive<i64>,
    /// The bytes of these rows.
    rows: Vec<Arc<Vec<u8>>>,
    /// How many.
    bytes: usize,
    /// The latest entry of each key, sorted by key.
    entries: Vec<Entry>,
    places: Places,
}

impl Run {
    /// The run of one row of the log, which a transaction has added.
    pub(super) fn of_sorted(number: i64, Sorted { bytes, entries }: Sorted) -> Self {
        let length = bytes.len();
        Self::of(number..=number, (vec![Arc::new(bytes)], length), entries)
    }

    /// The run of one row of the log, as it was read.
    pub(super) fn of_row(number: i64, bytes: Vec<u8>) -> Result<Self, Damage> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Damage("a row of recent changes is too long"));
        }
        let mut entries = Vec::new();
        let mut rest = &bytes[..];
        let mut last: Option<&[u8]> = None;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let (key, _) = decode(&mut rest)?;
            if last.is_some_and(|last| last >= key) {
                return Err(Damage("recent changes are not in order"));
            }
            last = Some(key);
            entries.push(Entry::new(key, at));
        }
        Ok(Self::of_sorted(number, Sorted { bytes, entries }))
    }

    fn of(
        numbers: RangeInclusive<i64>,
        (rows, bytes): (Vec<Arc<Vec<u8>>>, usize),
        entries: Vec<Entry>,
    ) -> Self {
        Self {
            numbers,
            rows,
            bytes,
            places: Places::of(&entries),
            entries,
        }
    }

    /// One run of two: of `self`, and of a run of later rows.
    pub(super) fn merge(&self, later: &Self) -> Self {
        let mut rows = self.rows.clone();
        let shift = rows.len() as u32;
        rows.extend(later.rows.iter().cloned());
        let mut entries = Vec::with_capacity(self.entries.len() + later.entries.len());
        let mut left = 0;
        for (right, of_later) in later.entries.iter().enumerate() {
            while let Some(earlier) = self.entries.get(left) {
                let order = earlier.cmp_keys(of_later, || self.key(left), || later.key(right));
                if order == Ordering::Less {
                    entries.push(*earlier);
                }
                if order == Ordering::Greater {
                    break;
                }
                left += 1;
            }
            let row = of_later.row + shift;
            entries.push(Entry { row, ..*of_later });
        }
        entries.extend_from_slice(&self.entries[left..]);
        let rows = (rows, self.bytes + later.bytes);
        Self::of(*self.numbers.start()..=*later.numbers.end(), rows, entries)
    }

    /// The numbers of the rows of the log that it has.
    pub(super) fn numbers(&self) -> &RangeInclusive<i64> {
        &self.numbers
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of the rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it has under a key whose hash is known. `None` if it has nothing to say about the key.
    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<Value<'_>> {
        let is_meant = |at: usize| self.entries[at].hash == hash && self.key(at) == key;
        let at = self.places.find(hash, is_meant)?;
        Some(self.entry(at).1)
    }

    /// The entry at a position in the order of keys.
    pub(super) fn entry(&self, at: usize) -> (&[u8], Value<'_>) {
        let entry = self.entries[at];
        let mut bytes = &self.rows[entry.row as usize][entry.at as usize..];
        // The row was decoded when the run was made.
        decode(&mut bytes).unwrap_or((&[], None))
    }

    fn key(&self, at: usize) -> &[u8] {
        self.entry(at).0
    }

    /// The position of the first key that is not before `key`.
    pub(super) fn position(&self, key: &[u8]) -> usize {
        let begins = begins(key);
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let order = self.entries[middle].begins.cmp(&begins);
            if order.then_with(|| self.key(middle).cmp(key)) == Ordering::Less {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
