//! The orders that `wharfinger bench` sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::workload::{ByEmail, Indexed, Workload};

/// Orders of about 520 bytes, with an address and two lines.
pub(super) static WORKLOAD: Workload = Workload {
    order: include_str!("workload.tmpl"),
    parse,
    taken,
    reads: &[],
    products: None,
    by_email: Some(ByEmail {
        address: "customer.{{customer}}@inbox.example.com",
        key: "WEB-{{stamp}}",
    }),
};

/// The order as a minimal program would declare it, with the attributes that the benchmark uses.
#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "a plain program reads every attribute, whatever it then does with them"
)]
struct Order<'a> {
    organisation: Option<&'a str>,
    key: &'a str,
    placed_at: Option<&'a str>,
    fulfilled_at: Option<&'a str>,
    locale: Option<&'a str>,
    #[serde(borrow)]
    customer: Option<Customer<'a>>,
    shipping_address: Option<Address<'a>>,
    lines: Vec<Line<'a>>,
    shipping_price: Option<&'a RawValue>,
    discount: Option<&'a RawValue>,
    currency: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Customer<'a> {
    email: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    phone: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Address<'a> {
    name: Option<&'a str>,
    #[serde(borrow)]
    lines: Vec<&'a str>,
    city: Option<&'a str>,
    postcode: Option<&'a str>,
    country: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Line<'a> {
    #[serde(borrow)]
    quantity: Option<&'a RawValue>,
    sku: Option<&'a str>,
    unit_price: Option<&'a RawValue>,
    currency: Option<&'a str>,
    metadata: Option<&'a RawValue>,
}

fn parse(body: &str) -> serde_json::Result<Vec<Indexed<'_>>> {
    let orders: Vec<Order<'_>> = serde_json::from_str(body)?;
    let indexed = std::hint::black_box(&orders).iter().map(|order| Indexed {
        organisation: order.organisation,
        key: order.key,
    });
    Ok(indexed.collect())
}

/// The counts precede the results.
fn taken(answer: &str) -> usize {
    let counts = ["\"accepted\":", "\"updated\":", "\"unchanged\":"];
    counts.iter().map(|name| count(answer, name)).sum()
}

fn count(answer: &str, name: &str) -> usize {
    let Some((_, behind)) = answer.split_once(name) else {
        return 0;
    };
    let end = behind.find(|letter: char| !letter.is_ascii_digit());
    let digits = end.map_or(behind, |end| &behind[..end]);
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_that_was_taken_counts() {
        let answer = r#"{"id":"x","status":"partial","received":6,"accepted":3,"updated":0,"unchanged":2,"rejected":1,"withheld":0,"results":[]}"#;
        assert_eq!(taken(answer), 5);
        assert_eq!(taken("{}"), 0);
    }
}
