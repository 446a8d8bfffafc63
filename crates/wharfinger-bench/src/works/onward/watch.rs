//! Waits for events.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::measurements::Round;

/// Longest wait for another event.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `count` says that so many events have arrived, and looks once in each `pause`. The time begins with the first ones,
/// because a server looks for new destinations only now and then.
pub(super) fn watch(
    events: u64,
    pause: Duration,
    mut count: impl FnMut() -> Result<u64>,
) -> Result<Round> {
    let mut before = 0;
    let mut moved_at = Instant::now();
    let mut began = None;
    loop {
        let arrived = count()?;
        if arrived > before {
            before = arrived;
            moved_at = Instant::now();
        }
        ensure!(
            moved_at.elapsed() < PATIENCE,
            "{arrived} of {events} events have arrived, and then none for {} seconds",
            PATIENCE.as_secs()
        );
        let (first, begin) = *began.get_or_insert((arrived, Instant::now()));
        if first == 0 {
            began = None;
        }
        if arrived >= events {
            return Ok(Round {
                orders: arrived - first,
                duration: begin.elapsed(),
                ..Round::default()
            });
        }
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_begins_with_the_first_events() {
        let mut counts = [0, 0, 10, 30, 50].into_iter();
        let pause = Duration::from_millis(1);
        let round = watch(50, pause, || Ok(counts.next().unwrap_or(50))).unwrap();
        assert_eq!(round.orders, 40);
    }
}
