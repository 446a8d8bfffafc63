//! Parses the times that a query may contain.

use std::ops::RangeInclusive;

use jiff::civil::{DateTime, date};

use crate::reading::validate::date_or_time_from;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const DAY_MS: i64 = 86_400_000;
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// The format of the vendor's published example: `Monday, 15 February 2016 7:26:15 AM`.
const LONG_ENGLISH: &str = "%A, %d %B %Y %I:%M:%S %p";

/// Returns the range of milliseconds since 1970 that a text denotes, in UTC.
///
/// The range is a whole day, a whole second, or one millisecond if the text has a fraction. It includes both ends, so
/// that either end serves as an inclusive bound.
pub(super) fn parse(text: &str) -> Option<RangeInclusive<i64>> {
    let text = text.trim();
    if let Ok(named) = DateTime::strptime(LONG_ENGLISH, text) {
        return Some(spanning(since_epoch_ms(named)?, SECOND_MS));
    }
    if !text.contains(':') {
        let midnight = date_or_time_from(text)?;
        return Some(spanning(since_epoch_ms(midnight)?, DAY_MS));
    }
    let (local, zone_ms) = split_zone(text)?;
    let (second, fraction) = match local.split_once('.') {
        Some((second, fraction)) => (second, Some(fraction_ms(fraction)?)),
        None => (local, None),
    };
    let start = since_epoch_ms(date_and_time(second)?)? - zone_ms;
    Some(match fraction {
        Some(fraction_ms) => spanning(start + fraction_ms, 1),
        None => spanning(start, SECOND_MS),
    })
}

fn spanning(start: i64, length_ms: i64) -> RangeInclusive<i64> {
    start..=start + length_ms - 1
}

fn since_epoch_ms(time: DateTime) -> Option<i64> {
    i64::try_from(time.duration_since(EPOCH).as_millis()).ok()
}

/// Parses `yyyy-mm-dd HH:MM:SS`, or the same with a `T` as separator.
fn date_and_time(text: &str) -> Option<DateTime> {
    match text.get(10..11)? {
        "T" | "t" => date_or_time_from(&format!("{} {}", text.get(..10)?, text.get(11..)?)),
        _ => date_or_time_from(text),
    }
}

/// Splits the zone off the end of a time: `Z`, or an offset such as `+13:00`. Without either, the time is UTC.
///
/// A `+` that was not escaped in the query has become a space.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let at = text.len().checked_sub(6)?;
    let (Some(local), Some(zone)) = (text.get(..at), text.get(at..)) else {
        return None;
    };
    let [sign, h1, h2, b':', m1, m2] = zone.as_bytes() else {
        return Some((text, 0));
    };
    let sign = match sign {
        b'+' | b' ' => 1,
        b'-' => -1,
        _ => return Some((text, 0)),
    };
    let hours = two_digits(*h1, *h2).filter(|hours| *hours < 24)?;
    let minutes = two_digits(*m1, *m2).filter(|minutes| *minutes < 60)?;
    Some((local, sign * (hours * 60 + minutes) * MINUTE_MS))
}

fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// The milliseconds of a fraction of a second. Finer digits are dropped, as in the timestamps of orders.
fn fraction_ms(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{digits:0<3}");
    padded.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-02-15T07:26:15Z.
    const SECOND: i64 = 1_455_521_175_000;

    #[test]
    fn every_form_of_the_same_second() {
        for text in [
            "2016-02-15T07:26:15Z",
            "2016-02-15t07:26:15z",
            "2016-02-15 07:26:15Z",
            "2016-02-15 07:26:15",
            "2016-02-15T07:26:15",
            "2016-02-15T20:26:15+13:00",
            "2016-02-15T20:26:15 13:00",
            "2016-02-14T20:26:15-11:00",
            "Monday, 15 February 2016 7:26:15 AM",
            "Monday, 15 February 2016 07:26:15 am",
        ] {
            assert_eq!(parse(text), Some(SECOND..=SECOND + 999), "{text}");
        }
    }

    #[test]
    fn noon_and_midnight_on_a_twelve_hour_clock() {
        let noon = parse("Monday, 15 February 2016 12:00:00 PM");
        assert_eq!(noon, parse("2016-02-15T12:00:00Z"));
        let midnight = parse("Friday, 5 February 2016 12:00:00 AM");
        assert_eq!(midnight, parse("2016-02-05T00:00:00Z"));
    }

    #[test]
    fn a_bare_day_is_the_whole_day() {
        let day = parse("2016-02-15").unwrap();
        assert_eq!(
            *day.start(),
            *parse("2016-02-15T00:00:00Z").unwrap().start()
        );
        assert_eq!(*day.end(), *parse("2016-02-15T23:59:59Z").unwrap().end());
    }

    #[test]
    fn a_fraction_names_one_millisecond() {
        assert_eq!(
            parse("2016-02-15T07:26:15.5Z"),
            Some(SECOND + 500..=SECOND + 500)
        );
        assert_eq!(
            parse("2016-02-15T07:26:15.1239Z"),
            Some(SECOND + 123..=SECOND + 123)
        );
    }

    /// C# clients send the latest time of their calendar for "no upper bound".
    #[test]
    fn the_last_moment_of_the_calendar_is_taken() {
        assert!(parse("9999-12-31T23:59:59.9999999Z").is_some());
        assert!(parse("9999-12-31").is_some());
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2016-2-15",
            "15-02-2016",
            "2016-02-30",
            "2016-02-15Z",
            "2016-02-15 07:26",
            "2016-02-15T07:26Z",
            "2016-02-15T25:00:00Z",
            "2016-02-15T07:26:15.Z",
            "2016-02-15T07:26:15+13:00Z",
            "2016-02-15T07:26:15+24:00",
            "2016-02-15T07:26:15+1x:00",
            "Tuesday, 15 February 2016 7:26:15 AM",
            "Monday, 15 February 2016 13:26:15 AM",
            "Monday, 15 February 2016",
            "1455521175",
            "é16-02-15 07:26:15",
            "2016-02-15 07:26é00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
