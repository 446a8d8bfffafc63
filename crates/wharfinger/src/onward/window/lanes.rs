//! How many requests may be under way at the same time.

/// Successes after which one more request is begun at the same time, after the destination was slowed down.
const SUCCESSES: u32 = 10;

/// The number of requests at the same time: fewer when the destination asks for that, more again while it takes what it gets.
#[derive(Debug)]
pub(super) struct Lanes {
    now: usize,
    max: usize,
    successes: u32,
}

impl Lanes {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            now: max,
            max,
            successes: 0,
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    pub(super) fn halve(&mut self) {
        self.now = (self.now / 2).max(1);
        self.successes = 0;
    }

    pub(super) fn count_success(&mut self) {
        if self.now == self.max {
            return;
        }
        self.successes += 1;
        if self.successes == SUCCESSES {
            self.now += 1;
            self.successes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lanes;

    #[test]
    fn each_complaint_halves_and_ten_successes_add_one() {
        let mut lanes = Lanes::new(16);
        for expected in [8, 4, 2, 1, 1] {
            lanes.halve();
            assert_eq!(lanes.now(), expected);
        }
        for expected in [1, 2, 3] {
            assert_eq!(lanes.now(), expected);
            for _ in 0..10 {
                lanes.count_success();
            }
        }
        for _ in 0..1_000 {
            lanes.count_success();
        }
        assert_eq!(lanes.now(), 16);
    }
}
