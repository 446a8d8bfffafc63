//! Amounts in the vendor's format: at most two decimals, without trailing zeros.

use bigdecimal::{BigDecimal, RoundingMode, Zero};
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::Decimal;

/// The maximum number of decimals of an amount.
pub(super) const DECIMALS: u32 = 2;

/// An amount with at most [`DECIMALS`] decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Money(BigDecimal);

impl Money {
    /// Rounds an amount, half away from zero.
    ///
    /// Submitted amounts are rounded once, when they are read. Sums of them are then exact.
    pub(super) fn of(amount: &BigDecimal) -> Self {
        // `0e999999` is zero with a million decimals, which must not be written out.
        if amount.is_zero() {
            return Self::default();
        }
        Self(amount.with_scale_round(i64::from(DECIMALS), RoundingMode::HalfUp))
    }

    /// Rounds a submitted number once, regardless of its number of decimals.
    pub(super) fn sent(number: &Decimal<'_>) -> Self {
        Self::of(&number.rounded(DECIMALS))
    }

    /// The amount, for calculations.
    pub(super) fn value(&self) -> &BigDecimal {
        &self.0
    }

    /// The amount spelled as PHP's `json_encode` writes a float: `25`, `14.1`, `14.11`. Always exact, never through
    /// binary floating point.
    fn spelling(&self) -> String {
        let mut spelling = self.0.to_plain_string();
        if spelling.contains('.') {
            let needed = spelling.trim_end_matches('0').trim_end_matches('.').len();
            spelling.truncate(needed);
        }
        spelling
    }

    /// The amount as a JSON number.
    pub(super) fn to_raw(&self) -> Option<Box<RawValue>> {
        RawValue::from_string(self.spelling()).ok()
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.spelling()).map_err(S::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::prelude::Rng;
    use proptest::test_runner::{RngAlgorithm, TestRng};

    use super::*;

    /// Rounds by digits alone, as on paper: cut after the second decimal, and add one if the next digit is 5 or more.
    fn on_paper(spelling: &str) -> String {
        let (sign, digits) = match spelling.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", spelling),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut all: Vec<u8> = whole.bytes().collect();
        all.extend(fraction.bytes().chain([b'0', b'0']).take(2));
        if fraction
            .as_bytes()
            .get(2)
            .is_some_and(|digit| *digit >= b'5')
        {
            let mut at = all.len();
            loop {
                if at == 0 {
                    all.insert(0, b'1');
                    break;
                }
                at -= 1;
                if all[at] < b'9' {
                    all[at] += 1;
                    break;
                }
                all[at] = b'0';
            }
        }
        let (whole, fraction) = all.split_at(all.len() - 2);
        let text = |digits: &[u8]| String::from_utf8(digits.to_vec()).unwrap();
        let whole = text(whole).trim_start_matches('0').to_owned();
        let whole = if whole.is_empty() {
            "0".to_owned()
        } else {
            whole
        };
        let fraction = text(fraction).trim_end_matches('0').to_owned();
        let number = if fraction.is_empty() {
            whole
        } else {
            format!("{whole}.{fraction}")
        };
        if number == "0" {
            number
        } else {
            format!("{sign}{number}")
        }
    }

    fn shown(spelling: &str) -> String {
        serde_json::to_string(&Money::of(&BigDecimal::from_str(spelling).unwrap())).unwrap()
    }

    #[test]
    fn amounts_are_written_as_php_writes_them() {
        for (sent, written) in [
            ("0", "0"),
            ("0.00", "0"),
            ("0e999999", "0"),
            ("25.00", "25"),
            ("100", "100"),
            ("1e3", "1000"),
            ("14.10", "14.1"),
            ("14.11", "14.11"),
            ("28.949999999999999", "28.95"),
            ("33.333333333333336", "33.33"),
            ("0.005", "0.01"),
            ("-0.005", "-0.01"),
            ("-0.004", "0"),
            ("1.0049999999999999", "1"),
            ("9.995", "10"),
            (
                "123456789012345678901234567890.125",
                "123456789012345678901234567890.13",
            ),
        ] {
            assert_eq!(shown(sent), written, "{sent}");
            assert_eq!(shown(sent), on_paper_of(sent, written), "{sent}");
        }
    }

    /// Returns `written` for spellings with an exponent, which [`on_paper`] does not support.
    fn on_paper_of(sent: &str, written: &str) -> String {
        if sent.contains('e') {
            return written.to_owned();
        }
        on_paper(sent)
    }

    #[test]
    fn an_amount_of_any_digits_is_rounded_once() {
        let sent = |spelling: String| {
            let number = Decimal::parse(spelling.into()).unwrap();
            serde_json::to_string(&Money::sent(&number)).unwrap()
        };
        let nines = "9".repeat(60);
        assert_eq!(sent(format!("0.004{nines}")), "0");
        assert_eq!(sent(format!("0.005{nines}")), "0.01");
        assert_eq!(sent(format!("12.{nines}")), "13");
        assert_eq!(sent("1e-999999999".to_owned()), "0");
    }

    #[test]
    fn a_hundred_thousand_random_amounts_are_rounded_as_on_paper() {
        let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        for _ in 0..100_000 {
            let whole = random.next_u64() >> (random.next_u32() % 64);
            let decimals = (random.next_u32() % 18) as usize;
            let digits = random.next_u64() % 1_000_000_000_000_000_000;
            let fraction = format!("{digits:018}");
            // Many amounts end in a half, where implementations differ.
            let half = if random.next_u32().is_multiple_of(4) {
                "5"
            } else {
                ""
            };
            let sign = if random.next_u32().is_multiple_of(3) {
                "-"
            } else {
                ""
            };
            let sent = match decimals {
                0 => format!("{sign}{whole}"),
                _ => format!("{sign}{whole}.{}{half}", &fraction[..decimals]),
            };
            assert_eq!(shown(&sent), on_paper(&sent), "{sent}");
        }
    }
}
