//! The vendor's output formats: orders, and the bodies of responses.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::canonical::Members;

/// An order in the vendor's form.
#[derive(Serialize)]
pub(super) struct Form<'s> {
    pub trkref: &'s str,
    pub order_ref: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fulfilment_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Person<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order_items: Vec<Item<'s>>,
}

/// The customer of an order.
#[derive(Default, PartialEq, Eq, Serialize)]
pub(super) struct Person<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_ref: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surname: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'s str>,
}

/// One unit of a product.
#[derive(Clone, Serialize)]
pub(super) struct Item<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Members<'s>>,
}

/// One order was accepted.
#[derive(Serialize)]
pub(super) struct OrderAccepted {
    pub status: u16,
    pub id: String,
    pub message: &'static str,
}

/// One order was rejected.
#[derive(Serialize)]
pub(super) struct OrderInvalid {
    pub status: u16,
    pub message: &'static str,
    pub errors: Vec<String>,
}

/// The outcome of a batch. `errors` is absent if every order was accepted.
#[derive(Serialize)]
pub(super) struct BatchResult<'s> {
    pub status: u16,
    pub id: String,
    pub message: &'static str,
    pub summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<BatchErrors<'s>>,
}

#[derive(Serialize)]
pub(super) struct Summary {
    pub accepted: u64,
    pub rejected: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum BatchErrors<'s> {
    /// One element per rejected order.
    OfOrders(Vec<RejectedOrder<'s>>),
    /// The body was not a batch.
    OfBatch([&'static str; 1]),
}

#[derive(Serialize)]
pub(super) struct RejectedOrder<'s> {
    /// The order as it was sent. `null` if it is unreadable.
    pub customer_order: Option<&'s RawValue>,
    pub errors: Vec<String>,
}

/// A refused request.
#[derive(Serialize)]
pub(super) struct Refusal {
    pub status: u16,
    pub message: String,
}

/// A request refused because the caller lacks permission.
#[derive(Serialize)]
pub(super) struct Denied {
    pub status: u16,
    pub error: &'static str,
}

/// A batch refused because the caller is unknown.
#[derive(Serialize)]
pub(super) struct BatchUnauthorized {
    pub status: u16,
    pub errors: &'static str,
}
