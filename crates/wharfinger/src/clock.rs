//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time in milliseconds since 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where time is read"
)]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
