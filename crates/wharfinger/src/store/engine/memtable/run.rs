//! A sorted run: changes of one or more transactions, sorted by key. It never changes.

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

fn decode<'b>(bytes: &mut &'b [u8]) -> Result<(&'b [u8], Value<'b>), Damage> {
    let length = read_count(bytes)?;
    let key = read_bytes(bytes, length)?;
    let value = match read_count(bytes)? {
        0 => None,
        length => Some(read_bytes(bytes, length - 1)?),
    };
    Ok((key, value))
}

/// The hash by which runs find a key.
pub(super) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Where an entry is.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    /// The number of the row, and the position in it.
    row: u32,
    at: u32,
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
    /// A hash table: the number of an entry plus one, or 0. The number of places is a power of two.
    places: Vec<u32>,
}

impl Run {
    /// The run of one row of the log.
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
            entries.push(Entry {
                hash: hash(key),
                row: 0,
                at: at as u32,
            });
        }
        let length = bytes.len();
        let rows = (vec![Arc::new(bytes)], length);
        Ok(Self::of(number..=number, rows, entries))
    }

    fn of(
        numbers: RangeInclusive<i64>,
        (rows, bytes): (Vec<Arc<Vec<u8>>>, usize),
        entries: Vec<Entry>,
    ) -> Self {
        let mut places = vec![0; (2 * entries.len()).next_power_of_two()];
        let mask = places.len() - 1;
        for (number, entry) in (1..).zip(&entries) {
            let mut place = entry.hash as usize & mask;
            while places[place] != 0 {
                place = (place + 1) & mask;
            }
            places[place] = number;
        }
        Self {
            numbers,
            rows,
            bytes,
            entries,
            places,
        }
    }

    /// One run of two: of `self`, and of a run of later rows.
    pub(super) fn merge(&self, later: &Self) -> Self {
        let mut rows = self.rows.clone();
        let shift = rows.len() as u32;
        rows.extend(later.rows.iter().cloned());
        let mut entries = Vec::with_capacity(self.entries.len() + later.entries.len());
        let (mut left, mut right) = (0, 0);
        while let Some(of_later) = later.entries.get(right) {
            let key = later.key(right);
            while left < self.entries.len() && self.key(left) < key {
                entries.push(self.entries[left]);
                left += 1;
            }
            if left < self.entries.len() && self.key(left) == key {
                left += 1;
            }
            let row = of_later.row + shift;
            entries.push(Entry { row, ..*of_later });
            right += 1;
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
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let at = self.places[place].checked_sub(1)? as usize;
            if self.entries[at].hash == hash {
                let (found, value) = self.entry(at);
                if found == key {
                    return Some(value);
                }
            }
            place = (place + 1) & mask;
        }
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
        let mut low = 0;
        let mut high = self.entries.len();
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
