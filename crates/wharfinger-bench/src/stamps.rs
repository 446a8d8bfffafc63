//! Stamps: numbers that distinguish the orders of a run, and the values derived from them.

/// Digits of a stamp.
pub(crate) const DIGITS: usize = 14;
/// Orders that one run can create before its stamps overlap those of a run started a second later.
const ORDERS_PER_RUN: u64 = 1_000_000_000;
/// Seconds after which stamps start over.
const RUN_SECONDS: u64 = 100_000;

/// One in this many orders belongs to a regular customer.
const REGULAR_EVERY: u64 = 100;
/// A regular customer has one in this many orders, so the next one is likely in another block.
pub(crate) const REGULAR_AGAIN: u64 = 100_000;

/// First stamp of a run, from the second in which it was started.
pub(crate) fn first_of_run(now_ms: i64) -> u64 {
    let seconds = u64::try_from(now_ms / 1_000).unwrap_or_default();
    (seconds % RUN_SECONDS) * ORDERS_PER_RUN
}

/// The digits as written in an order.
pub(crate) fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

/// Half of the digits of a stamp, and how many numbers have so many digits.
const HALF_DIGITS: u32 = 7;
const HALF: u64 = 10_u64.pow(HALF_DIGITS);

/// A number in no order with those of other stamps, with as many digits. No other stamp has it.
///
/// A Feistel network over the two halves of the digits: each round can be undone, so two stamps never get the same number.
pub(crate) fn scattered(stamp: u64) -> u64 {
    let (mut left, mut right) = (stamp / HALF % HALF, stamp % HALF);
    for round in 0..4 {
        let mixed = mix(right + round * HALF);
        (left, right) = (right, (left + mixed % HALF) % HALF);
    }
    left * HALF + right
}

/// The finaliser of SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The customer number of the order with this stamp.
pub(crate) fn customer(stamp: u64) -> u64 {
    if is_of_a_regular(stamp) {
        stamp % REGULAR_AGAIN
    } else {
        stamp
    }
}

/// Whether this order's customer has other orders too.
pub(crate) fn is_of_a_regular(stamp: u64) -> bool {
    stamp.is_multiple_of(REGULAR_EVERY)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn scattered_stamps_are_unique_and_in_no_order() {
        let first = first_of_run(1_000_000_000_000);
        let numbers: Vec<_> = (first..first + 10_000).map(scattered).collect();
        let distinct: BTreeSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len());
        assert!(numbers.iter().all(|number| *number < HALF * HALF));
        let steps_up = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((4_500..5_500).contains(&steps_up), "{steps_up}");
    }

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
