//! Compares figures with their targets.

use serde::Serialize;

use crate::measurements::Measurements;

/// A figure and its targets.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) work: &'static str,
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) unit: &'static str,
    pub(crate) bar: f64,
    /// `None` if the bar is the only target.
    pub(crate) aim: Option<f64>,
    /// Whether bar and aim are lower bounds. Otherwise they are upper bounds.
    pub(crate) is_at_least: bool,
}

/// The unit of a ratio.
pub(crate) const TIMES: &str = "×";

impl Verdict {
    /// The ratio of CPU per order to another program's. `None` if it could not be measured.
    pub(crate) fn cpu(
        work: &'static str,
        ours: &Measurements,
        beside: &Measurements,
        bar: f64,
        aim: f64,
    ) -> Option<Self> {
        let costs = (ours.cpu_us_per_order?, beside.cpu_us_per_order?);
        Some(Self::cost(work, "CPU per order", costs, bar, aim))
    }

    /// The ratio of disk bytes per order to another program's.
    pub(crate) fn disk(
        work: &'static str,
        ours: &Measurements,
        beside: &Measurements,
        bar: f64,
        aim: f64,
    ) -> Option<Self> {
        let costs = (ours.disk_bytes_per_order?, beside.disk_bytes_per_order?);
        Some(Self::cost(work, "disk per order", costs, bar, aim))
    }

    fn cost(
        work: &'static str,
        what: &str,
        (ours, beside): (f64, f64),
        bar: f64,
        aim: f64,
    ) -> Self {
        Self::at_most(work, what, (ours / beside, TIMES), bar, Some(aim))
    }

    /// The ratio of a rate to another one.
    pub(crate) fn rate(work: &'static str, ours: f64, beside: f64, bar: f64, aim: f64) -> Self {
        Self::at_least(work, "rate", (ours / beside, TIMES), bar, Some(aim))
    }

    /// The 99th percentile of latency.
    pub(crate) fn p99(
        work: &'static str,
        what: impl Into<String>,
        measurements: &Measurements,
        bar_ms: f64,
        aim_ms: Option<f64>,
    ) -> Option<Self> {
        let p99_ms = measurements.latency_ms?.p99;
        Some(Self::at_most(work, what, (p99_ms, "ms"), bar_ms, aim_ms))
    }

    /// Any figure that should be large, with its unit.
    pub(crate) fn at_least(
        work: &'static str,
        what: impl Into<String>,
        figure: (f64, &'static str),
        bar: f64,
        aim: Option<f64>,
    ) -> Self {
        Self {
            is_at_least: true,
            ..Self::at_most(work, what, figure, bar, aim)
        }
    }

    /// Any figure that should be small, with its unit.
    pub(crate) fn at_most(
        work: &'static str,
        what: impl Into<String>,
        (figure, unit): (f64, &'static str),
        bar: f64,
        aim: Option<f64>,
    ) -> Self {
        Self {
            work,
            what: what.into(),
            figure,
            unit,
            bar,
            aim,
            is_at_least: false,
        }
    }

    fn meets(&self, bound: f64) -> bool {
        if self.is_at_least {
            self.figure >= bound
        } else {
            self.figure <= bound
        }
    }

    /// The result in words.
    pub(crate) fn in_words(&self) -> &'static str {
        if self.aim.is_some_and(|aim| self.meets(aim)) {
            "aim met"
        } else if self.meets(self.bar) {
            "bar met"
        } else {
            "BAR MISSED"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_from_the_right_side() {
        let rate = |ours| Verdict::rate("p3", ours, 10.0, 0.4, 0.6).in_words();
        assert_eq!(
            [rate(3.0), rate(4.0), rate(6.0)],
            ["BAR MISSED", "bar met", "aim met"]
        );
        let wait = |ms, aim| Verdict::at_most("p7", "p99", (ms, "ms"), 5.0, aim).in_words();
        assert_eq!(
            [
                wait(5.1, Some(2.5)),
                wait(5.0, Some(2.5)),
                wait(2.5, Some(2.5))
            ],
            ["BAR MISSED", "bar met", "aim met"]
        );
        assert_eq!(wait(0.1, None), "bar met");
    }
}
