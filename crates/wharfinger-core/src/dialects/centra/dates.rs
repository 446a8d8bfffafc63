//! Dates as clients write them: the vendor's two forms, and what PHP, C# and JavaScript make of a point in time.
//!
//! A time without an offset is a wall clock time in the organisation's time zone. Clocks that are put forward or back make some
//! wall clock times absent and others ambiguous: see [`Sent::timestamp`] and [`first_at`].

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::json::Value;
use crate::moment::Moment;
use crate::problem::Code;
use crate::validate::{Checked, date_or_time_from};

/// The vendor's form of a time.
const FORM: &str = "%Y-%m-%d %H:%M:%S";

/// The vendor's spelling of a date that is absent.
pub(super) const NO_DATE: &str = "0000-00-00 00:00:00";

/// The bytes of `yyyy-mm-dd`, and of `yyyy-mm-dd HH:MM`.
const DAY: usize = 10;
const MINUTE: usize = 16;

/// A date as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Day(Date),
    /// Without an offset: in the organisation's time zone.
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
        // The library would take `2025-02-28T10`, and names of time zones in brackets.
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

    /// The point in time. A wall clock time that occurs twice is the first of the two; one that is skipped is as much later as
    /// the clocks are put forward, which is what RFC 5545 and PHP make of it.
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

/// `0000-00-00` and `0000-00-00 00:00:00`: how MySQL, and so many a PHP program, writes that there is no date.
pub(super) fn is_zero(text: &str) -> bool {
    text.starts_with("0000-00-00")
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'-' | b':' | b' ' | b'T'))
}

/// A date in any form that is taken, or the zero date; whether it is in one of the vendor's forms.
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

/// A date in the vendor's form: as it was sent, if it was in one of the vendor's forms, or else in the time zone.
pub(super) fn shown<'t>(text: Cow<'t, str>, zone: &TimeZone) -> Cow<'t, str> {
    match Sent::parse(&text) {
        Some(Sent::Day(_)) | None => text,
        Some(Sent::Local(_)) if date_or_time_from(&text).is_some() => text,
        Some(Sent::Local(time)) => Cow::Owned(time.strftime(FORM).to_string()),
        Some(Sent::Instant(timestamp)) => Cow::Owned(local(timestamp, zone)),
    }
}

/// A point in time as a wall clock in the time zone shows it, in the vendor's form.
pub(super) fn local(timestamp: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(timestamp).strftime(FORM).to_string()
}

/// A date of an order as the canonical order has it: a day, or a time in UTC.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Option<Moment> {
    let sent = Sent::parse(text)?;
    if let Sent::Day(day) = sent {
        return Some(Moment::Day(day));
    }
    let time = match (sent.timestamp(zone), sent) {
        (Some(timestamp), _) => Offset::UTC.to_datetime(timestamp),
        // The last day of the year 9999 is past all that a zone can place: it is taken as UTC, as `of_moment` writes it.
        (None, Sent::Local(time)) => time,
        (None, Sent::Day(_) | Sent::Instant(_)) => return None,
    };
    Some(Moment::Time(time))
}

/// A date of the canonical order in the vendor's form; fractions of a second have no place.
pub(super) fn of_moment(moment: &Moment, zone: &TimeZone) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Time(utc) => match Offset::UTC.to_timestamp(*utc) {
            Ok(timestamp) => local(timestamp, zone),
            // The last day of the year 9999 is past all that a zone can place.
            Err(_) => utc.strftime(FORM).to_string(),
        },
    }
}

/// The first millisecond at which a wall clock in the time zone shows this time or a later one. Where the time occurs twice it is
/// the first of the two, and where it is skipped it is when the clocks are put forward.
pub(super) fn first_at(time: DateTime, zone: &TimeZone) -> i64 {
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return change_around(time, zone),
    };
    milliseconds(offset, time)
}

/// The last millisecond at which a wall clock in the time zone shows this second or an earlier one: the second of two where it
/// occurs twice, and the end of the second before the clocks are put forward where it is skipped.
pub(super) fn last_at(time: DateTime, zone: &TimeZone) -> i64 {
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { after, .. } => after,
        AmbiguousOffset::Gap { .. } => return change_around(time, zone).saturating_sub(1),
    };
    milliseconds(offset, time).saturating_add(999)
}

/// When the clocks are put forward past a wall clock time.
fn change_around(time: DateTime, zone: &TimeZone) -> i64 {
    // A day before by any offset, so that the change lies behind.
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

/// The last day of the year 9999 is past all that can be told.
fn milliseconds(offset: Offset, time: DateTime) -> i64 {
    let moment = offset.to_timestamp(time);
    moment.map_or(i64::MAX, Timestamp::as_millisecond)
}
