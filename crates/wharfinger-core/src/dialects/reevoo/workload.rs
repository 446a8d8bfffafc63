//! The orders that `wharfinger bench` sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::workload::{Indexed, Workload};

/// Orders of about 520 bytes, with two items.
pub(super) static WORKLOAD: Workload = Workload {
    order: include_str!("workload.tmpl"),
    parse,
    taken,
    reads: &[],
    products: None,
    by_email: None,
};

/// The order as a minimal program would declare it.
#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "a plain program reads every attribute, whatever it then does with them"
)]
struct Order<'a> {
    trkref: &'a str,
    order_ref: &'a str,
    order_date: Option<&'a str>,
    fulfilment_date: Option<&'a str>,
    language: Option<&'a str>,
    locale: Option<&'a str>,
    #[serde(borrow)]
    customer: Customer<'a>,
    order_items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Customer<'a> {
    email: &'a str,
    customer_ref: Option<&'a str>,
    title: Option<&'a str>,
    first_name: Option<&'a str>,
    surname: Option<&'a str>,
    postcode: Option<&'a str>,
    country: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Item<'a> {
    sku: &'a str,
    price: Option<&'a str>,
    currency: Option<&'a str>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

fn parse(body: &str) -> serde_json::Result<Vec<Indexed<'_>>> {
    let orders: Vec<Order<'_>> = serde_json::from_str(body)?;
    let indexed = std::hint::black_box(&orders).iter().map(|order| Indexed {
        organisation: Some(order.trkref),
        key: order.order_ref,
    });
    Ok(indexed.collect())
}

/// The response to a batch has a summary. The response to a single order has only an id.
fn taken(answer: &str) -> usize {
    let Some((_, count)) = answer.split_once("\"accepted\":") else {
        return usize::from(answer.contains("\"Customer order accepted\""));
    };
    let end = count.find(|letter: char| !letter.is_ascii_digit());
    let digits = end.map_or(count, |end| &count[..end]);
    digits.parse().unwrap_or(0)
}
