//! What distinguishes the orders of a run: their organisations and their keys, both derived from their stamps.

use std::sync::Arc;

use clap::ValueEnum;

use crate::report::grouped;
use crate::stamps::{self, DIGITS};

/// The sequence of order keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Keys {
    /// Keys count up, as in one shop
    #[default]
    Ordered,
    /// Keys are in no order, like hashes, but have the same number of characters
    Scattered,
}

/// How the orders of a workload are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Successive orders belong to this many organisations, in turns.
    pub organisations: u32,
    /// The sequence of their keys.
    pub keys: Keys,
}

/// Start of the codes of organisations that a run creates. Digits follow.
pub(crate) const CODE_START: &str = "T";
/// Digits in a code.
const CODE_DIGITS: usize = 5;

/// The organisations and keys of a run's orders.
#[derive(Clone, Debug)]
pub(crate) struct Identities {
    /// Codes of the organisations. All have the same length.
    codes: Arc<[String]>,
    keys: Keys,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            organisations: 1,
            keys: Keys::Ordered,
        }
    }
}

impl Spread {
    /// Describes it, to follow a description of batches. Empty for one organisation and keys that count up.
    pub(crate) fn in_words(self) -> String {
        let mut words = String::new();
        if self.organisations > 1 {
            let organisations = grouped(self.organisations.into());
            words.push_str(&format!(", over {organisations} organisations"));
        }
        if self.keys == Keys::Scattered {
            words.push_str(", keys in no order");
        }
        words
    }
}

impl Identities {
    /// All orders belong to `organisation`, and their keys count up.
    pub(crate) fn of(organisation: &str) -> Self {
        Self::spread(organisation, "", Spread::default())
    }

    /// A single organisation is called `only`. The codes of several are `start` and digits.
    pub(crate) fn spread(only: &str, start: &str, spread: Spread) -> Self {
        let codes = match spread.organisations {
            0 | 1 => vec![only.to_owned()],
            count => {
                let codes = (1..=count).map(|number| format!("{start}{number:0CODE_DIGITS$}"));
                codes.collect()
            }
        };
        Self {
            codes: codes.into(),
            keys: spread.keys,
        }
    }

    /// Codes of all organisations.
    pub(crate) fn codes(&self) -> &[String] {
        &self.codes
    }

    /// Code of the organisation of the order with this stamp.
    pub(crate) fn code(&self, stamp: u64) -> &str {
        let turn = stamp % self.codes.len() as u64;
        &self.codes[usize::try_from(turn).unwrap_or_default()]
    }

    /// The digits in the key of the order with this stamp. No other stamp has them.
    pub(crate) fn key(&self, stamp: u64) -> [u8; DIGITS] {
        match self.keys {
            Keys::Ordered => stamps::digits(stamp),
            Keys::Scattered => stamps::digits(stamps::scattered(stamp)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successive_orders_go_round_the_organisations() {
        let spread = Spread {
            organisations: 3,
            keys: Keys::Ordered,
        };
        let identities = Identities::spread("ORG", "T", spread);
        let codes: Vec<_> = (0..4).map(|stamp| identities.code(stamp)).collect();
        assert_eq!(codes, ["T00001", "T00002", "T00003", "T00001"]);
        assert_eq!(Identities::of("ORG").code(7), "ORG");
    }

    #[test]
    fn words_tell_only_of_what_is_unusual() {
        assert_eq!(Spread::default().in_words(), "");
        let spread = Spread {
            organisations: 1_900,
            keys: Keys::Scattered,
        };
        assert_eq!(
            spread.in_words(),
            ", over 1,900 organisations, keys in no order"
        );
    }
}
