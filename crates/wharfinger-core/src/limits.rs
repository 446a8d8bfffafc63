//! Limits of what a request may ask of the server. Each name contains the unit.

/// The limits of reading and judging a body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body, after decompression.
    pub body_bytes_max: usize,
    /// Orders in a batch.
    pub orders_per_batch_max: usize,
    /// Bytes of one order's text.
    pub order_bytes_max: usize,
    /// Nesting levels of an order. The order itself is level 1.
    pub order_depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            orders_per_batch_max: 50_000,
            order_bytes_max: 1 << 20,
            order_depth_max: 64,
        }
    }
}

/// Problems reported for one order. Without a limit, an array of invalid elements would take many times its size in
/// memory.
pub const PROBLEMS_PER_ORDER_MAX: usize = 1_000;

/// Problems reported for a batch. Once reached, each further order reports only [`PROBLEMS_PER_LATE_ORDER_MAX`].
pub const PROBLEMS_PER_BATCH_MAX: usize = 500_000;

/// Problems reported for one order after the batch has reached [`PROBLEMS_PER_BATCH_MAX`].
pub const PROBLEMS_PER_LATE_ORDER_MAX: usize = 10;

/// The number of problems that an order may report, given how many the batch has reported before it.
#[must_use]
pub fn problems_reported_max(reported_before: usize) -> usize {
    if reported_before < PROBLEMS_PER_BATCH_MAX {
        PROBLEMS_PER_ORDER_MAX
    } else {
        PROBLEMS_PER_LATE_ORDER_MAX
    }
}

/// Warnings reported for one order.
pub const WARNINGS_PER_ORDER_MAX: usize = 20;

/// Warnings reported for a batch. Once reached, each further order reports only [`WARNINGS_PER_LATE_ORDER_MAX`].
pub const WARNINGS_PER_BATCH_MAX: usize = 100_000;

/// Warnings reported for one order after the batch has reached [`WARNINGS_PER_BATCH_MAX`].
pub const WARNINGS_PER_LATE_ORDER_MAX: usize = 1;

/// Characters of an order key.
pub const KEY_CHARS_MAX: usize = 255;

/// The highest order number: the largest integer that every JSON reader represents exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
