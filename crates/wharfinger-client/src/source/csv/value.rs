//! What a cell becomes: text as it is, a number, a date, or a part of a name. Numbers are never converted to floating point.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;

/// A value of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// A literal of JSON that is no text, with its spelling.
    Literal(String),
}

/// How numbers are spelled in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// The character before the decimals.
    pub(super) decimal: char,
    /// The character between groups of three digits, if there is one.
    pub(super) thousands: Option<char>,
}

/// Which part of a name is taken.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    /// Everything before the last word, or the only word.
    First,
    /// The last of several words.
    Last,
}

/// How a cell is read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Formats of a date, tried in order.
    pub(super) dates: Vec<String>,
    /// The format in which a date is written. `None` writes `yyyy-mm-dd`, or RFC 3339 in UTC.
    pub(super) write: Option<String>,
    /// Whether the cell is a number.
    pub(super) is_number: bool,
    /// Which part of a name is taken.
    pub(super) part: Option<Part>,
    /// Characters that are removed at both ends.
    pub(super) trim: String,
    /// Replacements of whole cells.
    pub(super) values: BTreeMap<String, String>,
}

/// Why a cell cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Reading {
    /// Checks the formats of dates.
    ///
    /// # Errors
    /// A format is invalid, or gives no date.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_number && !self.dates.is_empty() {
            bail!("number and date exclude each other");
        }
        if self.write.is_some() && self.dates.is_empty() {
            bail!("write needs date, which says how the date is read");
        }
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        for format in &self.dates {
            let wrong = || format!("{format:?} is no format of a date, such as \"%d.%m.%Y\"");
            let text = strtime::format(format, &sample).with_context(wrong)?;
            let read = strtime::parse(format, &text).ok();
            let read = read.and_then(|read| moment(&read, &TimeZone::UTC, self.write.as_deref()));
            read.with_context(wrong)?;
        }
        if let Some(write) = &self.write {
            let wrong = || format!("{write:?} is no format of a date, such as \"%Y-%m-%d\"");
            strtime::format(write, &sample).with_context(wrong)?;
        }
        Ok(())
    }

    /// Reads a cell. `None` means that nothing is left of it.
    ///
    /// # Errors
    /// The cell is not what the mapping says.
    pub(super) fn read(
        &self,
        cell: &str,
        numbers: Numbers,
        zone: &TimeZone,
    ) -> Result<Option<Value>, Unreadable> {
        let cell = cell.trim_matches(|letter| self.trim.contains(letter));
        let cell = self.values.get(cell.trim()).map_or(cell, String::as_str);
        let Some(cell) = part(cell, self.part) else {
            return Ok(None);
        };
        if !self.dates.is_empty() {
            return self.date(cell.trim(), zone).map(Some);
        }
        if self.is_number {
            let number = numbers.read(cell.trim());
            let number = number.ok_or_else(|| numbers.unreadable(cell))?;
            return Ok(Some(Value::Literal(number)));
        }
        Ok(Some(Value::Text(cell.to_owned())))
    }

    fn date(&self, text: &str, zone: &TimeZone) -> Result<Value, Unreadable> {
        let mut read = self.dates.iter().filter_map(|format| {
            let read = strtime::parse(format, text).ok()?;
            moment(&read, zone, self.write.as_deref())
        });
        let formats = || self.dates.join(" or ");
        read.next().map(Value::Text).ok_or_else(|| Unreadable {
            code: "not_date",
            message: format!("{} is not a date in the form {}", quoted(text), formats()),
        })
    }
}

impl Numbers {
    /// The literal of JSON with the same value and the same decimals.
    fn read(self, text: &str) -> Option<String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, decimals) = match digits.split_once(self.decimal) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (digits, None),
        };
        let is_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut groups = whole.split(|letter| Some(letter) == self.thousands);
        let first = groups.next()?;
        let rest: Vec<&str> = groups.collect();
        // A group of another length is probably decimals: 1.5 is not 15.
        let are_groups = rest.is_empty() || first.len() <= 3;
        if !are_groups || !is_digits(first) {
            return None;
        }
        if !rest
            .iter()
            .all(|group| group.len() == 3 && is_digits(group))
        {
            return None;
        }
        if decimals.is_some_and(|decimals| !is_digits(decimals)) {
            return None;
        }
        let whole = format!("{first}{}", rest.concat());
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        Some(match decimals {
            Some(decimals) => format!("{sign}{whole}.{decimals}"),
            None => format!("{sign}{whole}"),
        })
    }

    fn unreadable(self, cell: &str) -> Unreadable {
        let thousands = self.thousands.map(String::from).unwrap_or_default();
        let decimal = self.decimal;
        Unreadable {
            code: "not_number",
            message: format!(
                "{} is not a number such as 1{thousands}234{decimal}50",
                quoted(cell)
            ),
        }
    }
}

/// A cell in a message, shortened.
pub(super) fn quoted(cell: &str) -> String {
    const CHARS_MAX: usize = 60;
    match cell.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &cell[..end]),
        None => format!("{cell:?}"),
    }
}

/// The part of a cell that is taken. `None` if it is blank.
fn part(cell: &str, part: Option<Part>) -> Option<&str> {
    let taken = match (part, cell.trim().rsplit_once(char::is_whitespace)) {
        (None, _) => cell,
        (Some(Part::First), Some((first, _))) => first.trim_end(),
        (Some(Part::First), None) => cell.trim(),
        (Some(Part::Last), Some((_, last))) => last,
        (Some(Part::Last), None) => "",
    };
    (!taken.trim().is_empty()).then_some(taken)
}

/// Writes a date or a time. A time without an offset is one of `zone`.
fn moment(read: &BrokenDownTime, zone: &TimeZone, write: Option<&str>) -> Option<String> {
    let is_time = read.hour().is_some() || read.timestamp().is_some();
    if !is_time {
        let date = read.to_date().ok()?;
        return match write {
            Some(write) => strtime::format(write, date).ok(),
            None => Some(date.to_string()),
        };
    }
    let zoned: Zoned = match read.offset().is_some() || read.timestamp().is_some() {
        true => read.to_timestamp().ok()?.to_zoned(zone.clone()),
        false => read.to_datetime().ok()?.to_zoned(zone.clone()).ok()?,
    };
    match write {
        Some(write) => strtime::format(write, &zoned).ok(),
        None => Some(zoned.timestamp().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Numbers = Numbers {
        decimal: '.',
        thousands: None,
    };
    const GERMAN: Numbers = Numbers {
        decimal: ',',
        thousands: Some('.'),
    };

    fn read(reading: &Reading, cell: &str) -> Result<Option<String>, String> {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let read = reading.read(cell, GERMAN, &berlin);
        let text = |value| match value {
            Value::Text(text) | Value::Literal(text) => text,
        };
        let read = read.map(|value| value.map(text));
        read.map_err(|why| format!("{}: {}", why.code, why.message))
    }

    fn date(formats: &[&str], write: Option<&str>) -> Reading {
        let reading = Reading {
            dates: formats.iter().copied().map(String::from).collect(),
            write: write.map(String::from),
            ..Reading::default()
        };
        reading.check().unwrap();
        reading
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (cell, number) in [
            ("55.10", Some("55.10")),
            ("-007", Some("-7")),
            ("+1", Some("1")),
            ("0", Some("0")),
            ("00.50", Some("0.50")),
            (
                "123456789012345678901234567890.10",
                Some("123456789012345678901234567890.10"),
            ),
            ("1,5", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            ("12 €", None),
            ("--1", None),
            ("", None),
        ] {
            assert_eq!(PLAIN.read(cell).as_deref(), number, "{cell}");
        }
        for (cell, number) in [
            ("1.234,50", Some("1234.50")),
            ("1.234.567", Some("1234567")),
            ("1234,5", Some("1234.5")),
            ("1.5", None),
            ("1234.567", None),
            (".567", None),
            ("1.23.456", None),
        ] {
            assert_eq!(GERMAN.read(cell).as_deref(), number, "{cell}");
        }
    }

    #[test]
    fn dates_are_written_in_one_form() {
        let day = date(&["%d.%m.%Y", "%Y-%m-%d"], None);
        assert_eq!(read(&day, "18.11.2026"), Ok(Some("2026-11-18".into())));
        assert_eq!(read(&day, " 2026-11-18 "), Ok(Some("2026-11-18".into())));
        assert_eq!(
            read(&day, "31.11.2026"),
            Err("not_date: \"31.11.2026\" is not a date in the form %d.%m.%Y or %Y-%m-%d".into())
        );
        let local = date(&["%Y-%m-%d %H:%M:%S"], None);
        let utc = "2026-11-18T08:30:00Z";
        assert_eq!(read(&local, "2026-11-18 09:30:00"), Ok(Some(utc.into())));
        let with_offset = date(&["%Y-%m-%d %H:%M:%S %z"], None);
        let cell = "2026-11-18 03:30:00 -0500";
        assert_eq!(read(&with_offset, cell), Ok(Some(utc.into())));
        let rewritten = date(&["%Y-%m-%d %H:%M:%S %z"], Some("%d-%m-%Y"));
        assert_eq!(read(&rewritten, cell), Ok(Some("18-11-2026".into())));
        let seconds = date(&["%s"], None);
        assert_eq!(read(&seconds, "0"), Ok(Some("1970-01-01T00:00:00Z".into())));
    }

    #[test]
    fn formats_that_give_no_date_are_refused() {
        for (format, write) in [
            ("%Q!", None),
            ("%H:%M", None),
            ("plain", None),
            ("%Y-%m-%d", Some("%:")),
        ] {
            let reading = Reading {
                dates: vec![format.into()],
                write: write.map(String::from),
                ..Reading::default()
            };
            assert!(reading.check().is_err(), "{format} {write:?}");
        }
    }

    #[test]
    fn names_are_split_at_the_last_word() {
        for (cell, first, last) in [
            ("Ann Archer", Some("Ann"), Some("Archer")),
            ("Ann Mary  Archer ", Some("Ann Mary"), Some("Archer")),
            ("Ann", Some("Ann"), None),
            (" ", None, None),
        ] {
            assert_eq!(part(cell, Some(Part::First)), first);
            assert_eq!(part(cell, Some(Part::Last)), last);
        }
    }

    #[test]
    fn cells_are_trimmed_and_replaced() {
        let reading = Reading {
            trim: "'".into(),
            values: BTreeMap::from([("Germany".into(), "DE".into())]),
            ..Reading::default()
        };
        assert_eq!(read(&reading, "'75008"), Ok(Some("75008".into())));
        assert_eq!(read(&reading, "Germany"), Ok(Some("DE".into())));
        assert_eq!(read(&reading, "''"), Ok(None));
    }

    proptest! {
        #[test]
        fn a_number_is_a_literal_of_json_or_refused(text in "[-+0-9., ]{0,12}") {
            for numbers in [PLAIN, GERMAN] {
                if let Some(number) = numbers.read(&text) {
                    let literal: Result<serde_json::Value, _> = serde_json::from_str(&number);
                    prop_assert!(literal.is_ok(), "{text} gave {number}");
                    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
                    prop_assert!(digits(&number) <= digits(&text));
                }
            }
        }
    }
}
