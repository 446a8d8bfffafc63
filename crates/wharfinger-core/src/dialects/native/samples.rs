//! Requests that show the dialect at work.

use crate::dialect::{Sample, SampleKey, Samples};

const ONE: &str = r#"{"key":"A-1","placed_at":"2026-11-18","lines":[{"sku":"TEA-7","unit_price":"55.10","currency":"GBP"}]}"#;

/// The samples, as this key would send them.
pub(super) fn samples(key: &SampleKey<'_>) -> Samples {
    let sample = |body: &str| Sample {
        method: "POST",
        target: format!("/v1/batches?organisation={}", key.organisation),
        headers: vec![
            ("authorization", format!("Bearer {}", key.secret)),
            ("content-type", "application/json".to_owned()),
        ],
        body: body.to_owned(),
    };
    Samples {
        one: sample(ONE),
        batch: sample(include_str!("../../../../../examples/native.json")),
    }
}
