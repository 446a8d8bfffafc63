//! Sample requests.

use crate::dialect::{Sample, SampleKey, Samples};

const ONE: &str =
    r#"[{"packingslipno":"S-1","consignee":"Ann Tailor","city":"Auckland","country":"NZ"}]"#;

/// Returns the samples for this API key.
pub(super) fn samples(key: &SampleKey<'_>) -> Samples {
    let sample = |body: &str| Sample {
        method: "PUT",
        target: "/api/customerorders".to_owned(),
        headers: vec![
            ("access_key", key.secret.to_owned()),
            ("site_id", key.organisation.to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body: body.to_owned(),
    };
    Samples {
        one: sample(ONE),
        batch: sample(include_str!("../../../../../examples/gosweetspot.json")),
    }
}
