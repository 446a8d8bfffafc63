//! Sample requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::{Sample, SampleKey, Samples};

/// Returns the samples for this API key.
pub(super) fn samples(key: &SampleKey<'_>) -> Samples {
    let organisation = key.organisation;
    let token = STANDARD.encode(format!("{}:{}", key.id, key.secret));
    let sample = |target: String, body: String| Sample {
        method: "POST",
        target,
        headers: vec![
            ("authorization", format!("Basic {token}")),
            ("content-type", "application/json".to_owned()),
        ],
        body,
    };
    let one = format!(
        r#"{{"trkref":"{organisation}","order_ref":"A-1","order_date":"18-11-2026","customer":{{"email":"ann@example.com"}},"order_items":[{{"sku":"TEA-7","price":"55,10"}}]}}"#
    );
    Samples {
        one: sample(
            format!("/v4/organisations/{organisation}/customer_order"),
            one,
        ),
        batch: sample(
            "/v4/customer_orders".to_owned(),
            include_str!("../../../../../examples/reevoo.json").to_owned(),
        ),
    }
}
