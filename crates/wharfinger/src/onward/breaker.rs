//! Stops deliveries to a destination that takes nothing.
//!
//! It opens when the deliveries of several order keys have failed, one after the other, with no success between. Several keys,
//! because the repeated failures of one key say something about its event, not about the destination. While it is open, no new
//! events are begun, except one at a time, by the schedule of failed deliveries: it finds out whether the destination works again.

use super::schedule;

/// Order keys whose deliveries must fail before it opens.
const KEYS_MAX: usize = 5;

/// Whether a destination takes anything.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Keys whose deliveries have failed since the last success.
    failed: Vec<u64>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// How many probes have failed.
    probes: u32,
    /// When the next one is due, in milliseconds since 1970.
    next_at_ms: i64,
}

impl Breaker {
    /// An open breaker whose first probe is due.
    pub(super) fn open() -> Self {
        Self {
            failed: Vec::new(),
            open: Some(Open {
                probes: 0,
                next_at_ms: i64::MIN,
            }),
        }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// When a new event may be begun as a probe, in milliseconds since 1970. `None` if it is closed.
    pub(super) fn probe_at_ms(&self) -> Option<i64> {
        self.open.as_ref().map(|open| open.next_at_ms)
    }

    /// Records a failed delivery of a key. `is_probe` if it was begun as a probe.
    pub(super) fn failed(&mut self, key: u64, is_probe: bool, now_ms: i64, chance: u64) {
        match &mut self.open {
            Some(open) if is_probe => {
                open.probes = open.probes.saturating_add(1);
                open.next_at_ms = schedule::next_at_ms(open.probes, now_ms, None, chance);
            }
            Some(_) => {}
            None => {
                if !self.failed.contains(&key) {
                    self.failed.push(key);
                }
                if self.failed.len() >= KEYS_MAX {
                    self.failed.clear();
                    self.open = Some(Open {
                        probes: 1,
                        next_at_ms: schedule::next_at_ms(1, now_ms, None, chance),
                    });
                }
            }
        }
    }

    /// Records a success. Returns whether this has closed it.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failed.clear();
        self.open.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Breaker;

    #[test]
    fn it_opens_after_failures_of_five_keys_and_closes_with_a_success() {
        let mut breaker = Breaker::default();
        for key in 1..5 {
            breaker.failed(key, false, 0, 0);
            breaker.failed(key, false, 0, 0);
            assert!(!breaker.is_open());
        }
        assert!(!breaker.succeeded());
        for key in 1..=5 {
            assert!(!breaker.is_open());
            breaker.failed(key, false, 0, 0);
        }
        assert_eq!(breaker.probe_at_ms(), Some(4_000));
        breaker.failed(9, false, 4_000, 0);
        assert_eq!(breaker.probe_at_ms(), Some(4_000));
        breaker.failed(9, true, 4_000, 0);
        assert_eq!(breaker.probe_at_ms(), Some(4_000 + 240_000));
        assert!(breaker.succeeded());
        assert_eq!(breaker.probe_at_ms(), None);
    }
}
