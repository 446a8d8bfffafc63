//! Stamps: numbers that tell the orders of a run apart, and what follows from them.

/// Digits of a stamp.
pub(super) const DIGITS: usize = 14;
/// Orders that one run can make before its stamps reach into those of a run a second later.
const ORDERS_PER_RUN: u64 = 1_000_000_000;
/// Seconds after which stamps begin from the start again.
const RUN_SECONDS: u64 = 100_000;

/// One order in so many is of a regular customer.
const REGULAR_EVERY: u64 = 100;
/// A regular customer has one order in so many: the next one is likely in another block.
pub(super) const REGULAR_AGAIN: u64 = 100_000;

/// Where the stamps of a run begin, by the second it was started in.
pub(super) fn first_of_run(now_ms: i64) -> u64 {
    let seconds = u64::try_from(now_ms / 1_000).unwrap_or_default();
    (seconds % RUN_SECONDS) * ORDERS_PER_RUN
}

/// The digits that stand in an order.
pub(super) fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

/// The number of the customer whose order has this stamp.
pub(super) fn customer(stamp: u64) -> u64 {
    if is_of_a_regular(stamp) {
        stamp % REGULAR_AGAIN
    } else {
        stamp
    }
}

/// Whether this order's customer has others too.
pub(super) fn is_of_a_regular(stamp: u64) -> bool {
    stamp.is_multiple_of(REGULAR_EVERY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn regular_customers_have_one_order_in_so_many_and_others_one() {
        let mut orders = BTreeMap::<u64, Vec<u64>>::new();
        for stamp in 0..2 * REGULAR_AGAIN {
            orders.entry(customer(stamp)).or_default().push(stamp);
        }
        let regulars: Vec<_> = orders.values().filter(|stamps| stamps.len() > 1).collect();
        assert_eq!(regulars.len() as u64, REGULAR_AGAIN / REGULAR_EVERY);
        for stamps in regulars {
            assert_eq!(*stamps, [stamps[0], stamps[0] + REGULAR_AGAIN]);
            assert!(stamps.iter().all(|stamp| is_of_a_regular(*stamp)));
        }
    }
}
