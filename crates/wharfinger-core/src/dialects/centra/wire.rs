//! The vendor's output formats.

use serde::ser::SerializeMap;
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

/// The name of a product.
#[derive(Serialize)]
pub(super) struct FormItemText<'s> {
    pub(super) product: &'s str,
}

/// The outcome of one order.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    /// Created: the order number, or the numbers of all parts.
    Created {
        status: &'static str,
        orders: Vec<u64>,
    },
    /// Prepared with `createOnly`: the order number, not in an array.
    Prepared { status: &'static str, order: u64 },
    /// Completed: the order number, or the numbers of all parts, as text.
    Completed {
        status: &'static str,
        orders: Vec<String>,
    },
    /// Updated: the order number.
    Updated { status: &'static str, order: u64 },
    /// Not updated: the reason, and the order number if it can be read. The vendor has no code here.
    NotUpdated {
        status: &'static str,
        msg: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        order: Option<u64>,
    },
    /// Not created. Also the format of every refused request.
    No(No),
}

/// A negative outcome: code and message.
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

/// The outcomes of a batch under the sender's names, in request order.
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
