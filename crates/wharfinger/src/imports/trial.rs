//! An import that is only tried: what would become of its lines, and nothing is stored.

use wharfinger_core::dialect::Slot;
use wharfinger_core::outcome::{Counts, Outcome};
use wharfinger_core::problem::Problems;

/// Rejected lines that are told.
const REJECTED_MAX: usize = 1_000;
/// Problems that are told of all of them together.
const PROBLEMS_MAX: usize = 10_000;

/// What was found out so far.
#[derive(Default)]
pub(crate) struct Trial {
    /// How many orders would have each outcome.
    pub(crate) counts: Counts,
    /// Lines judged.
    pub(crate) lines: u64,
    /// Pieces that they were judged in. A line sees the lines before it in its piece.
    pub(crate) pieces: u64,
    /// The first of the rejected lines.
    pub(crate) rejected: Vec<RejectedLine>,
    problems: usize,
}

/// A line that would be rejected.
pub(crate) struct RejectedLine {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The order key, where one can be read.
    pub(crate) key: Option<String>,
    /// All that is wrong with it.
    pub(crate) problems: Problems,
}

impl Trial {
    /// Notes what would become of a piece of so many lines.
    pub(super) fn note(&mut self, lines: u64, slots: &[Slot<'_>], outcomes: &[Outcome]) {
        self.lines += lines;
        self.pieces += 1;
        for (slot, outcome) in slots.iter().zip(outcomes) {
            self.counts.add(outcome);
            let Outcome::Rejected(problems) = outcome else {
                continue;
            };
            if self.rejected.len() < REJECTED_MAX && self.problems < PROBLEMS_MAX {
                self.problems += problems.len();
                self.rejected.push(RejectedLine {
                    line: slot.line.unwrap_or_default(),
                    key: slot.key.as_deref().map(str::to_owned),
                    problems: Problems::clone(problems),
                });
            }
        }
    }
}
