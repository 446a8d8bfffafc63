//! Encodes the outcomes of a batch into its response.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use wharfinger_core::dialect::{
    Answer, Dialect, Operation, Reply, ResponseOptions, Slot, Submitted, Verdict,
};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::outcome::{Counts, Outcome};
use wharfinger_core::order::warning::Warning;

use crate::intake::idempotency::Answered;
use crate::intake::request_context::{BatchOptions, Call};
use crate::store::{Admitted, SavedReply};

/// Most kinds of warnings that the header field lists.
const KINDS_LISTED_MAX: usize = 10;

/// Characters that are percent-encoded in the header field's pointers.
const NOT_IN_POINTER: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b';');

/// The result of a submission.
pub struct Taken {
    /// The response.
    pub answered: Answered,
    /// The batch and its number of orders by outcome. `None` if the response was replayed.
    pub batch: Option<(BatchId, Counts)>,
}

impl Taken {
    /// The saved response to an earlier request.
    pub(super) fn again(kept: SavedReply) -> Self {
        Self {
            answered: Answered::Replayed(kept),
            batch: None,
        }
    }
}

/// Everything but the orders that is needed to encode the response to a batch.
#[derive(Clone, Copy)]
pub struct BatchReply {
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    batch: BatchId,
    root_fits: bool,
    options: ResponseOptions,
}

impl BatchReply {
    /// Prepares the response to `call`.
    #[must_use]
    pub fn new(call: &Call<'_>, options: &BatchOptions, batch: BatchId, root_fits: bool) -> Self {
        Self {
            dialect: call.dialect,
            operation: call.operation,
            batch,
            root_fits,
            options: ResponseOptions {
                results: options.results,
                dry_run: call.dry_run,
            },
        }
    }

    /// Encodes the outcome of each order. `decided` has the store's outcomes of the valid orders, in order.
    #[must_use]
    pub fn reply(&self, slots: &[Slot<'_>], decided: Vec<Outcome>) -> (Reply, Counts) {
        let outcomes = one_outcome_a_slot(slots, decided);
        let answer = Answer::Submitted(Submitted {
            batch: self.batch,
            root_fits: self.root_fits,
            slots,
            outcomes: &outcomes,
            options: self.options,
        });
        let reply = self.dialect.encode(self.operation, &answer);
        let mut reply = reply.with_header("wharfinger-batch-id", self.batch.to_string());
        if self.options.dry_run {
            reply = reply.with_header("wharfinger-dry-run", "true");
        }
        if let Some(warnings) = warnings(slots) {
            reply = reply.with_header("wharfinger-warnings", warnings);
        }
        (reply, Counts::of(&outcomes))
    }

    /// Like [`Self::reply`], as the result of a submission.
    #[must_use]
    pub fn taken(&self, slots: &[Slot<'_>], decided: Vec<Outcome>) -> Taken {
        let (reply, counts) = self.reply(slots, decided);
        Taken {
            answered: Answered::Now(reply),
            batch: Some((self.batch, counts)),
        }
    }

    /// Like [`Self::taken`], for a response that the store has encoded and saved.
    pub fn taken_saved(
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

/// Value of the `Wharfinger-Warnings` header field: the number of orders with warnings, then each kind of warning with the
/// first order that has it: `2; 0/curency unknown_attribute, 1/order_items/0/price price_form`.
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
            if kinds.len() == KINDS_LISTED_MAX {
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

/// Merges the store's outcomes of the valid orders with those rejected earlier: one outcome per slot, in order.
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
