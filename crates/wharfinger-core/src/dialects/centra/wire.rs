//! The vendor's words, as they leave.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, RoundingMode};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// An order in the vendor's form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Form<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<FormAddress<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invoice_address: Option<FormAddress<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery_address: Option<FormAddress<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) products: Vec<FormProduct<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) customer_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shipping_value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) voucher_value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) po_number: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_attributes: Option<Box<RawValue>>,
}

/// An address of an order in the vendor's form.
#[derive(Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FormAddress<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tele: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coaddress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) city: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zipcode: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country: Option<&'s str>,
}

/// A product of an order in the vendor's form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FormProduct<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ean: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sku: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) qty: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit_price: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_text: Option<FormItemText<'s>>,
}

/// What a product is called.
#[derive(Serialize)]
pub(super) struct FormItemText<'s> {
    pub(super) product: &'s str,
}

/// What became of one order.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    /// Created: its number, or those of all its parts.
    Created {
        status: &'static str,
        orders: Vec<u64>,
    },
    /// Prepared with `createOnly`: its number, not in an array.
    Prepared { status: &'static str, order: u64 },
    /// Completed: its number, or those of all its parts, as text.
    Completed {
        status: &'static str,
        orders: Vec<String>,
    },
    /// Not created; also the form of every refused request.
    No(No),
}

/// A no.
#[derive(Serialize)]
pub(super) struct No {
    pub(super) status: &'static str,
    pub(super) code: i8,
    pub(super) msg: String,
}

impl No {
    pub(super) fn new(code: i8, msg: String) -> Self {
        Self {
            status: "no",
            code,
            msg,
        }
    }
}

/// The answers of a batch under the caller's own names, in the order of the request.
pub(super) struct Batch<'s>(pub(super) Vec<(&'s str, Answer)>);

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, answer) in &self.0 {
            map.serialize_entry(name, answer)?;
        }
        map.end()
    }
}

/// An order read back. What was not sent is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order<'a> {
    pub(super) order_id: String,
    pub(super) order_status: &'static str,
    pub(super) order_date: Cow<'a, str>,
    pub(super) customer_id: Option<u64>,
    #[serde(flatten)]
    pub(super) delivery: Address<'a>,
    #[serde(flatten)]
    pub(super) billing: Address<'a>,
    pub(super) po_number: Text<'a>,
    pub(super) shipping_value: Money,
    pub(super) voucher_value: Money,
    pub(super) grand_total_value: Money,
    pub(super) internal_comment: Text<'a>,
    pub(super) other_comment: Text<'a>,
    pub(super) products: Vec<Product<'a>>,
}

/// Text that may be absent.
pub(super) type Text<'a> = Option<Cow<'a, str>>;

/// An amount, shown as a JSON number with two decimals.
pub(super) struct Money(pub(super) BigDecimal);

impl Serialize for Money {
    /// A half is rounded away from zero. The number is written out by its digits, never by way of binary floating point.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rounded = self.0.with_scale_round(2, RoundingMode::HalfUp);
        let number = RawValue::from_string(rounded.to_plain_string()).map_err(S::Error::custom)?;
        number.serialize(serializer)
    }
}

/// The parts of an address as an order shows them, each under a name that begins with what the address is for.
pub(super) struct Address<'a> {
    pub(super) names: &'static [&'static str; ADDRESS_PARTS],
    pub(super) parts: [Text<'a>; ADDRESS_PARTS],
}

const ADDRESS_PARTS: usize = 10;

/// The names of the address that goods are sent to.
pub(super) const DELIVERY: [&str; ADDRESS_PARTS] = [
    "deliveryName",
    "deliveryEmail",
    "deliveryTele",
    "deliveryCell",
    "deliveryAddress",
    "deliveryCoaddress",
    "deliveryZipcode",
    "deliveryCity",
    "deliveryState",
    "deliveryCountry",
];

/// The names of the address that the invoice is sent to.
pub(super) const BILLING: [&str; ADDRESS_PARTS] = [
    "billingName",
    "billingEmail",
    "billingTele",
    "billingCell",
    "billingAddress",
    "billingCoaddress",
    "billingZipcode",
    "billingCity",
    "billingState",
    "billingCountry",
];

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(&self.parts))
    }
}

/// A line of an order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Product<'a> {
    pub(super) line_id: usize,
    pub(super) sku: Text<'a>,
    pub(super) ean: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) variant: Text<'a>,
    pub(super) brand: Text<'a>,
    pub(super) size: Text<'a>,
    pub(super) qty: u64,
    pub(super) original_price: Money,
    pub(super) price: Money,
    pub(super) comment: Text<'a>,
    pub(super) total_price: Money,
    /// Where it is sent from. An open catalogue knows of no warehouses, so there are none to name.
    pub(super) warehouses: Vec<&'a str>,
}
