//! The order keys of a file so far, in bounded memory, so that an order whose rows are apart is noticed.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Keys that are remembered at least.
pub(super) const KEYS: usize = 500_000;

/// Remembers the latest keys, and the first row of each. Two keys with the same hash of 64 bits count as one.
#[derive(Debug, Default)]
pub(super) struct Keys {
    hashing: RandomState,
    latest: HashMap<u64, u64>,
    /// Older ones. Forgotten when there are enough latest ones.
    older: HashMap<u64, u64>,
}

impl Keys {
    /// Remembers a key. Returns the first row of an earlier order with that key.
    pub(super) fn add(&mut self, key: &str, row: u64) -> Option<u64> {
        let hash = self.hashing.hash_one(key);
        let before = self.latest.get(&hash).or_else(|| self.older.get(&hash));
        if let Some(before) = before {
            return Some(*before);
        }
        if self.latest.len() >= KEYS {
            self.older = std::mem::take(&mut self.latest);
        }
        self.latest.insert(hash, row);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_keys_are_remembered_and_the_memory_is_bounded() {
        let mut keys = Keys::default();
        let rows = 3 * KEYS as u64;
        for row in 0..rows {
            assert_eq!(keys.add(&row.to_string(), row), None);
        }
        assert!(keys.latest.len() + keys.older.len() <= 2 * KEYS);
        let recent = rows - KEYS as u64;
        assert_eq!(keys.add(&recent.to_string(), rows), Some(recent));
        assert_eq!(keys.add("0", rows), None, "it is forgotten");
    }
}
