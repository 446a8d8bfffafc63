//! How much work an evaluation is, estimated before it runs. The unit is the evaluation of a node with a short text: about 0.1
//! microseconds in a release build.

/// The most work of all rules on one order: about five milliseconds.
pub(super) const ORDER_WORK_MAX: u64 = 50_000;
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
