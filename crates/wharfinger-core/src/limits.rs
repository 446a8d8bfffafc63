//! Every bound on what a request may ask of the server, with its unit in its name.

/// The bounds of reading and judging a body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body, after its content coding is undone.
    pub body_bytes_max: usize,
    /// Orders in a batch.
    pub orders_per_batch_max: usize,
    /// Bytes of one order's text.
    pub order_bytes_max: usize,
    /// Levels of nesting in an order, the order itself being 1.
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

/// Problems told of one order. Without a bound, an array of wrong elements would be kept many times over.
pub const PROBLEMS_PER_ORDER_MAX: usize = 1_000;

/// Problems told of a whole batch, from which on an order tells only [`PROBLEMS_PER_LATE_ORDER_MAX`].
pub const PROBLEMS_PER_BATCH_MAX: usize = 500_000;

/// Problems told of one order where the batch has told very many already.
pub const PROBLEMS_PER_LATE_ORDER_MAX: usize = 10;

/// Problems that are told of an order where the orders before it in its batch have told so many.
#[must_use]
pub fn problems_told_max(told_before: usize) -> usize {
    if told_before < PROBLEMS_PER_BATCH_MAX {
        PROBLEMS_PER_ORDER_MAX
    } else {
        PROBLEMS_PER_LATE_ORDER_MAX
    }
}

/// Warnings told of one order.
pub const WARNINGS_PER_ORDER_MAX: usize = 20;

/// Warnings told of a whole batch, from which on an order tells only [`WARNINGS_PER_LATE_ORDER_MAX`].
pub const WARNINGS_PER_BATCH_MAX: usize = 100_000;

/// Warnings told of one order where the batch has told very many already.
pub const WARNINGS_PER_LATE_ORDER_MAX: usize = 1;

/// Characters of an order key.
pub const KEY_CHARS_MAX: usize = 255;

/// The highest order number: the last whole number that every reader of JSON keeps exact.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
