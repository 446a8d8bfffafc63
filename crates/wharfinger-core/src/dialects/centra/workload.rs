//! The orders that `wharfinger bench` sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::workload::{Indexed, Named, Workload};

/// Orders with their own number, one address, two products and a payment.
pub(super) static WORKLOAD: Workload = Workload {
    order: include_str!("workload.tmpl"),
    parse,
    taken,
    reads: &[],
    products: Some("sku"),
    by_email: None,
};

/// The order as a minimal program would declare it, with the attributes that the benchmark uses.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "a plain program reads every attribute, whatever it then does with them"
)]
struct Order<'a> {
    #[serde(borrow)]
    order_number: &'a RawValue,
    order_date: Option<&'a str>,
    address: Address<'a>,
    products: Vec<Product<'a>>,
    shipping_value: Option<&'a RawValue>,
    market_id: Option<u64>,
    customer_register: Option<bool>,
    payment: Option<Payment<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "as for the order")]
struct Address<'a> {
    email: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    cell: Option<&'a str>,
    address: Option<&'a str>,
    city: Option<&'a str>,
    zipcode: Option<&'a str>,
    country: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "as for the order")]
struct Product<'a> {
    sku: Option<&'a str>,
    qty: u32,
    #[serde(borrow)]
    unit_price: Option<&'a RawValue>,
    comment: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Payment<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    auth: Option<Step<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Step<'a> {
    status: u8,
    #[serde(borrow)]
    amount: &'a RawValue,
    transaction: Option<&'a str>,
    method: Option<&'a str>,
}

fn parse(body: &str) -> serde_json::Result<Vec<Indexed<'_>>> {
    let Named(orders): Named<'_, Order<'_>> = serde_json::from_str(body)?;
    let indexed = std::hint::black_box(&orders)
        .iter()
        .map(|(_, order)| Indexed {
            organisation: None,
            key: order.order_number.get(),
        });
    Ok(indexed.collect())
}

fn taken(answer: &str) -> usize {
    answer.matches("\"status\":\"ok\"").count()
}
