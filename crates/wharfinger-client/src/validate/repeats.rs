//! Keys that stand in a file twice.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};

use crate::report::{Error, Fault, Place};

/// Keys that are remembered: 36 MiB of them. Later ones are compared with these, but not remembered.
const KEYS_MAX: usize = 1_000_000;

/// What makes an order unique in its dialect: the code of its organisation, and its key.
#[derive(Clone, Debug, Hash)]
pub(super) struct Identity {
    pub(super) organisation: Option<String>,
    pub(super) key: String,
}

/// The keys of a file so far.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The first line of each key, by the key's hash. Two of a million keys share one in a case of thirty million.
    lines: HashMap<u64, u32>,
}

impl Repeats {
    /// Remembers an order. Returns a warning if an earlier order of the file has the same key.
    pub(super) fn note(&mut self, identity: &Identity, place: &Place) -> Option<Fault> {
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        let is_full = self.lines.len() >= KEYS_MAX;
        let first = match self.lines.entry(hasher.finish()) {
            Entry::Occupied(first) => *first.get(),
            Entry::Vacant(place_left) => {
                if !is_full {
                    place_left.insert(u32::try_from(place.line).unwrap_or(u32::MAX));
                }
                return None;
            }
        };
        Some(Fault {
            place: place.clone(),
            cell: None,
            is_warning: true,
            error: Error {
                code: "repeated_key".into(),
                message: format!(
                    "the order has the key of the order on line {first}; it is taken as the same order sent again"
                ),
                ..Error::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u64) -> Place {
        Place {
            file: "f".into(),
            line,
            index: 0,
            key: None,
        }
    }

    fn identity(organisation: Option<&str>, key: &str) -> Identity {
        Identity {
            organisation: organisation.map(str::to_owned),
            key: key.to_owned(),
        }
    }

    #[test]
    fn a_key_is_repeated_only_in_its_organisation() {
        let mut repeats = Repeats::default();
        assert!(repeats.note(&identity(Some("A"), "1"), &place(1)).is_none());
        assert!(repeats.note(&identity(Some("B"), "1"), &place(2)).is_none());
        assert!(repeats.note(&identity(None, "1"), &place(3)).is_none());
        let fault = repeats.note(&identity(Some("B"), "1"), &place(4)).unwrap();
        assert!(fault.is_warning);
        assert!(fault.error.message.contains("line 2;"), "{fault}");
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut repeats = Repeats::default();
        for number in 0..KEYS_MAX + 10 {
            repeats.note(&identity(None, &number.to_string()), &place(1));
        }
        assert_eq!(repeats.lines.len(), KEYS_MAX);
        assert!(repeats.note(&identity(None, "7"), &place(2)).is_some());
    }
}
