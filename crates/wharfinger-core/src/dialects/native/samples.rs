//! Sample requests.

use crate::dialect::{Sample, SampleKey, Samples};

const ONE: &str = r#"{"key":"A-1","placed_at":"2026-11-18","lines":[{"sku":"TEA-7","unit_price":"55.10","currency":"GBP"}]}"#;

/// Returns the samples for this API key.
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
