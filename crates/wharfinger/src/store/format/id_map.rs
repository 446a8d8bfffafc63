//! Maps by numbers that the store itself assigns. No sender chooses these, so a fast hash will do.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// A map by numbers that the store has assigned.
pub(crate) type IdMap<K, V> = HashMap<K, V, RandomState>;

/// A set of numbers that the store has assigned.
pub(crate) type IdSet<K> = HashSet<K, RandomState>;
