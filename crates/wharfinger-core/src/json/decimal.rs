//! Decimal numbers by their spelling: never through binary floating point, never expanded.

use std::borrow::Cow;
use std::str::FromStr;

use bigdecimal::BigDecimal;

/// The most digits a number may need when written out plainly.
pub const DIGITS_MAX: usize = 38;

/// A decimal number as it was spelled, known to need no more than [`DIGITS_MAX`] digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal<'a> {
    spelling: Cow<'a, str>,
    is_negative: bool,
    decimals: u32,
}

/// A spelling taken apart.
struct Parts<'s> {
    negative: bool,
    /// The digits before the point, without leading zeros.
    integer: &'s [u8],
    /// The digits behind the point, without trailing zeros.
    fraction: &'s [u8],
    /// The exponent; spellings beyond a million are all alike.
    exponent: i64,
}

impl<'s> Parts<'s> {
    /// Takes `-12.50e3` apart. Leading zeros are let pass; anything else is not a number.
    fn of(spelling: &'s [u8]) -> Option<Self> {
        let negative = spelling.first() == Some(&b'-');
        let (integer, mut rest) = digits(&spelling[usize::from(negative)..])?;
        let mut fraction = &b""[..];
        if let [b'.', behind @ ..] = rest {
            (fraction, rest) = digits(behind)?;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => self::exponent(exponent)?,
            _ => return None,
        };
        Some(Self {
            negative,
            integer: &integer[leading_zeros(integer)..],
            fraction: without_trailing_zeros(fraction),
            exponent,
        })
    }

    fn is_zero(&self) -> bool {
        self.integer.is_empty() && self.fraction.is_empty()
    }

    /// The same number, spelled with the digits it needs and an exponent.
    fn without_outer_zeros(&self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let all: Vec<u8> = self.integer.iter().chain(self.fraction).copied().collect();
        let digits = String::from_utf8_lossy(&all);
        let needed = digits.trim_end_matches('0');
        let cut = digits.len() - needed.len();
        let behind = i64::try_from(self.fraction.len()).unwrap_or(i64::MAX);
        let exponent = self.exponent - behind + i64::try_from(cut).unwrap_or(i64::MAX);
        let sign = if self.negative { "-" } else { "" };
        let needed = needed.trim_start_matches('0');
        format!("{sign}{needed}e{exponent}")
    }

    /// Digits before the point, leading zeros left out, and digits behind it, trailing zeros left out,
    /// when the number is written out.
    fn plain_digits(&self) -> (i64, i64) {
        let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let leading = match self.integer {
            [] => leading_zeros(self.fraction),
            _ => 0,
        };
        let trailing = match self.fraction {
            [] => self.integer.len() - without_trailing_zeros(self.integer).len(),
            _ => 0,
        };
        if self.is_zero() {
            return (0, 0);
        }
        let before = length(self.integer.len()) - length(leading) + self.exponent;
        let behind = length(self.fraction.len()) - length(trailing) - self.exponent;
        (before.max(0), behind.max(0))
    }
}

/// The digits that a text begins with, of which there must be one, and what is behind them.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (digits, behind) = text.split_at(end.unwrap_or(text.len()));
    (!digits.is_empty()).then_some((digits, behind))
}

fn leading_zeros(digits: &[u8]) -> usize {
    let first = digits.iter().position(|&digit| digit != b'0');
    first.unwrap_or(digits.len())
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let last = digits.iter().rposition(|&digit| digit != b'0');
    &digits[..last.map_or(0, |last| last + 1)]
}

fn exponent(bytes: &[u8]) -> Option<i64> {
    const CAP: i64 = 1_000_000;
    let (sign, unsigned) = match bytes {
        [b'-', unsigned @ ..] => (-1, unsigned),
        [b'+', unsigned @ ..] => (1, unsigned),
        _ => (1, bytes),
    };
    let (digits, []) = digits(unsigned)? else {
        return None;
    };
    let mut exponent = 0_i64;
    for digit in digits {
        exponent = (exponent * 10 + i64::from(digit - b'0')).min(CAP);
    }
    Some(sign * exponent)
}

/// Whether a spelling that the grammar allows needs more than [`DIGITS_MAX`] digits.
pub(super) fn too_many_digits(spelling: &[u8]) -> bool {
    if spelling.len() <= DIGITS_MAX && !spelling.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    Parts::of(spelling).is_none_or(|parts| {
        let (before, behind) = parts.plain_digits();
        usize::try_from(before + behind).map_or(true, |digits| digits > DIGITS_MAX)
    })
}

impl<'a> Decimal<'a> {
    /// Takes a spelling: a JSON number, or text that reads as one.
    #[must_use]
    #[inline(always)]
    pub fn parse(spelling: Cow<'a, str>) -> Option<Self> {
        let parts = Parts::of(spelling.as_bytes())?;
        let (before, behind) = parts.plain_digits();
        let digits = usize::try_from(before + behind).ok()?;
        let is_negative = parts.negative && !parts.is_zero();
        (digits <= DIGITS_MAX).then_some(Self {
            spelling,
            is_negative,
            decimals: u32::try_from(behind).ok()?,
        })
    }

    /// The number as it was spelled.
    #[must_use]
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// How many decimals it needs, trailing zeros not counted.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        self.decimals
    }

    /// The value as a whole number, if it is one that fits.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        if let Ok(plain) = self.spelling.parse() {
            return Some(plain);
        }
        if self.decimals > 0 {
            return None;
        }
        let whole = self.value().with_scale(0).to_string();
        whole.parse().ok()
    }

    /// The value, to reckon with.
    #[must_use]
    pub fn value(&self) -> BigDecimal {
        // Half a million noughts behind the point need no digits, but would take half a second to read.
        let short = if self.spelling.len() > 2 * DIGITS_MAX {
            Parts::of(self.spelling.as_bytes()).map(|parts| parts.without_outer_zeros())
        } else {
            None
        };
        let spelling = short.as_deref().unwrap_or(&self.spelling);
        BigDecimal::from_str(spelling).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(spelling: &str) -> Decimal<'_> {
        Decimal::parse(spelling.into()).unwrap()
    }

    #[test]
    fn digits_are_counted_as_written_out() {
        assert!(!too_many_digits(b"12345678901234567890123456789012345678"));
        assert!(too_many_digits(b"123456789012345678901234567890123456789"));
        assert!(!too_many_digits(
            b"0.10000000000000000000000000000000000000000"
        ));
        assert!(too_many_digits(b"1e999999999"));
        assert!(too_many_digits(b"1e-39"));
        assert!(!too_many_digits(b"1e37"));
        assert!(too_many_digits(b"1e99999999999999999999999999999"));
        assert!(!too_many_digits(b"0e999999999"));
        assert!(too_many_digits("9".repeat(400).as_bytes()));
    }

    #[test]
    fn values_come_from_the_spelling() {
        assert_eq!(decimal("55.10").decimals(), 1);
        assert_eq!(decimal("1e2").integer(), Some(100));
        assert_eq!(decimal("1.0").integer(), Some(1));
        assert_eq!(decimal("1.5").integer(), None);
        assert_eq!(decimal("99999999999999999999").integer(), None);
        assert_eq!(decimal("0e999999999").integer(), Some(0));
        assert!(decimal("-0.01").is_negative());
        assert!(!decimal("-0.00").is_negative());
        for no_number in ["", "-", "1.", ".5", "1e", "+1", "1 ", "0x1", "NaN", "1,5"] {
            assert_eq!(Decimal::parse(no_number.into()), None, "{no_number}");
        }
    }

    #[test]
    fn outer_zeros_without_number_cost_nothing() {
        let zeros = "0".repeat(1_000_000);
        for (long, short) in [
            (format!("1.5{zeros}"), "1.5"),
            (format!("-{zeros}12.50{zeros}"), "-12.5"),
            (format!("0.{zeros}"), "0"),
            (format!("0.{zeros}25e1000000"), "0.25"),
            (format!("1{}", "0".repeat(37)), "1e37"),
        ] {
            let value = Decimal::parse(long.into()).unwrap().value();
            assert_eq!(value, decimal(short).value(), "{short}");
        }
    }
}
