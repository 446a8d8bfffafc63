//! A run: how long its rounds are, and who takes turns.

use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::figures::Round;
use super::process::Machine;
use super::report::{Finding, Report};

/// Rounds of each side.
const ROUNDS: u32 = 5;

/// A run.
pub(super) struct Measuring {
    /// How long each side works, all rounds together.
    length: Duration,
    progress: ProgressBar,
}

impl Measuring {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            length,
            progress: progress_bar("{bar:30} {pos}/{len} rounds  {msg}", 0),
        }
    }

    pub(super) fn report(self, findings: Vec<Finding>) -> Report {
        self.finish();
        Report {
            machine: Machine::this(),
            findings,
        }
    }

    /// Ends the run.
    pub(super) fn finish(&self) {
        self.progress.finish_and_clear();
    }

    /// One side alone, once, for the whole length.
    pub(super) fn once(
        &self,
        what: &str,
        work: impl FnOnce(Duration) -> Result<Round>,
    ) -> Result<Round> {
        self.progress.inc_length(1);
        self.progress.set_message(what.to_owned());
        let round = work(self.length)?;
        self.progress.inc(1);
        Ok(round)
    }

    /// One side alone, for a while that is not counted: files and caches are still to be filled.
    pub(super) fn warm_up(&self, work: impl FnOnce(Duration) -> Result<Round>) -> Result<()> {
        work(self.length / 4)?;
        Ok(())
    }

    /// Lets sides take turns, all of them in one call of `turn`, each for so long as it is told. The first turn is not
    /// counted: files and caches are still to be filled.
    pub(super) fn take_turns<const SIDES: usize>(
        &self,
        what: &str,
        mut turn: impl FnMut(Duration) -> Result<[Round; SIDES]>,
    ) -> Result<[Vec<Round>; SIDES]> {
        let length = self.length / ROUNDS;
        self.progress.inc_length(u64::from(ROUNDS));
        self.progress.set_message(what.to_owned());
        turn(length / 2)?;
        let mut sides = std::array::from_fn(|_| Vec::new());
        for _ in 0..ROUNDS {
            for (side, round) in sides.iter_mut().zip(turn(length)?) {
                side.push(round);
            }
            self.progress.inc(1);
        }
        Ok(sides)
    }
}

/// Counts orders on their way into a store.
pub(super) fn filling_bar(orders: u64) -> ProgressBar {
    let template = "{bar:30} {human_pos}/{human_len} orders filled in  {eta} left";
    progress_bar(template, orders)
}

/// A bar that is drawn on a terminal only.
fn progress_bar(template: &str, length: u64) -> ProgressBar {
    let progress = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        progress.set_style(style);
    }
    progress
}
