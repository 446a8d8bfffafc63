//! When a failed delivery is tried again.

/// The wait before each attempt after the one before it, in milliseconds. The schedule of Standard Webhooks.
pub(crate) const WAITS_MS: [i64; 10] = [
    0,
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];

/// The longest wait that a receiver can ask for, in milliseconds.
const RETRY_AFTER_MAX_MS: i64 = 24 * HOUR_MS;
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The wait after this many failed attempts, in milliseconds, give or take a fifth. After the last attempt, the last wait is
/// repeated. `chance` is any number; equal waits of many deliveries are spread by it.
#[must_use]
pub(crate) fn wait_ms(attempts: u32, chance: u64) -> i64 {
    let last = WAITS_MS.len() - 1;
    let step = usize::try_from(attempts).map_or(last, |step| step.min(last));
    let wait_ms = WAITS_MS[step];
    let fifth = wait_ms / 5;
    let span = u64::try_from(2 * fifth + 1).unwrap_or(1);
    wait_ms - fifth + i64::try_from(chance % span).unwrap_or_default()
}

/// Whether this many failed attempts are all that the schedule has.
#[must_use]
pub(crate) fn is_over(attempts: u32) -> bool {
    usize::try_from(attempts).is_ok_and(|attempts| attempts >= WAITS_MS.len())
}

/// When a delivery is tried again after `attempts` failed ones, in milliseconds since 1970. `retry_after_ms` is what the receiver
/// asked for; the later time counts.
#[must_use]
pub(crate) fn next_at_ms(
    attempts: u32,
    now_ms: i64,
    retry_after_ms: Option<i64>,
    chance: u64,
) -> i64 {
    let asked_ms = retry_after_ms.unwrap_or_default();
    let asked_ms = asked_ms.clamp(0, RETRY_AFTER_MAX_MS);
    now_ms.saturating_add(wait_ms(attempts, chance).max(asked_ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HOUR_MS, WAITS_MS, is_over, next_at_ms, wait_ms};

    #[test]
    fn the_schedule_ends_after_ten_attempts_and_three_days() {
        assert!(!is_over(9) && is_over(10));
        assert_eq!(WAITS_MS.iter().sum::<i64>() / HOUR_MS, 75);
        // Every attempt but the first waits.
        assert!(WAITS_MS[1..].iter().all(|wait_ms| *wait_ms > 0));
    }

    #[test]
    fn a_receiver_can_ask_for_more_time_but_not_for_less() {
        let (five_s, hour) = (5_000, HOUR_MS);
        assert_eq!(next_at_ms(1, 0, Some(hour), 0), hour);
        assert_eq!(next_at_ms(1, 0, Some(1), 0), five_s * 4 / 5);
        assert_eq!(next_at_ms(1, 0, Some(-hour), 0), five_s * 4 / 5);
        assert_eq!(next_at_ms(1, 0, Some(i64::MAX), 0), 24 * hour);
        assert_eq!(next_at_ms(9, i64::MAX, None, 0), i64::MAX);
    }

    proptest! {
        #[test]
        fn waits_stay_within_a_fifth(attempts in 0_u32..40, chance: u64) {
            let exact = WAITS_MS[usize::try_from(attempts).unwrap().min(9)];
            let wait = wait_ms(attempts, chance);
            prop_assert!(wait >= exact - exact / 5 && wait <= exact + exact / 5);
        }
    }
}
