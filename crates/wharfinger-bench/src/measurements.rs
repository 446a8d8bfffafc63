//! What is measured in rounds, and its medians.

use std::time::Duration;

use serde::Serialize;

/// The result of one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) orders: u64,
    pub(crate) duration: Duration,
    /// CPU time of the measured processes, including a database's. `None` if they run on another machine.
    pub(crate) cpu: Option<Duration>,
    /// The database's part of it. `None` without a separate database process.
    pub(crate) database_cpu: Option<Duration>,
    /// Bytes that the measured process wrote. `None` on a database, whose processes are not ours to read.
    pub(crate) written_bytes: Option<u64>,
    /// Latency of each request.
    pub(crate) latencies: Vec<Duration>,
}

impl Round {
    /// Merges the results of another connection in the same round.
    pub(crate) fn add(&mut self, other: Self) {
        self.orders += other.orders;
        self.duration = self.duration.max(other.duration);
        self.latencies.extend(other.latencies);
    }
}

/// Resource use of a program over its whole run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) memory_peak_bytes: u64,
    pub(crate) disk_bytes: Option<u64>,
    /// All orders it received, including those before the first round.
    pub(crate) orders: u64,
}

/// Measurements of one program in one workload: medians over its rounds, and latencies over all requests.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurements {
    pub(crate) orders: u64,
    pub(crate) orders_per_s: f64,
    pub(crate) cpu_us_per_order: Option<f64>,
    /// The database's part of it. `None` without a separate database process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_cpu_us_per_order: Option<f64>,
    pub(crate) written_bytes_per_order: Option<f64>,
    pub(crate) latency_ms: Option<Latency>,
    pub(crate) disk_bytes_per_order: Option<f64>,
    pub(crate) memory_peak_bytes: Option<u64>,
}

/// Latency of requests, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    /// The slowest single response.
    pub(crate) max: f64,
}

impl Measurements {
    pub(crate) fn of(rounds: &[Round], usage: Option<Usage>) -> Self {
        let mut rates = Vec::new();
        let mut costs = Vec::new();
        let mut database_costs = Vec::new();
        let mut written = Vec::new();
        let mut latencies = Vec::new();
        for round in rounds.iter().filter(|round| round.orders > 0) {
            let orders = as_f64(round.orders);
            rates.push(orders / round.duration.as_secs_f64());
            let us_per_order = |cpu: Duration| cpu.as_secs_f64() * 1e6 / orders;
            costs.extend(round.cpu.map(us_per_order));
            database_costs.extend(round.database_cpu.map(us_per_order));
            written.extend(round.written_bytes.map(|bytes| as_f64(bytes) / orders));
            latencies.extend_from_slice(&round.latencies);
        }
        let disk = usage.and_then(|usage| Some(as_f64(usage.disk_bytes?) / as_f64(usage.orders)));
        Self {
            orders: rounds.iter().map(|round| round.orders).sum(),
            orders_per_s: median(&mut rates).unwrap_or_default(),
            cpu_us_per_order: median(&mut costs),
            database_cpu_us_per_order: median(&mut database_costs),
            written_bytes_per_order: median(&mut written),
            latency_ms: Latency::of(&mut latencies),
            disk_bytes_per_order: disk,
            memory_peak_bytes: usage.map(|usage| usage.memory_peak_bytes),
        }
    }
}

impl Latency {
    fn of(latencies: &mut [Duration]) -> Option<Self> {
        latencies.sort_unstable();
        let ms = |permille| Some(percentile(latencies, permille)?.as_secs_f64() * 1e3);
        Some(Self {
            p50: ms(500)?,
            p99: ms(990)?,
            p99_9: ms(999)?,
            max: ms(1_000)?,
        })
    }
}

/// The median. For an even number of values, the mean of the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// The smallest value that at least `permille` thousandths of all values do not exceed.
fn percentile(sorted: &[Duration], permille: usize) -> Option<Duration> {
    let rank = (sorted.len() * permille).div_ceil(1_000);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Converts exactly: counts stay far below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "no run counts to the 2^53 at which it would begin"
)]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_the_middle() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<_> = (1..=1_000).map(Duration::from_micros).collect();
        let of = |permille| percentile(&sorted, permille).unwrap().as_micros();
        assert_eq!(
            (of(500), of(990), of(999), of(1_000)),
            (500, 990, 999, 1_000)
        );
        let one = [Duration::from_micros(7)];
        assert_eq!(percentile(&one, 500), Some(one[0]));
        assert_eq!(percentile(&one, 999), Some(one[0]));
        assert_eq!(percentile(&[], 500), None);
    }

    #[test]
    fn measurements_are_medians_over_rounds_and_disk_counts_all_orders() {
        let round = |orders, ms, cpu_ms| Round {
            orders,
            duration: Duration::from_millis(ms),
            cpu: Some(Duration::from_millis(cpu_ms)),
            database_cpu: None,
            written_bytes: Some(orders * 300),
            latencies: vec![Duration::from_millis(ms)],
        };
        let rounds = [
            round(1_000, 100, 4),
            round(1_000, 200, 5),
            round(1_000, 50, 3),
        ];
        let usage = Usage {
            memory_peak_bytes: 5,
            disk_bytes: Some(8_000),
            orders: 4_000,
        };
        let measurements = Measurements::of(&rounds, Some(usage));
        assert_eq!(measurements.orders, 3_000);
        assert!((measurements.orders_per_s - 10_000.0).abs() < 1e-6);
        assert!((measurements.cpu_us_per_order.unwrap() - 4.0).abs() < 1e-9);
        assert!((measurements.written_bytes_per_order.unwrap() - 300.0).abs() < 1e-9);
        assert!((measurements.disk_bytes_per_order.unwrap() - 2.0).abs() < 1e-9);
        let latency = measurements.latency_ms.unwrap();
        assert!((latency.p50 - 100.0).abs() < 1e-9);
        assert!((latency.max - 200.0).abs() < 1e-9);
    }
}
