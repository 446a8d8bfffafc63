//! Limits how long a client may keep the server waiting. Each transferred byte restores a little of the time.

use std::time::Duration;

/// The time that a client has left. It runs only while the server waits for the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    full: Duration,
    left: Duration,
    bytes_per_second_min: u32,
}

impl Pace {
    /// Starts with the full time. Without a minimum rate, any byte restores all of it.
    pub(super) fn new(full: Duration, bytes_per_second_min: u32) -> Self {
        Self {
            full,
            left: full,
            bytes_per_second_min,
        }
    }

    /// The time left.
    pub(super) fn left(&self) -> Duration {
        self.left
    }

    /// Subtracts time that the server waited for the client.
    pub(super) fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    /// Restores time for bytes that the client sent or received.
    pub(super) fn moved(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let rate = f64::from(self.bytes_per_second_min);
        let won = Duration::try_from_secs_f64(bytes as f64 / rate).unwrap_or(self.full);
        self.left = self.left.saturating_add(won).min(self.full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_client_at_the_lowest_rate_never_runs_out_of_time() {
        let mut pace = Pace::new(10 * SECOND, 100);
        for _ in 0..1_000 {
            pace.waited(SECOND);
            pace.moved(100);
        }
        assert_eq!(pace.left(), 10 * SECOND);
    }

    #[test]
    fn a_trickle_runs_out_of_time_and_a_burst_wins_no_more_than_all_of_it() {
        let mut pace = Pace::new(10 * SECOND, 100);
        pace.moved(1_000_000);
        for _ in 0..19 {
            assert!(!pace.left().is_zero());
            pace.waited(SECOND);
            pace.moved(50);
        }
        pace.waited(SECOND);
        assert!(pace.left().is_zero());
    }

    #[test]
    fn without_a_lowest_rate_any_byte_will_do() {
        let mut pace = Pace::new(10 * SECOND, 0);
        pace.waited(9 * SECOND);
        pace.moved(0);
        assert_eq!(pace.left(), SECOND);
        pace.moved(1);
        assert_eq!(pace.left(), 10 * SECOND);
    }
}
