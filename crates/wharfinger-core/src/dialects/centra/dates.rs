//! Dates as clients write them: the vendor's two formats, and the formats of PHP, C# and JavaScript.
//!
//! A time without an offset is local time in the organisation's time zone. When clocks change, some local times do not
//! exist and others are ambiguous: see [`Sent::timestamp`] and [`first_at`].

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::json::Value;
use crate::order::problem::Code;
use crate::reading::moment::Moment;
use crate::reading::validate::{Checked, date_or_time_from};

/// The vendor's format of a time.
const FORM: &str = "%Y-%m-%d %H:%M:%S";

/// The vendor's spelling of an absent date.
pub(super) const NO_DATE: &str = "0000-00-00 00:00:00";

/// The length of `yyyy-mm-dd` and of `yyyy-mm-dd HH:MM`, in bytes.
const DAY: usize = 10;
const MINUTE: usize = 16;

/// A date as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Day(Date),
    /// Without an offset: local time in the organisation's time zone.
    Local(DateTime),
    /// With an offset.
    Instant(Timestamp),
}

impl Sent {
    fn parse(text: &str) -> Option<Self> {
        if let Some(time) = date_or_time_from(text) {
            return Some(if text.len() == DAY {
                Self::Day(time.date())
            } else {
                Self::Local(time)
            });
        }
        let day = date_or_time_from(text.get(..DAY)?)?.date();
        // The library would also accept `2025-02-28T10`, and time zone names in brackets.
        if text.len() < MINUTE || text.contains('[') {
            return None;
        }
        let pieces = Pieces::parse(text).ok()?;
        let time = pieces.time().filter(|_| pieces.date() == day)?;
        let local = day.to_datetime(time);
        match pieces.to_numeric_offset() {
            None => Some(Self::Local(local)),
            Some(offset) => offset.to_timestamp(local).ok().map(Self::Instant),
        }
    }

    /// The point in time.
    ///
    /// Of an ambiguous local time, the first occurrence counts. A skipped local time is moved forward by the length of
    /// the gap, as RFC 5545 and PHP do.
    fn timestamp(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Day(day) => zone
                .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
                .ok(),
            Self::Local(time) => zone.to_timestamp(time).ok(),
            Self::Instant(timestamp) => Some(timestamp),
        }
    }
}

/// Whether this is `0000-00-00` or `0000-00-00 00:00:00`, with which MySQL, and so many PHP programs, write an absent
/// date.
pub(super) fn is_zero(text: &str) -> bool {
    text.starts_with("0000-00-00")
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'-' | b':' | b' ' | b'T'))
}

/// Accepts a date in any supported format, or the zero date. Returns whether it is in one of the vendor's formats.
///
/// # Errors
/// [`Code::NotDate`].
pub(super) fn date(value: Value<'_, '_>) -> Checked<bool> {
    let wrong = Code::NotDate {
        form: "YYYY-mm-dd or YYYY-mm-dd HH:MM:SS",
    };
    let text = value.text().ok_or(wrong)?;
    if date_or_time_from(&text).is_some() {
        return Ok(true);
    }
    let is_date = is_zero(&text) || Sent::parse(&text).is_some();
    is_date.then_some(false).ok_or(wrong)
}

/// Returns a date in the vendor's format. A date in that format stays as sent. Any other is converted to local time.
pub(super) fn shown<'t>(text: Cow<'t, str>, zone: &TimeZone) -> Cow<'t, str> {
    match Sent::parse(&text) {
        Some(Sent::Day(_)) | None => text,
        Some(Sent::Local(_)) if date_or_time_from(&text).is_some() => text,
        Some(Sent::Local(time)) => Cow::Owned(time.strftime(FORM).to_string()),
        Some(Sent::Instant(timestamp)) => Cow::Owned(local(timestamp, zone)),
    }
}

/// Formats a point in time as local time, in the vendor's format.
pub(super) fn local(timestamp: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(timestamp).strftime(FORM).to_string()
}

/// Converts an order's date to the canonical order: a date, or a time in UTC.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Option<Moment> {
    let sent = Sent::parse(text)?;
    if let Sent::Day(day) = sent {
        return Some(Moment::Day(day));
    }
    let time = match (sent.timestamp(zone), sent) {
        (Some(timestamp), _) => Offset::UTC.to_datetime(timestamp),
        // The last day of the year 9999 is beyond the range of timestamps. It is taken as UTC, as `of_moment` writes
        // it.
        (None, Sent::Local(time)) => time,
        (None, Sent::Day(_) | Sent::Instant(_)) => return None,
    };
    Some(Moment::Time(time))
}

/// Formats a date of the canonical order in the vendor's format. Fractions of a second are dropped.
pub(super) fn of_moment(moment: &Moment, zone: &TimeZone) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Time(utc) => match Offset::UTC.to_timestamp(*utc) {
            Ok(timestamp) => local(timestamp, zone),
            // The last day of the year 9999 is beyond the range of timestamps.
            Err(_) => utc.strftime(FORM).to_string(),
        },
    }
}

/// The first millisecond at which a local clock shows this time or a later one.
///
/// Of an ambiguous time, that is the first occurrence. For a skipped time, it is the moment when the clocks go forward.
pub(super) fn first_at(time: DateTime, zone: &TimeZone) -> i64 {
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return change_around(time, zone),
    };
    milliseconds(offset, time)
}

/// The last millisecond at which a local clock shows this second or an earlier one.
///
/// Of an ambiguous time, that is the second occurrence. For a skipped time, it is the last millisecond before the
/// clocks go forward.
pub(super) fn last_at(time: DateTime, zone: &TimeZone) -> i64 {
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { after, .. } => after,
        AmbiguousOffset::Gap { .. } => return change_around(time, zone).saturating_sub(1),
    };
    milliseconds(offset, time).saturating_add(999)
}

/// The moment when the clocks go forward past a local time.
fn change_around(time: DateTime, zone: &TimeZone) -> i64 {
    // Starts more than a day earlier, which precedes the change for any offset.
    let before = Offset::UTC.to_timestamp(time).ok().and_then(|middle| {
        middle
            .checked_sub(jiff::SignedDuration::from_hours(26))
            .ok()
    });
    let mut changes = before.into_iter().flat_map(|before| zone.following(before));
    let is_past = |at: &Timestamp| zone.to_datetime(*at) > time;
    let change = changes.find_map(|change| Some(change.timestamp()).filter(is_past));
    change.map_or(i64::MAX, Timestamp::as_millisecond)
}

/// Saturates: the last day of the year 9999 is beyond the range of timestamps.
fn milliseconds(offset: Offset, time: DateTime) -> i64 {
    let moment = offset.to_timestamp(time);
    moment.map_or(i64::MAX, Timestamp::as_millisecond)
}
