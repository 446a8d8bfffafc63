//! Dates, and points in time in RFC 3339 format.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::json::Value;
use crate::order::problem::Code;
use crate::reading::validate::{Checked, date_or_time_from};

/// The length of `yyyy-mm-dd` and of `yyyy-mm-ddTHH:MM:SS`, in bytes.
const DAY: usize = 10;
const SECOND: usize = 19;

/// The number of fractional digits that are kept: nanoseconds.
const FRACTION_DIGITS_MAX: usize = 9;

/// A date, or a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A calendar date, without a time zone.
    Day(Date),
    /// A point in time, in UTC.
    Time(DateTime),
}

impl Moment {
    /// Parses `yyyy-mm-dd`, or an RFC 3339 time, which is converted to UTC. A leap second counts as the second before
    /// it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == DAY {
            return date_or_time_from(text).map(|midnight| Self::Day(midnight.date()));
        }
        let (local, offset) = split_offset(text)?;
        let utc = civil(local)?.checked_sub(offset).ok()?;
        (utc.year() >= 0).then_some(Self::Time(utc))
    }

    /// The date, or the date of the time in UTC.
    #[must_use]
    pub fn day(&self) -> Date {
        match self {
            Self::Day(day) => *day,
            Self::Time(time) => time.date(),
        }
    }
}

/// `2026-11-21` or `2026-11-21T09:30:00Z`, with a fraction if there is one.
impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(out, "{day}"),
            Self::Time(time) => write!(out, "{time}Z"),
        }
    }
}

/// Formats milliseconds since 1970 as `2026-11-21T09:30:00.000Z`. Always has milliseconds, so that the texts sort by
/// time.
#[must_use]
pub fn rfc3339_of_unix_ms(unix_ms: i64) -> String {
    let timestamp = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    format!("{:.3}Z", Offset::UTC.to_datetime(timestamp))
}

/// A date as `yyyy-mm-dd`, or an RFC 3339 time.
///
/// # Errors
/// [`Code::NotDate`].
pub fn moment(value: Value<'_, '_>) -> Checked<Moment> {
    let wrong = Code::NotDate {
        form: "yyyy-mm-dd or RFC 3339",
    };
    let text = value.text().ok_or(wrong)?;
    Moment::parse(&text).ok_or(wrong)
}

/// Splits `Z` or `+hh:mm` off the end of a time.
fn split_offset(text: &str) -> Option<(&str, SignedDuration)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, SignedDuration::ZERO));
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub("+hh:mm".len())?)?;
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    has_shape(&offset[1..], b"00:00").then_some(())?;
    let hours: i64 = offset[1..3].parse().ok().filter(|hours| *hours < 24)?;
    let minutes: i64 = offset[4..].parse().ok().filter(|minutes| *minutes < 60)?;
    Some((
        local,
        SignedDuration::from_mins(sign * (hours * 60 + minutes)),
    ))
}

/// Parses `yyyy-mm-ddTHH:MM:SS` with an optional fraction. RFC 3339 allows `t` or a space in place of the `T`.
fn civil(local: &str) -> Option<DateTime> {
    let (second, fraction) = local.split_at_checked(SECOND)?;
    let has_separator = matches!(second.as_bytes()[DAY], b'T' | b't' | b' ');
    let is_second = has_separator
        && has_shape(second.get(..DAY)?, b"0000-00-00")
        && has_shape(second.get(DAY + 1..)?, b"00:00:00");
    let fraction = match fraction.strip_prefix('.') {
        Some(digits) if !digits.is_empty() => digits,
        Some(_) => return None,
        None if fraction.is_empty() => "0",
        None => return None,
    };
    if !is_second || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
    format!("{second}.{kept}").parse().ok()
}

/// Whether the text has a digit wherever the shape has `0`, and equals the shape elsewhere.
fn has_shape(text: &str, shape: &[u8]) -> bool {
    let fits = |(byte, wanted): (u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *wanted,
    };
    text.len() == shape.len() && text.bytes().zip(shape).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        Moment::parse(text).map(|moment| moment.to_string())
    }

    #[test]
    fn days_stay_days_and_times_come_to_utc() {
        for (text, utc) in [
            ("2026-11-21", "2026-11-21"),
            ("2024-02-29", "2024-02-29"),
            ("2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z"),
            ("2026-11-21t09:30:00z", "2026-11-21T09:30:00Z"),
            ("2026-11-21 09:30:00Z", "2026-11-21T09:30:00Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2026-12-31T20:00:00-05:30", "2027-01-01T01:30:00Z"),
            ("2026-11-21T09:30:00-00:00", "2026-11-21T09:30:00Z"),
            ("2026-11-21T09:30:00.5Z", "2026-11-21T09:30:00.5Z"),
            (
                "2026-11-21T09:30:00.1234567+00:00",
                "2026-11-21T09:30:00.1234567Z",
            ),
            (
                "2026-11-21T09:30:00.1234567899Z",
                "2026-11-21T09:30:00.123456789Z",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            (
                "9999-12-31T23:59:59.9999999Z",
                "9999-12-31T23:59:59.9999999Z",
            ),
        ] {
            assert_eq!(told(text).as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn all_else_is_no_moment() {
        for text in [
            "",
            "2026-11-31",
            "2026-1-1",
            "21-11-2026",
            "20261121",
            "2026-11-21T09:30Z",
            "2026-11-21T09:30:00",
            "2026-11-21T09:30:00.Z",
            "2026-11-21T09:30:00,5Z",
            "2026-11-21T09:30:00.5.5Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T09:30:00+0100",
            "2026-11-21T09:30:00+24:00",
            "2026-11-21T09:30:00+01:60",
            "2026-11-21T09:30:00+01",
            "2026-11-21T09:30:00 01:00",
            "2026-11-21T09:30:00Z[UTC]",
            "2026-11-21_09:30:00Z",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
            "+002026-11-21",
            "2026-11-21T09:30:0é",
            "é026-11-21T09:30:00Z",
            "now",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }

    #[test]
    fn milliseconds_are_told() {
        for (unix_ms, text) in [
            (1_767_225_600_120, "2026-01-01T00:00:00.120Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339_of_unix_ms(unix_ms), text);
        }
        let evening = Moment::parse("2026-01-01T00:30:00+01:00").unwrap();
        assert_eq!(evening.day().to_string(), "2025-12-31");
    }
}
