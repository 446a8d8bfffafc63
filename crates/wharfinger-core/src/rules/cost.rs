//! How much work an evaluation is, estimated before it runs. The unit is the evaluation of a node with a short text: about 0.1
//! microseconds in a release build.

/// The most work of all rules on one order: about five milliseconds.
pub(super) const ORDER_WORK_MAX: u64 = 50_000;
/// The most work of rules on the orders of one batch: about a second.
const BATCH_WORK_MAX: u64 = 10_000_000;
/// The most work of rules on one batch in the writer's turn, when all other batches wait: about a tenth of a second.
const TURN_WORK_MAX: u64 = 1_000_000;
/// The work of making the values of an order without lines.
const ORDER_WORK: u64 = 200;
/// A text counts once more for each so many bytes that are looked at.
const TEXT_BYTES: u64 = 256;
/// A text counts once more for each so many bytes that are copied.
const COPIED_BYTES: u64 = 1_024;

/// What a rule does, by the number of loops around: none, one, or one and a search in a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    /// The nodes that are evaluated.
    pub(super) nodes: [u64; 3],
    /// The texts that are looked at from end to end.
    pub(super) texts: [u64; 3],
    /// The lists and objects that are copied or compared as a whole.
    pub(super) wholes: [u64; 3],
    /// How many texts are joined.
    pub(super) joins: u64,
    /// The length of all texts that are written in the rule.
    pub(super) literal_bytes: u64,
    /// The length of the longest list that is written in the rule.
    pub(super) longest_literal: u64,
}

/// How large an order is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// The length of the longest list.
    pub(super) longest_list: u64,
    /// The length of the longest text.
    pub(super) longest_text: u64,
    /// The number of all values.
    pub(super) values: u64,
    /// The length of all texts.
    pub(super) text_bytes: u64,
}

/// What rules may still do for a batch. It is counted and not timed, so a dry run holds the same orders as the real run.
#[derive(Debug)]
pub struct BatchWork {
    left: u64,
}

impl BatchWork {
    /// For orders that are judged before the writer's turn.
    #[must_use]
    pub const fn before_turn() -> Self {
        Self {
            left: BATCH_WORK_MAX,
        }
    }

    /// For orders that are judged in the writer's turn.
    #[must_use]
    pub const fn in_turn() -> Self {
        Self {
            left: TURN_WORK_MAX,
        }
    }

    /// Whether no rule may be evaluated for the batch any more.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.left == 0
    }

    /// Takes work. If there is too little left, nothing is left for later orders either.
    pub(super) fn take(&mut self, work: u64) -> Result<(), &'static str> {
        self.left = self.left.saturating_sub(work);
        if self.is_used_up() {
            Err(USED_UP)
        } else {
            Ok(())
        }
    }
}

/// Why an order is held when its batch has no work left.
pub(super) const USED_UP: &str =
    "the work of rules for this batch is used up; send fewer orders at once, or set simpler rules";

impl Extent {
    /// The work of making the values of an order of this size.
    pub(super) fn making(&self) -> u64 {
        ORDER_WORK + 2 * self.values + self.text_bytes / COPIED_BYTES
    }
}

impl Cost {
    /// The work of evaluating the rule on an order of this size.
    pub(super) fn on(&self, extent: &Extent) -> u64 {
        let lists = extent.longest_list.max(self.longest_literal) + 1;
        let joined = extent.longest_text.saturating_mul(self.joins + 1);
        let text = joined.saturating_add(self.literal_bytes) / TEXT_BYTES;
        let whole = extent.values + extent.text_bytes / COPIED_BYTES;
        let mut work = 0_u64;
        let mut times = 1_u64;
        for ((nodes, texts), wholes) in self.nodes.iter().zip(self.texts).zip(self.wholes) {
            let once = nodes
                .saturating_add(texts.saturating_mul(text))
                .saturating_add(wholes.saturating_mul(whole));
            work = work.saturating_add(once.saturating_mul(times));
            times = times.saturating_mul(lists);
        }
        work
    }
}
