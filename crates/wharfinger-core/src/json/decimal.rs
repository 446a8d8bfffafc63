//! Decimal numbers that keep their spelling. They never pass through binary floating point and are never expanded.

use std::borrow::Cow;
use std::str::FromStr;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, Zero};

/// The maximum number of digits in calculations, in plain notation.
///
/// A number with more digits before its point is rejected. A number with more digits in total is rounded in
/// calculations.
pub const DIGITS_MAX: u32 = 38;

/// A decimal number as it was spelled. It has at most [`DIGITS_MAX`] digits before its point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal<'a> {
    spelling: Cow<'a, str>,
    is_negative: bool,
    size: Size,
}

/// The number of decimals, without trailing zeros, and the maximum that calculations use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    decimals: u32,
    decimals_max: u32,
}

/// The parts of a spelling.
struct Parts<'s> {
    negative: bool,
    /// The digits before the point, without leading zeros.
    integer: &'s [u8],
    /// The digits after the point, without trailing zeros.
    fraction: &'s [u8],
    /// The exponent. Exponents beyond a million are not distinguished.
    exponent: i64,
}

impl<'s> Parts<'s> {
    /// Splits a spelling such as `-12.50e3`. Leading zeros are allowed. Returns `None` if it is not a number.
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

    /// The same number, spelled with only the digits it needs and an exponent.
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

    /// The number of digits before and after the point in plain notation, without leading and trailing zeros.
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

    /// The size of the number. `None` if it has too many digits before its point, or would have after rounding.
    #[inline]
    fn size(&self) -> Option<Size> {
        let (before, behind) = self.plain_digits();
        let size = Size {
            decimals: u32::try_from(behind).ok()?,
            decimals_max: DIGITS_MAX.checked_sub(u32::try_from(before).ok()?)?,
        };
        // With two digits, 99.9 would become 100.
        let may_grow = size.decimals_max == 0 && size.decimals > 0;
        let grows = || self.rounded(0).digits() > u64::from(DIGITS_MAX);
        (!(may_grow && grows())).then_some(size)
    }

    /// Rounds to a number of decimals, half away from zero. Works on the digits, so that a large exponent or many zeros cost
    /// nothing.
    fn rounded(&self, decimals: u32) -> BigDecimal {
        let digits: Vec<u8> = self.integer.iter().chain(self.fraction).copied().collect();
        let whole = i64::try_from(self.integer.len()).unwrap_or(i64::MAX) + self.exponent;
        let Ok(kept) = usize::try_from(whole + i64::from(decimals)) else {
            return BigDecimal::zero();
        };
        let (kept, cut) = digits.split_at(kept.min(digits.len()));
        let kept = String::from_utf8_lossy(&kept[leading_zeros(kept)..]);
        let kept = BigInt::from_str(&kept).unwrap_or_default();
        let up = cut.first().is_some_and(|digit| *digit >= b'5');
        let rounded = if up { kept + 1 } else { kept };
        let signed = if self.negative { -rounded } else { rounded };
        BigDecimal::new(signed, i64::from(decimals))
    }
}

/// Splits a text after its leading digits. `None` if it does not begin with a digit.
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

/// Whether a valid spelling has more than [`DIGITS_MAX`] digits before its point.
pub(super) fn too_many_digits(spelling: &[u8]) -> bool {
    if spelling.len() <= DIGITS_MAX as usize
        && !spelling.iter().any(|byte| matches!(byte, b'e' | b'E'))
    {
        return false;
    }
    Parts::of(spelling).is_none_or(|parts| parts.size().is_none())
}

impl<'a> Decimal<'a> {
    /// Parses a spelling: a JSON number, or numeric text.
    #[must_use]
    #[inline(always)]
    pub fn parse(spelling: Cow<'a, str>) -> Option<Self> {
        let parts = Parts::of(spelling.as_bytes())?;
        let size = parts.size()?;
        let is_negative = parts.negative && !parts.is_zero();
        Some(Self {
            spelling,
            is_negative,
            size,
        })
    }

    /// The original spelling.
    #[must_use]
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// The number of decimals, without trailing zeros.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        self.size.decimals
    }

    /// The number of decimals that calculations use, if the number has more.
    #[must_use]
    pub fn rounded_to(&self) -> Option<u32> {
        let Size {
            decimals,
            decimals_max,
        } = self.size;
        (decimals > decimals_max).then_some(decimals_max)
    }

    /// The value as an integer. `None` if it is fractional or does not fit.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        if let Ok(plain) = self.spelling.parse() {
            return Some(plain);
        }
        if self.size.decimals > 0 {
            return None;
        }
        let whole = self.exact().with_scale(0).to_string();
        whole.parse().ok()
    }

    /// The value for calculations, with at most [`DIGITS_MAX`] digits. A rounded value has no trailing zeros.
    #[must_use]
    pub fn value(&self) -> BigDecimal {
        match self.rounded_to() {
            Some(decimals) => self.rounded(decimals).normalized(),
            None => self.exact(),
        }
    }

    /// The value with at most this many decimals and at most [`DIGITS_MAX`] digits, rounded once, half away from zero.
    #[must_use]
    pub fn rounded(&self, decimals: u32) -> BigDecimal {
        let decimals = decimals.min(self.size.decimals_max);
        match Parts::of(self.spelling.as_bytes()) {
            Some(parts) if self.size.decimals > decimals => parts.rounded(decimals),
            Some(_) | None => self.exact(),
        }
    }

    fn exact(&self) -> BigDecimal {
        // Half a million zeros after the point need no digits, but would take half a second to parse.
        let short = if self.spelling.len() > 2 * DIGITS_MAX as usize {
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
        assert!(!too_many_digits(b"1e-39"));
        assert!(!too_many_digits(b"1e-999999999"));
        assert!(!too_many_digits(
            b"12345678901234567890123456789012345678.5"
        ));
        assert!(too_many_digits(
            b"123456789012345678901234567890123456789.5"
        ));
        assert!(too_many_digits(
            b"12345678901234567890123456789012345678.5e1"
        ));
        assert!(!too_many_digits(b"1e37"));
        assert!(too_many_digits(b"1e99999999999999999999999999999"));
        assert!(!too_many_digits(b"0e999999999"));
        assert!(too_many_digits("9".repeat(400).as_bytes()));
        let nines = "9".repeat(38);
        assert!(!too_many_digits(format!("{nines}.4999").as_bytes()));
        assert!(too_many_digits(format!("-{nines}.5").as_bytes()));
    }

    #[test]
    fn decimals_past_the_digits_are_rounded_once() {
        let thirds = "3".repeat(60);
        let nines = "9".repeat(60);
        for (spelling, value, rounded_to) in [
            (format!("0.{thirds}"), format!("0.{}", &thirds[..38]), 38),
            (
                format!("-123.{thirds}"),
                format!("-123.{}", &thirds[..35]),
                35,
            ),
            (format!("0.{nines}"), "1".into(), 38),
            (format!("-9.{nines}"), "-10".into(), 37),
            (
                format!("{}.5", &thirds[..38]),
                format!("{}4", &thirds[..37]),
                0,
            ),
            (
                format!("{}.4{nines}", &thirds[..38]),
                thirds[..38].into(),
                0,
            ),
            ("5e-39".into(), "1e-38".into(), 38),
            ("-5e-39".into(), "-1e-38".into(), 38),
            (format!("4.{nines}e-39"), "0".into(), 38),
            ("1e-999999999".into(), "0".into(), 38),
            (
                format!("{}e-60", "1".repeat(90)),
                format!("{0}.{0}", "1".repeat(30))[..39].into(),
                8,
            ),
        ] {
            let number = decimal(&spelling);
            assert_eq!(number.rounded_to(), Some(rounded_to), "{spelling}");
            assert_eq!(number.value(), decimal(&value).value(), "{spelling}");
            assert_eq!(number.spelling(), spelling);
        }
        assert_eq!(decimal(&format!("0.{}", &thirds[..38])).rounded_to(), None);
        // Rounding to 38 digits first would give 0.005, and then 0.01.
        let nearly = format!("0.004{nines}");
        assert_eq!(decimal(&nearly).rounded(2), BigDecimal::zero());
        assert_eq!(decimal("0.005").rounded(2), decimal("0.01").value());
        assert_eq!(decimal("12.5e-1").rounded(2), decimal("1.25").value());
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
