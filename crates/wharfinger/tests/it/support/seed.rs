//! Reproducible randomness.

use std::time::{Duration, Instant};

/// A small generator (SplitMix64). Equal seeds give equal numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// True with this probability in percent.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Runs a randomised test. Runs `rounds` rounds with fixed seeds, or, under `./test --long`, rounds with fresh seeds until the
/// time is up. Each round prints its seed. `WHARFINGER_SEED` repeats a single round.
pub(crate) fn storm(rounds: u64, mut round: impl FnMut(u64)) {
    let mut round = |seed| {
        eprintln!("WHARFINGER_SEED={seed}");
        round(seed);
    };
    if let Ok(seed) = std::env::var("WHARFINGER_SEED") {
        return round(seed.parse().expect("a number"));
    }
    let seconds = std::env::var("WHARFINGER_STORM_SECONDS");
    let Ok(seconds) = seconds.map(|seconds| seconds.parse().expect("a number of seconds")) else {
        for seed in 0..rounds {
            round(seed);
        }
        return;
    };
    let began = Instant::now();
    let mut seed = u64::try_from(wharfinger::clock::now_ms()).unwrap();
    while began.elapsed() < Duration::from_secs(seconds) {
        round(seed);
        seed += 1;
    }
}
