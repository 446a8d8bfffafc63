//! The one place where the time of day is read.

/// The time, in milliseconds since 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the replacement that the ban names"
)]
pub fn now_ms() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |time| {
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Milliseconds since 1970 as RFC 3339, in UTC.
#[must_use]
pub fn rfc_3339(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}
