//! How far destinations were behind lately: the highest lag of each minute, in memory.
//!
//! Only the server that delivers to a destination measures its lag, every ten seconds. Nothing is stored, so the history begins with
//! the process, and has gaps where another server delivered, or nobody did.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Minutes that are kept of a destination.
pub const MINUTES_MAX: usize = 180;
const MINUTE_MS: i64 = 60_000;

/// The highest lag of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LagMinute {
    /// When it begins, in milliseconds since 1970.
    pub at_ms: i64,
    /// Events that were not delivered.
    pub events: u64,
    /// The age of the oldest of them, in seconds.
    pub seconds: u64,
}

/// The lags of all destinations.
#[derive(Default)]
pub(super) struct LagHistory(Mutex<HashMap<String, VecDeque<LagMinute>>>);

impl LagHistory {
    /// Notes a lag.
    pub(super) fn note(&self, id: &str, now_ms: i64, (events, seconds): (u64, u64)) {
        let at_ms = now_ms - now_ms.rem_euclid(MINUTE_MS);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(minutes) = all.get_mut(id) {
            if let Some(last) = minutes.back_mut().filter(|last| last.at_ms == at_ms) {
                last.events = last.events.max(events);
                last.seconds = last.seconds.max(seconds);
                return;
            }
        } else {
            // Destinations that are gone must not stay.
            all.retain(|_, minutes| {
                let last = minutes.back();
                last.is_some_and(|last| last.at_ms >= oldest_ms(now_ms))
            });
        }
        let minutes = all.entry(id.to_owned()).or_default();
        minutes.push_back(LagMinute {
            at_ms,
            events,
            seconds,
        });
        if minutes.len() > MINUTES_MAX {
            minutes.pop_front();
        }
    }

    /// The minutes of a destination in which its lag was measured, the oldest first.
    pub(super) fn of(&self, id: &str, now_ms: i64) -> Vec<LagMinute> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minutes = all.get(id).into_iter().flatten().copied();
        minutes
            .filter(|minute| minute.at_ms >= oldest_ms(now_ms))
            .collect()
    }
}

/// The beginning of the oldest minute that is kept.
fn oldest_ms(now_ms: i64) -> i64 {
    let minute_ms = now_ms - now_ms.rem_euclid(MINUTE_MS);
    minute_ms - (MINUTES_MAX as i64 - 1) * MINUTE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_lag_of_each_minute_is_kept_for_some_hours() {
        let history = LagHistory::default();
        let start = 1_000 * MINUTE_MS;
        for (second, lag) in [(0, (5, 1)), (10, (9, 2)), (50, (2, 12)), (61, (0, 0))] {
            history.note("a", start + second * 1_000, lag);
        }
        let minute = |at: i64, events, seconds| LagMinute {
            at_ms: start + at * MINUTE_MS,
            events,
            seconds,
        };
        let expected = [minute(0, 9, 12), minute(1, 0, 0)];
        assert_eq!(history.of("a", start + 70_000), expected);
        assert_eq!(history.of("b", start), []);
        for at in 2..400 {
            history.note("a", start + at * MINUTE_MS, (1, 1));
        }
        let now_ms = start + 399 * MINUTE_MS + 5;
        let kept = history.of("a", now_ms);
        assert_eq!(kept.len(), MINUTES_MAX);
        assert_eq!(kept.last(), Some(&minute(399, 1, 1)));
        // What is old is not shown, and is gone when another destination is measured for the first time.
        let later_ms = now_ms + 200 * MINUTE_MS;
        assert_eq!(history.of("a", later_ms), []);
        history.note("b", later_ms, (0, 0));
        assert_eq!(history.of("a", now_ms), []);
    }
}
