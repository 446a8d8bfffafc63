//! Metrics in the text form of Prometheus.

use std::collections::{BTreeMap, BTreeSet};

/// All samples of a text.
pub(super) struct Metrics<'t> {
    samples: Vec<Sample<'t>>,
}

struct Sample<'t> {
    name: &'t str,
    labels: BTreeMap<&'t str, &'t str>,
    value: f64,
}

/// How long something took: the bounds, and how many took no longer.
#[derive(Default)]
pub(super) struct Histogram {
    /// All that were counted.
    pub(super) count: f64,
    /// By the bits of the bound, which order as the bounds do.
    within: BTreeMap<u64, f64>,
}

impl<'t> Metrics<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        Self {
            samples: text.lines().filter_map(sample).collect(),
        }
    }

    fn named<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m Sample<'t>> {
        self.samples
            .iter()
            .filter(move |sample| sample.name == name)
    }

    /// The value of a metric without labels.
    pub(super) fn one(&self, name: &str) -> Option<f64> {
        self.named(name).next().map(|sample| sample.value)
    }

    /// The values of a label.
    pub(super) fn values_of(&self, name: &str, label: &str) -> Vec<&'t str> {
        let values = self.named(name).filter(|sample| sample.value > 0.0);
        let values: BTreeSet<_> = values
            .filter_map(|sample| sample.labels.get(label).copied())
            .collect();
        values.into_iter().collect()
    }

    /// The sums by two labels, without those that are zero.
    pub(super) fn sums(
        &self,
        name: &str,
        first: &str,
        second: &str,
    ) -> Vec<(&'t str, &'t str, f64)> {
        let mut sums = BTreeMap::new();
        for sample in self.named(name) {
            let label = |label: &str| sample.labels.get(label).copied().unwrap_or_default();
            *sums.entry((label(first), label(second))).or_insert(0.0) += sample.value;
        }
        let sums = sums.into_iter().filter(|(_, value)| *value > 0.0);
        sums.map(|((first, second), value)| (first, second, value))
            .collect()
    }

    /// A histogram of all samples that have these labels.
    pub(super) fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Histogram {
        let mut histogram = Histogram::default();
        let has_labels = |sample: &&Sample<'_>| {
            labels
                .iter()
                .all(|(label, value)| sample.labels.get(label) == Some(value))
        };
        let (buckets, counts) = (format!("{name}_bucket"), format!("{name}_count"));
        for sample in self.named(&buckets).filter(has_labels) {
            let bound = sample.labels.get("le").copied().unwrap_or_default();
            let bound = bound
                .replace("+Inf", "inf")
                .parse()
                .unwrap_or(f64::INFINITY);
            *histogram.within.entry(bound.to_bits()).or_insert(0.0) += sample.value;
        }
        histogram.count = self
            .named(&counts)
            .filter(has_labels)
            .map(|sample| sample.value)
            .sum();
        histogram
    }

    /// How many requests of a route had a status of 500 and above.
    pub(super) fn failed(&self, name: &str, route: &str) -> f64 {
        let counts = format!("{name}_count");
        let failed = self.named(&counts).filter(|sample| {
            let status = sample.labels.get("status");
            sample.labels.get("route") == Some(&route)
                && status.is_some_and(|status| status.starts_with('5'))
        });
        failed.map(|sample| sample.value).sum()
    }
}

impl Histogram {
    /// The bound that a part of all did not exceed. `None` if nothing was counted.
    pub(super) fn quantile(&self, part: f64) -> Option<f64> {
        let wanted = self.count * part;
        let mut within = self.within.iter().filter(|(_, value)| **value > 0.0);
        let found = within.find(|(_, value)| **value >= wanted);
        found.map(|(bound, _)| f64::from_bits(*bound))
    }
}

/// A line such as `name{label="value"} 1`. Values of labels are names of this program, without quotes in them.
fn sample(line: &str) -> Option<Sample<'_>> {
    if line.starts_with('#') {
        return None;
    }
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').unwrap_or((head, ""));
    let labels = labels.trim_end_matches('}').split("\",");
    let labels = labels.filter_map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name, value.trim_end_matches('"')))
    });
    Some(Sample {
        name,
        labels: labels.collect(),
        value: value.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a b\n\
        a_total{dialect=\"x\",outcome=\"new\"} 3\na_total{dialect=\"x\",outcome=\"old\"} 0\na_total{outcome=\"new\",dialect=\"x\"} 2\n\
        b 1.5\n\
        t_seconds_bucket{le=\"0.1\",route=\"r\",status=\"200\"} 2\nt_seconds_bucket{le=\"0.1\",route=\"r\",status=\"500\"} 0\n\
        t_seconds_bucket{le=\"+Inf\",route=\"r\",status=\"200\"} 3\nt_seconds_bucket{le=\"+Inf\",route=\"r\",status=\"500\"} 1\n\
        t_seconds_count{route=\"r\",status=\"200\"} 3\nt_seconds_count{route=\"r\",status=\"500\"} 1\n";

    #[test]
    fn samples_are_read_and_added_up() {
        let metrics = Metrics::read(TEXT);
        assert_eq!(metrics.one("b"), Some(1.5));
        assert_eq!(metrics.one("c"), None);
        assert_eq!(
            metrics.sums("a_total", "dialect", "outcome"),
            [("x", "new", 5.0)]
        );
        assert_eq!(metrics.values_of("t_seconds_count", "route"), ["r"]);
        let times = metrics.histogram("t_seconds", &[("route", "r")]);
        assert!((times.count - 4.0).abs() < f64::EPSILON);
        assert_eq!(times.quantile(0.5), Some(0.1));
        assert_eq!(times.quantile(0.99), Some(f64::INFINITY));
        assert!((metrics.failed("t_seconds", "r") - 1.0).abs() < f64::EPSILON);
        assert_eq!(
            metrics
                .histogram("t_seconds", &[("route", "s")])
                .quantile(0.5),
            None
        );
    }
}
