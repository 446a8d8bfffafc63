//! Exact decimal amounts in plain notation.

use std::borrow::Cow;
use std::fmt;

use bigdecimal::Zero;
use serde_json::value::RawValue;

use crate::json::Decimal;

/// A decimal number as plain text such as `55.10`, without exponent or leading zeros. Trailing zeros are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount(String);

impl Amount {
    /// Converts a number to plain text, rounded to the digits that calculations use.
    #[must_use]
    pub fn of(number: &Decimal<'_>) -> Self {
        let spelling = number.spelling();
        if number.rounded_to().is_some() || spelling.contains(['e', 'E']) {
            let value = number.value();
            // `0e999999` is zero with a million decimals, which must not be written out.
            return Self(if value.is_zero() {
                "0".to_owned()
            } else {
                value.to_plain_string()
            });
        }
        let digits = spelling.trim_start_matches('-');
        let (whole, fraction) = match digits.find('.') {
            Some(point) => digits.split_at(point),
            None => (digits, ""),
        };
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            trimmed => trimmed,
        };
        let sign = if number.is_negative() { "-" } else { "" };
        Self(format!("{sign}{whole}{fraction}"))
    }

    /// The amount as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The amount as a number.
    #[must_use]
    pub fn number(&self) -> Option<Decimal<'_>> {
        Decimal::parse(Cow::Borrowed(&self.0))
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.starts_with('-')
    }

    /// Whether it is above zero.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        !self.is_negative() && self.0.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
    }

    /// The value, if it is a non-negative integer that fits.
    #[must_use]
    pub fn whole(&self) -> Option<u64> {
        let whole = self.number()?.integer()?;
        u64::try_from(whole).ok()
    }

    /// A JSON number with the same spelling.
    pub(crate) fn to_json_number(&self) -> Option<Box<RawValue>> {
        RawValue::from_string(self.0.clone()).ok()
    }
}

impl From<u64> for Amount {
    fn from(whole: u64) -> Self {
        Self(whole.to_string())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_written_out_plainly() {
        for (spelling, plain) in [
            ("55.10", "55.10"),
            ("1", "1"),
            ("007.50", "7.50"),
            ("-007.50", "-7.50"),
            ("00", "0"),
            ("-0.00", "0.00"),
            ("1e2", "100"),
            ("1.50E1", "15.0"),
            ("25e-3", "0.025"),
            ("-1e-1", "-0.1"),
            ("0e999999999", "0"),
            ("1e37", "10000000000000000000000000000000000000"),
            ("1e-999999999", "0"),
            ("-1e-40", "0"),
            (
                "0.199999999999999999999999999999999999999999999999999999",
                "0.2",
            ),
            (
                "-12.333333333333333333333333333333333333333333333333333333",
                "-12.333333333333333333333333333333333333",
            ),
            (
                "12345678901234567890123456789012345678",
                "12345678901234567890123456789012345678",
            ),
        ] {
            let number = Decimal::parse(spelling.into()).unwrap();
            let amount = Amount::of(&number);
            assert_eq!(amount.as_str(), plain, "{spelling}");
            assert_eq!(
                amount
                    .to_json_number()
                    .map(|number| number.get().to_owned()),
                Some(plain.to_owned())
            );
        }
    }

    #[test]
    fn whole_and_positive_numbers_are_known() {
        let amount = |spelling: &'static str| Amount::of(&Decimal::parse(spelling.into()).unwrap());
        assert_eq!(amount("2.00").whole(), Some(2));
        assert_eq!(amount("2.5").whole(), None);
        assert_eq!(amount("-2").whole(), None);
        assert_eq!(amount("99999999999999999999").whole(), None);
        assert!(amount("0.001").is_positive() && !amount("0.00").is_positive());
        assert!(!amount("-1").is_positive() && amount("-1").is_negative());
    }
}
