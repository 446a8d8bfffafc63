//! The orders that `wharfinger bench` sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::workload::{ByEmail, Indexed, Read, Workload};

/// Orders with an address and two products.
pub(super) static WORKLOAD: Workload = Workload {
    order: include_str!("workload.tmpl"),
    parse,
    taken,
    reads: &READS,
    products: None,
    by_email: Some(ByEmail {
        address: "customer.{{customer}}@inbox.example.com",
        key: "PS-{{stamp}}",
    }),
};

const READS: [Read; 2] = [
    Read {
        what: "one order by its key",
        target: "/v2/order/PS-{{stamp}}",
        orders_max: 1,
        shown,
    },
    Read {
        what: "the first page of 100 in the order of creation",
        target: "/api/customerorders?page=1&pagesize=100",
        orders_max: 100,
        shown,
    },
];

/// The order as a minimal program would declare it, with the attributes that the benchmark uses.
#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "a plain program reads every attribute, whatever it then does with them"
)]
struct Order<'a> {
    packingslipno: &'a str,
    consignee: &'a str,
    address1: Option<&'a str>,
    address2: Option<&'a str>,
    suburb: Option<&'a str>,
    city: Option<&'a str>,
    postcode: Option<&'a str>,
    country: Option<&'a str>,
    delvref: Option<&'a str>,
    delvinstructions: Option<&'a str>,
    contactname: Option<&'a str>,
    contactphone: Option<&'a str>,
    email: Option<&'a str>,
    #[serde(borrow)]
    products: Option<Vec<Product<'a>>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as for the order")]
struct Product<'a> {
    productcode: &'a str,
    description: Option<&'a str>,
    #[serde(borrow)]
    units: Option<&'a RawValue>,
    unitvalue: Option<&'a RawValue>,
    unitkg: Option<&'a RawValue>,
    currency: Option<&'a str>,
}

fn parse(body: &str) -> serde_json::Result<Vec<Indexed<'_>>> {
    let orders: Vec<Order<'_>> = serde_json::from_str(body)?;
    let indexed = std::hint::black_box(&orders).iter().map(|order| Indexed {
        organisation: None,
        key: order.packingslipno,
    });
    Ok(indexed.collect())
}

fn taken(answer: &str) -> usize {
    answer.matches("\"result\":true").count()
}

fn shown(answer: &str) -> usize {
    answer.matches("\"packingslipno\"").count()
}
