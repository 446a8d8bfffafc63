//! The result of an import in a dry run. Nothing is stored.

use wharfinger_core::dialect::Slot;
use wharfinger_core::hint::{self, Hint};
use wharfinger_core::json::NameCase;
use wharfinger_core::order::outcome::{Counts, Outcome};
use wharfinger_core::order::problem::Problems;

/// Rejected lines to report.
const REJECTED_MAX: usize = 1_000;
/// Problems to report, in all rejected lines together.
const PROBLEMS_MAX: usize = 10_000;

/// The results so far.
#[derive(Default)]
pub(crate) struct Trial {
    /// Number of orders by outcome.
    pub(crate) counts: Counts,
    /// Lines judged.
    pub(crate) lines: u64,
    /// Chunks judged. A line is judged against the store and the earlier lines of its own chunk.
    pub(crate) pieces: u64,
    /// The first rejected lines.
    pub(crate) rejected: Vec<RejectedLine>,
    problems: usize,
}

/// A line that would be rejected.
pub(crate) struct RejectedLine {
    /// Line number, from 1.
    pub(crate) line: usize,
    /// The order key, if it can be read.
    pub(crate) key: Option<String>,
    /// Everything that is wrong with the order.
    pub(crate) problems: Problems,
    /// What can be said about each problem besides its message.
    pub(crate) hints: Vec<Hint>,
}

impl Trial {
    /// Adds the outcomes of a chunk of this many lines.
    pub(super) fn note(
        &mut self,
        lines: u64,
        names: NameCase,
        slots: &[Slot<'_>],
        outcomes: &[Outcome],
    ) {
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
                    hints: hint::of_problems(slot.raw, names, problems, &slot.warnings),
                });
            }
        }
    }
}
