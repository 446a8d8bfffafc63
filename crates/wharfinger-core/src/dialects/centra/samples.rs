//! Sample requests.

use crate::dialect::{Sample, SampleKey, Samples};

const ONE: &str = r#"{"address":{"email":"ann@example.com","country":"SE"},"products":[{"sku":"TEA-7","qty":1}]}"#;

/// Returns the samples for this API key.
pub(super) fn samples(key: &SampleKey<'_>) -> Samples {
    let organisation = key.organisation;
    let sample = |route: &str, body: &str| Sample {
        method: "POST",
        target: format!("/centra/{organisation}/{route}"),
        headers: vec![
            ("api-authorization", key.secret.to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body: body.to_owned(),
    };
    Samples {
        one: sample("order", ONE),
        batch: sample(
            "orders",
            include_str!("../../../../../examples/centra.json"),
        ),
    }
}
