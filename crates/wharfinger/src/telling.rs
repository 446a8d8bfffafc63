//! Telling what became of a batch.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use wharfinger_core::dialect::{
    Answer, Asked, Dialect, Operation, Reply, Slot, Submitted, Told, Verdict,
};
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::ids::BatchId;
use wharfinger_core::outcome::{Counts, Outcome};
use wharfinger_core::warning::Warning;

use crate::call::Call;
use crate::intake::{Answered, Taken};
use crate::store::Admitted;

/// Kinds of warnings that a header field names.
const KINDS_TOLD_MAX: usize = 10;

/// What is percent-encoded in the pointers of a header field.
const NOT_IN_POINTER: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b';');

/// What is needed to tell what became of a batch.
#[derive(Clone, Copy)]
pub struct Telling {
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    batch: BatchId,
    root_fits: bool,
    told: Told,
}

impl Telling {
    /// For the answer to a call.
    #[must_use]
    pub fn new(call: &Call<'_>, asked: &Asked, batch: BatchId, root_fits: bool) -> Self {
        Self {
            dialect: call.dialect,
            operation: call.operation,
            batch,
            root_fits,
            told: Told {
                results: asked.results,
                dry_run: call.dry_run,
            },
        }
    }

    /// Tells what became of each order; of the good ones the store has decided.
    #[must_use]
    pub fn reply(&self, slots: &[Slot<'_>], decided: Vec<Outcome>) -> (Reply, Counts) {
        let outcomes = one_outcome_a_slot(slots, decided);
        let answer = Answer::Submitted(Submitted {
            batch: self.batch,
            root_fits: self.root_fits,
            slots,
            outcomes: &outcomes,
            told: self.told,
        });
        let reply = self.dialect.encode(self.operation, &answer);
        let mut reply = reply.with_header("wharfinger-batch-id", self.batch.to_string());
        if self.told.dry_run {
            reply = reply.with_header("wharfinger-dry-run", "true");
        }
        if let Some(warnings) = warnings(slots) {
            reply = reply.with_header("wharfinger-warnings", warnings);
        }
        (reply, Counts::of(&outcomes))
    }

    /// The answer, and what it counts.
    #[must_use]
    pub fn tell(&self, slots: &[Slot<'_>], decided: Vec<Outcome>) -> Taken {
        let (reply, counts) = self.reply(slots, decided);
        Taken {
            answered: Answered::Now(reply),
            batch: Some((self.batch, counts)),
        }
    }

    /// As [`Self::tell`], where the store has kept the answer.
    pub fn tell_kept(
        &self,
        slots: &[Slot<'_>],
        admitted: Admitted,
    ) -> Result<Taken, RequestFailure> {
        let outcomes = one_outcome_a_slot(slots, admitted.outcomes);
        Ok(Taken {
            answered: Answered::Now(admitted.reply.ok_or(RequestFailure::Internal)?),
            batch: Some((self.batch, Counts::of(&outcomes))),
        })
    }
}

/// How many orders have warnings, and of what kinds they are, each with the first order that has it:
/// `2; 0/curency unknown_attribute, 1/order_items/0/price price_form`.
fn warnings(slots: &[Slot<'_>]) -> Option<String> {
    let warned = slots
        .iter()
        .filter(|slot| !slot.warnings.is_empty())
        .count();
    if warned == 0 {
        return None;
    }
    let mut kinds: Vec<(usize, &Warning)> = Vec::new();
    'slots: for (index, slot) in slots.iter().enumerate() {
        for warning in &slot.warnings {
            if kinds.len() == KINDS_TOLD_MAX {
                break 'slots;
            }
            if !kinds.iter().any(|(_, known)| known.is_like(warning)) {
                kinds.push((index, warning));
            }
        }
    }
    let kind = |(index, warning): (usize, &Warning)| {
        let pointer = warning.path.pointer();
        let pointer = utf8_percent_encode(&pointer, NOT_IN_POINTER);
        format!("{index}{pointer} {}", warning.code.id())
    };
    let kinds: Vec<_> = kinds.into_iter().map(kind).collect();
    Some(format!("{warned}; {}", kinds.join(", ")))
}

/// Puts the store's outcomes of the good orders between those that were turned down before.
pub(crate) fn one_outcome_a_slot(slots: &[Slot<'_>], decided: Vec<Outcome>) -> Vec<Outcome> {
    let mut decided = decided.into_iter();
    let outcomes: Vec<_> = slots
        .iter()
        .map(|slot| match &slot.verdict {
            Verdict::Good(_) => decided.next().expect("the store answers every good order"),
            Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                Outcome::Rejected(problems.clone())
            }
        })
        .collect();
    assert!(decided.next().is_none(), "outcome i answers slot i");
    outcomes
}
