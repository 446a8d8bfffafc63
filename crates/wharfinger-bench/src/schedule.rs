//! A run: the length of its rounds, and the turns of the measured sides.

use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::measurements::Round;
use crate::process::Machine;
use crate::report::{Finding, Report};

/// Rounds per side.
const ROUNDS: u32 = 5;

/// A run.
pub(crate) struct Schedule {
    /// Total time per side, over all rounds.
    length: Duration,
    progress: ProgressBar,
}

impl Schedule {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            length,
            progress: progress_bar("{bar:30} {pos}/{len} rounds  {msg}", 0),
        }
    }

    pub(crate) fn report(self, findings: Vec<Finding>) -> Report {
        self.finish();
        Report {
            machine: Machine::this(),
            findings,
        }
    }

    /// Ends the run.
    pub(crate) fn finish(&self) {
        self.progress.finish_and_clear();
    }

    /// Total time per side.
    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// Shows what is prepared for the next rounds.
    pub(crate) fn prepare(&self, what: &str) {
        self.progress.set_message(what.to_owned());
    }

    /// Measures one side alone, once, for the whole length.
    pub(crate) fn once(
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

    /// Runs one side for a while without measuring, to fill files and caches.
    pub(crate) fn warm_up(&self, work: impl FnOnce(Duration) -> Result<Round>) -> Result<()> {
        work(self.length / 4)?;
        Ok(())
    }

    /// Measures several sides in turns. One call of `turn` runs each side for the given time. The first turn is not counted,
    /// because it fills files and caches.
    pub(crate) fn take_turns<const SIDES: usize>(
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

/// A progress bar for filling a store.
pub(crate) fn filling_bar(orders: u64) -> ProgressBar {
    let template = "{bar:30} {human_pos}/{human_len} orders filled in  {eta} left";
    progress_bar(template, orders)
}

/// A progress bar, drawn on terminals only.
fn progress_bar(template: &str, length: u64) -> ProgressBar {
    let progress = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        progress.set_style(style);
    }
    progress
}
