//! Rate limits of keys: token buckets, counted per server process.
//!
//! A bucket holds one second's worth of tokens. Each request takes one token. The orders of a request are charged after
//! decoding, when their number is known. That bucket may become negative; while it is, requests are refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::store::Key;
pub use crate::store::Rates;

const SECOND_NS: u64 = 1_000_000_000;

/// The token buckets of a key.
#[derive(Debug)]
pub struct Meter {
    began: Instant,
    requests: Option<Bucket>,
    orders: Option<Bucket>,
}

impl Meter {
    /// Starts with full buckets. `None` if nothing is limited.
    #[must_use]
    pub fn new(rates: Rates, now: Instant) -> Option<Self> {
        let requests = rates
            .requests_per_second
            .map(|rate| Bucket::new("requests", rate));
        let orders = rates
            .orders_per_second
            .map(|rate| Bucket::new("orders", rate));
        (requests.is_some() || orders.is_some()).then_some(Self {
            began: now,
            requests,
            orders,
        })
    }

    /// Admits a request and counts it.
    ///
    /// # Errors
    /// The rate is exceeded, or the order bucket is negative: the time to wait. The request is not counted.
    pub fn admit(&self, now: Instant) -> Result<(), Duration> {
        let at_ns = self.at_ns(now);
        if let Some(orders) = &self.orders {
            orders.check(at_ns)?;
        }
        if let Some(requests) = &self.requests {
            requests.take_one(at_ns)?;
        }
        Ok(())
    }

    /// Admits a request that only reads and whose sender looks at a page. It is counted, and orders that were sent before do not
    /// delay it.
    ///
    /// # Errors
    /// The rate of requests is exceeded: the time to wait. The request is not counted.
    pub fn admit_reading(&self, now: Instant) -> Result<(), Duration> {
        let requests = self.requests.as_ref();
        requests.map_or(Ok(()), |requests| requests.take_one(self.at_ns(now)))
    }

    /// Charges the orders of an admitted request.
    pub fn charge_orders(&self, now: Instant, orders: usize) {
        if let Some(bucket) = &self.orders {
            bucket.charge(self.at_ns(now), orders);
        }
    }

    /// What the key may send, and what is left of it in the current second.
    #[must_use]
    pub fn allowance(&self, now: Instant) -> Allowance {
        let at_ns = self.at_ns(now);
        let per_second = |bucket: &Option<Bucket>| bucket.as_ref().map(|bucket| bucket.per_second);
        let left = |bucket: &Option<Bucket>| bucket.as_ref().map(|bucket| bucket.left(at_ns));
        Allowance {
            requests_per_second: per_second(&self.requests),
            requests_left: left(&self.requests),
            orders_per_second: per_second(&self.orders),
            orders_left: left(&self.orders),
        }
    }

    /// The values of the response header fields `RateLimit-Policy` and `RateLimit`, as in the IETF draft "RateLimit header
    /// fields for HTTP".
    #[must_use]
    pub fn fields(&self, now: Instant) -> (String, String) {
        let at_ns = self.at_ns(now);
        let (mut policies, mut limits) = (Vec::new(), Vec::new());
        for bucket in self.requests.iter().chain(&self.orders) {
            let (name, quota) = (bucket.name, bucket.per_second);
            policies.push(format!("\"{name}\";q={quota};w=1"));
            let (left, full_in_s) = (bucket.left(at_ns), bucket.full_in_s(at_ns));
            limits.push(format!("\"{name}\";r={left};t={full_in_s}"));
        }
        (policies.join(", "), limits.join(", "))
    }

    fn at_ns(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What a key with a rate limit may still send. A kind of token that is not limited is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests per second.
    pub requests_per_second: Option<u32>,
    /// Requests that would be admitted now.
    pub requests_left: Option<u64>,
    /// Orders per second.
    pub orders_per_second: Option<u32>,
    /// Orders before the bucket is negative. 0 if it is.
    pub orders_left: Option<u64>,
}

/// A token bucket that refills steadily. Its whole state is the time at which it will be full: each missing token delays that
/// time.
#[derive(Debug)]
struct Bucket {
    name: &'static str,
    per_second: u32,
    full_at_ns: AtomicU64,
}

impl Bucket {
    fn new(name: &'static str, per_second: u32) -> Self {
        Self {
            name,
            per_second: per_second.max(1),
            full_at_ns: AtomicU64::new(0),
        }
    }

    /// The time in which this many tokens are refilled.
    fn worth_ns(&self, tokens: usize) -> u64 {
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        tokens.saturating_mul(SECOND_NS) / u64::from(self.per_second)
    }

    /// The time until the bucket is full. It is one second when the bucket is empty, and more when it is negative.
    fn missing_ns(&self, at_ns: u64) -> u64 {
        self.full_at_ns
            .load(Ordering::Relaxed)
            .saturating_sub(at_ns)
    }

    /// Fails if the bucket is negative, with the time to wait.
    fn check(&self, at_ns: u64) -> Result<(), Duration> {
        match self.missing_ns(at_ns).checked_sub(SECOND_NS) {
            Some(below_ns) if below_ns > 0 => Err(Duration::from_nanos(below_ns)),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a token, or fails with the time to wait.
    fn take_one(&self, at_ns: u64) -> Result<(), Duration> {
        let cost_ns = self.worth_ns(1);
        let missing_then_ns =
            |full_at_ns: u64| full_at_ns.saturating_sub(at_ns).saturating_add(cost_ns);
        let taken =
            self.full_at_ns
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at_ns| {
                    let missing_ns = missing_then_ns(full_at_ns);
                    (missing_ns <= SECOND_NS).then(|| at_ns.saturating_add(missing_ns))
                });
        match taken {
            Ok(_) => Ok(()),
            Err(full_at_ns) => {
                let wait_ns = missing_then_ns(full_at_ns).saturating_sub(SECOND_NS);
                Err(Duration::from_nanos(wait_ns))
            }
        }
    }

    /// Takes tokens; the bucket may become negative.
    fn charge(&self, at_ns: u64, tokens: usize) {
        let cost_ns = self.worth_ns(tokens);
        let charge = |full_at_ns: u64| Some(full_at_ns.max(at_ns).saturating_add(cost_ns));
        // The closure always returns a value.
        let _ = self
            .full_at_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, charge);
    }

    /// Whole tokens in the bucket.
    fn left(&self, at_ns: u64) -> u64 {
        let missing_ns = u128::from(self.missing_ns(at_ns));
        let missing = (missing_ns * u128::from(self.per_second)).div_ceil(u128::from(SECOND_NS));
        let missing = u64::try_from(missing).unwrap_or(u64::MAX);
        u64::from(self.per_second).saturating_sub(missing)
    }

    /// Seconds until the bucket is full, at least one.
    fn full_in_s(&self, at_ns: u64) -> u64 {
        self.missing_ns(at_ns).div_ceil(SECOND_NS).max(1)
    }
}

/// Whether `key`'s limits are no higher than those of `other`. `of_all` are the rates of keys without their own.
#[must_use]
pub fn is_within(key: &Key, other: &Key, of_all: Rates) -> bool {
    let (rates, bounds) = (key.rates.or(of_all), other.rates.or(of_all));
    let is_within = |rate: Option<u32>, bound: Option<u32>| match (rate, bound) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(rate), Some(bound)) => rate <= bound,
    };
    is_within(rates.requests_per_second, bounds.requests_per_second)
        && is_within(rates.orders_per_second, bounds.orders_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(requests: Option<u32>, orders: Option<u32>) -> (Meter, impl Fn(u64) -> Instant) {
        let rates = Rates {
            requests_per_second: requests,
            orders_per_second: orders,
        };
        let began = Instant::now();
        let meter = Meter::new(rates, began).expect("something is limited");
        (meter, move |ms| began + Duration::from_millis(ms))
    }

    #[test]
    fn without_rates_there_is_nothing_to_count() {
        assert!(Meter::new(Rates::default(), Instant::now()).is_none());
    }

    #[test]
    fn a_second_has_as_many_requests_as_the_rate_says() {
        let (meter, at) = meter(Some(4), None);
        for _ in 0..4 {
            assert_eq!(meter.admit(at(10)), Ok(()));
        }
        assert_eq!(meter.admit(at(10)), Err(Duration::from_millis(250)));
        assert_eq!(meter.admit(at(259)), Err(Duration::from_millis(1)));
        assert_eq!(
            meter.admit(at(260)),
            Ok(()),
            "a quarter of a second, a token"
        );
        assert!(
            meter.admit(at(260)).is_err(),
            "the refused ones cost nothing"
        );
        let admitted = (0..10_000).filter(|ms| meter.admit(at(60_000 + ms)).is_ok());
        assert_eq!(admitted.count(), 4 + 39, "a full bucket, then the rate");
    }

    #[test]
    fn orders_are_taken_whole_and_paid_for_afterwards() {
        let (meter, at) = meter(None, Some(10));
        assert_eq!(meter.admit(at(0)), Ok(()));
        meter.charge_orders(at(0), 10);
        assert_eq!(meter.admit(at(0)), Ok(()), "empty is not below zero");
        meter.charge_orders(at(0), 25);
        assert_eq!(meter.admit(at(0)), Err(Duration::from_millis(2_500)));
        assert_eq!(meter.admit(at(2_499)), Err(Duration::from_millis(1)));
        assert_eq!(meter.admit(at(2_500)), Ok(()));
        meter.charge_orders(at(60_000), 10);
        assert_eq!(meter.admit(at(60_000)), Ok(()), "it holds a second's worth");
        meter.charge_orders(at(60_000), usize::MAX);
        assert!(meter.admit(at(3_600_000)).is_err());
    }

    #[test]
    fn pages_are_read_while_orders_are_paid_for() {
        let (meter, at) = meter(Some(2), Some(10));
        meter.charge_orders(at(0), 100);
        assert!(meter.admit(at(0)).is_err());
        assert_eq!(meter.admit_reading(at(0)), Ok(()));
        assert_eq!(meter.admit_reading(at(0)), Ok(()));
        assert_eq!(meter.admit_reading(at(0)), Err(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_left_is_told() {
        let (meter, at) = meter(Some(100), Some(1_000));
        meter.admit(at(0)).expect("the first one");
        meter.charge_orders(at(0), 2_500);
        let (policy, limit) = meter.fields(at(0));
        assert_eq!(policy, r#""requests";q=100;w=1, "orders";q=1000;w=1"#);
        assert_eq!(limit, r#""requests";r=99;t=1, "orders";r=0;t=3"#);
        let (_, limit) = meter.fields(at(2_000));
        assert_eq!(limit, r#""requests";r=100;t=1, "orders";r=500;t=1"#);
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let (meter, at) = meter(Some(500), None);
        let admitted = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..400).filter(|_| meter.admit(at(0)).is_ok()).count()))
                .collect();
            takers
                .into_iter()
                .map(|taker| taker.join().expect("it ends"))
                .sum::<usize>()
        });
        assert_eq!(admitted, 500);
    }
}
