//! Times as users write them: RFC 3339, or how long ago.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

/// A time: RFC 3339, or a duration before now, such as `10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(Timestamp);

/// The units of a duration, with their seconds.
const UNITS: [(char, i64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];

impl Since {
    /// Reads a time. `now` is the time that a duration is before.
    fn read(text: &str, now: Timestamp) -> Option<Self> {
        if let Ok(time) = text.parse() {
            return Some(Self(time));
        }
        let unit = text.chars().last()?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
        let ago = SignedDuration::from_secs(i64::from(count) * seconds);
        now.checked_sub(ago).ok().map(Self)
    }
}

impl Since {
    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = Self::read(text, Timestamp::now());
        read.ok_or("expected how long ago, such as 30s, 10m, 2h or 7d, or a time such as 2026-11-21T09:30:00Z")
    }
}

/// RFC 3339.
impl fmt::Display for Since {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Since;

    #[test]
    fn a_time_is_rfc_3339_or_how_long_ago() {
        let now = "2026-11-21T09:30:00Z".parse().unwrap();
        let read = |text: &str| Since::read(text, now).map(|since| since.to_string());
        for (text, expected) in [
            ("30s", "2026-11-21T09:29:30Z"),
            ("10m", "2026-11-21T09:20:00Z"),
            ("2h", "2026-11-21T07:30:00Z"),
            ("7d", "2026-11-14T09:30:00Z"),
            ("0s", "2026-11-21T09:30:00Z"),
            ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "m",
            "10",
            "-1m",
            "1.5h",
            "10 m",
            "4000000000d",
            "ten",
            "10é",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
