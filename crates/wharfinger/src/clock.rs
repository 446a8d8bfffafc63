//! Wall-clock time. No other module reads the clock.

/// How far journal times may run ahead of the clock. Small corrections of the clock therefore never make them go back.
const AHEAD_MAX_MS: i64 = 60_000;

/// The current time, in milliseconds since 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the replacement that the ban names"
)]
pub fn now_ms() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = since_1970.map_or(0, |time| {
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
    });
    now_ms.saturating_add(test::offset_ms())
}

/// The time for an entry after one with time `last_ms`. It is not earlier, unless the clock went back by more than a minute.
#[must_use]
pub fn following(last_ms: i64, now_ms: i64) -> i64 {
    if has_gone_back(last_ms, now_ms) {
        now_ms
    } else {
        now_ms.max(last_ms)
    }
}

/// Whether the clock went back by more than a minute since `last_ms`.
#[must_use]
pub fn has_gone_back(last_ms: i64, now_ms: i64) -> bool {
    last_ms.saturating_sub(now_ms) > AHEAD_MAX_MS
}

/// Formats milliseconds since 1970 as RFC 3339, in UTC.
#[must_use]
pub fn rfc_3339(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// Lets tests shift a server's clock, through a file that holds the offset in milliseconds. Debug builds only.
#[cfg(debug_assertions)]
mod test {
    use std::ffi::OsString;
    use std::sync::LazyLock;

    static FILE: LazyLock<Option<OsString>> =
        LazyLock::new(|| std::env::var_os("WHARFINGER_TEST_CLOCK"));

    pub(super) fn offset_ms() -> i64 {
        let text = FILE.as_ref().map(std::fs::read_to_string);
        let text = text.and_then(Result::ok);
        text.and_then(|text| text.trim().parse().ok())
            .unwrap_or_default()
    }
}

#[cfg(not(debug_assertions))]
mod test {
    pub(super) fn offset_ms() -> i64 {
        0
    }
}
