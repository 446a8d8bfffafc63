//! The vendor's output formats, as its pages show them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// Submitted text, or null.
pub(super) type Text<'s> = Option<Cow<'s, str>>;

/// A number with its own spelling, or null.
pub(super) type Amount = Option<Box<RawValue>>;

/// A value that is unknown to the server. Always null.
#[derive(Clone, Copy, Serialize)]
pub(super) struct NotKnown;

/// An order in the vendor's form.
#[derive(Serialize)]
pub(super) struct Form<'s> {
    pub packingslipno: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suburb: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delvref: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delvinstructions: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contactname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contactphone: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'s str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<FormProduct<'s>>,
}

/// A product of an order in the vendor's form.
#[derive(Serialize)]
pub(super) struct FormProduct<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub productcode: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unitvalue: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unitkg: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'s str>,
}

/// A refused request.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Refusal<'s> {
    pub message: Cow<'s, str>,
}

/// The outcome of one order of a batch.
#[derive(Serialize)]
pub(super) struct Saved<'s> {
    pub packingslipno: Option<&'s str>,
    pub result: bool,
    /// Absent on the v2 route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}

/// The head of a page. The orders follow as its last member.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    pub page: u64,
    pub page_size: u64,
    pub pages: u64,
}

/// An order of a page.
#[derive(Serialize)]
pub(super) struct Listed<'s> {
    pub packingslipno: &'s str,
    pub consignee: Text<'s>,
    pub address1: Text<'s>,
    pub address2: Text<'s>,
    pub suburb: Text<'s>,
    pub city: Text<'s>,
    pub postcode: Text<'s>,
    pub country: Text<'s>,
    pub delvref: Text<'s>,
    pub delvinstructions: Text<'s>,
    pub contactname: Text<'s>,
    pub contactphone: Text<'s>,
    pub email: Text<'s>,
    pub isrural: NotKnown,
    pub notrural: NotKnown,
    pub costcentre: Text<'s>,
    #[serde(rename = "customField1Value")]
    pub custom_field1_value: Text<'s>,
    #[serde(rename = "customField2Value")]
    pub custom_field2_value: Text<'s>,
    #[serde(rename = "shippingDescription")]
    pub shipping_description: Text<'s>,
    pub dangerousgoods: Option<Box<RawValue>>,
    #[serde(rename = "isSignatureRequired")]
    pub is_signature_required: bool,
    pub status: Status<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<Product<'s>>>,
}

/// The status of an order of a page. The mixed case is the vendor's.
#[derive(Serialize)]
pub(super) struct Status<'s> {
    #[serde(rename = "Status")]
    pub status: &'s str,
    pub ticketnumber: Option<&'s str>,
    pub trackingurl: Option<&'s str>,
    #[serde(rename = "Picked")]
    pub picked: Option<String>,
    #[serde(rename = "Delivered")]
    pub delivered: Option<String>,
    pub manualticket: bool,
}

/// A product of an order.
#[derive(Serialize)]
pub(super) struct Product<'s> {
    pub productcode: Text<'s>,
    pub description: Text<'s>,
    pub units: Amount,
    pub unitvalue: Amount,
    #[serde(rename = "countryofManufacture")]
    pub country_of_manufacture: Text<'s>,
    pub unitkg: Amount,
    pub imageurl: Text<'s>,
    pub currency: Text<'s>,
    #[serde(rename = "alreadySent")]
    pub already_sent: Amount,
    #[serde(rename = "fulfilledQty")]
    pub fulfilled_qty: Amount,
    pub linetotal: Amount,
    pub bin: Text<'s>,
}

/// A pending order. The vendor's example (`v2-pending-orders.html`) has the attributes of a listed order and these,
/// including the spelling `rawAddress`.
#[derive(Serialize)]
pub(super) struct Pending<'s> {
    #[serde(flatten)]
    pub listed: Listed<'s>,
    #[serde(rename = "rawAddress")]
    pub raw_address: Text<'s>,
    #[serde(rename = "iconUrl")]
    pub icon_url: Text<'s>,
    pub packages: Vec<Package<'s>>,
}

/// A package of an order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Package<'s> {
    pub package_stock_name: Text<'s>,
    pub quantity: Amount,
    pub weight_kg: Amount,
    pub length_cm: Amount,
    pub width_cm: Amount,
    pub height_cm: Amount,
}

/// The status of one order.
#[derive(Serialize)]
pub(super) struct Shown<'s> {
    pub packingslipno: &'s str,
    pub consignee: Text<'s>,
    pub status: &'static str,
    pub ticketnumber: Option<&'s str>,
    pub trackingurl: Option<&'s str>,
    pub picked: Option<String>,
    pub delivered: Option<String>,
    pub ticketprinteddate: Option<String>,
    pub ticketprintedby: Option<&'s str>,
    pub ticketdeleteddate: NotKnown,
    pub ticketdeletedby: NotKnown,
}
