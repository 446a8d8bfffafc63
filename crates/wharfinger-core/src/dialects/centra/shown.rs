//! The vendor's response format of an order: every attribute of the example on the vendor's page, with the same types.
//!
//! An unknown attribute has the vendor's empty value: `""`, 0, false or an empty array.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::money::Money;

/// Text. `""` if there is none.
pub(super) type Text<'a> = Cow<'a, str>;

/// An order.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order<'a> {
    pub(super) order_id: &'a str,
    pub(super) selection_id: &'static str,
    pub(super) order_status: &'static str,
    pub(super) order_date: Text<'a>,
    pub(super) cancel_date: Text<'a>,
    pub(super) preferred_delivery_date: Text<'a>,
    pub(super) estimated_delivery_date: Text<'a>,
    pub(super) order_store: &'a str,
    pub(super) order_currency: Text<'a>,
    pub(super) customer_id: String,
    pub(super) account_id: String,
    #[serde(flatten)]
    pub(super) delivery: Address<'a>,
    #[serde(flatten)]
    pub(super) billing: Address<'a>,
    #[serde(rename = "billingVAT")]
    pub(super) billing_vat: &'static str,
    pub(super) po_number: Text<'a>,
    pub(super) shipping_list: Text<'a>,
    pub(super) suspect: u8,
    pub(super) internal_order: u8,
    pub(super) hold: u8,
    pub(super) waiting_for_payment: u8,
    pub(super) shipping_value: Money,
    pub(super) voucher_value: Money,
    pub(super) grand_total_value: Money,
    pub(super) grand_total_tax_value: Money,
    pub(super) tax_added: u8,
    pub(super) tax_deducted: u8,
    pub(super) internal_comment: Text<'a>,
    pub(super) other_comment: Text<'a>,
    pub(super) market_id: u64,
    pub(super) pricelist_id: u64,
    pub(super) ip_address: &'static str,
    #[serde(flatten)]
    pub(super) payment: Payment<'a>,
    pub(super) default_carrier: &'static str,
    /// The native API reports shipments.
    pub(super) shipments: [(); 0],
    #[serde(flatten)]
    pub(super) totals: Totals,
    pub(super) products: Vec<Product<'a>>,
    pub(super) total_items_discount: Money,
    pub(super) discounts: Discounts<'a>,
}

/// How an order was paid, as far as the order says.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment<'a> {
    pub(super) payment_plugin: String,
    pub(super) payment_type: &'static str,
    pub(super) payment_description: &'static str,
    pub(super) payment_reference: Text<'a>,
    pub(super) payment_method: Text<'a>,
}

/// The totals of the lines.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals {
    /// The tax in the prices, negative: price plus this is the price without tax.
    pub(super) total_items_price_tax: Money,
    pub(super) total_items_price: Money,
    pub(super) total_items_without_tax: Money,
    pub(super) tax_breakdown: Vec<Tax>,
}

/// The tax of all lines with the same rate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tax {
    pub(super) description: &'static str,
    pub(super) tax_percent: Money,
    pub(super) value: Money,
}

/// Discounts.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Discounts<'a> {
    pub(super) any_discount: bool,
    pub(super) discount: String,
    pub(super) discount_as_number: u8,
    pub(super) vouchers: Vec<Voucher<'a>>,
    pub(super) automatic_discounts: [(); 0],
}

/// A voucher that the order names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Voucher<'a> {
    pub(super) voucher: Text<'a>,
    pub(super) name: &'static str,
    pub(super) price_off: String,
    #[serde(rename = "priceOffAsANumber")]
    pub(super) price_off_as_a_number: Money,
    pub(super) description: &'static str,
    pub(super) is_credit: bool,
    pub(super) original_price_off: String,
    pub(super) original_price_off_as_number: Money,
}

/// The parts of an address in an order. Each attribute name begins with the address's purpose.
#[derive(Default)]
pub(super) struct Address<'a> {
    pub(super) names: &'static [&'static str],
    pub(super) parts: [Text<'a>; ADDRESS_PARTS],
}

const ADDRESS_PARTS: usize = 11;

/// The attribute names of the delivery address.
pub(super) const DELIVERY: [&str; ADDRESS_PARTS] = [
    "deliveryName",
    "deliveryCompany",
    "deliveryEmail",
    "deliveryCell",
    "deliveryTele",
    "deliveryAddress",
    "deliveryCoaddress",
    "deliveryZipcode",
    "deliveryCity",
    "deliveryState",
    "deliveryCountry",
];

/// The attribute names of the billing address.
pub(super) const BILLING: [&str; ADDRESS_PARTS] = [
    "billingName",
    "billingCompany",
    "billingEmail",
    "billingCell",
    "billingTele",
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
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Product<'a> {
    pub(super) line_id: String,
    pub(super) sku: Text<'a>,
    pub(super) variant_sku: &'static str,
    pub(super) size_sku: &'static str,
    pub(super) ean: Text<'a>,
    pub(super) upc: &'static str,
    pub(super) name: Text<'a>,
    pub(super) variant: Text<'a>,
    pub(super) brand: Text<'a>,
    pub(super) size: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) localized_size: Option<LocalizedSize<'a>>,
    pub(super) qty: u64,
    pub(super) original_price: Money,
    pub(super) price: Money,
    pub(super) weight: u8,
    pub(super) weight_unit: &'static str,
    pub(super) country_of_origin: &'static str,
    pub(super) harm_code: &'static str,
    pub(super) comment: Text<'a>,
    pub(super) other_comment: &'static str,
    pub(super) tax_percent: Money,
    pub(super) price_discount: Money,
    pub(super) price_discount_as_percent: u64,
    pub(super) tax_value: Money,
    pub(super) total_tax_value: Money,
    pub(super) total_price: Money,
    pub(super) total_price_without_tax: Money,
    pub(super) total_price_with_tax: Money,
    pub(super) any_discount: bool,
    pub(super) price_each_without_tax: Money,
    pub(super) price_each_reduction: u8,
    /// The warehouses that the line ships from. Empty for an open catalogue, which has none.
    pub(super) warehouses: Vec<Warehouse<'a>>,
    pub(super) is_bundle: bool,
    pub(super) is_part_of_bundle: &'static str,
}

/// A size according to a size chart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocalizedSize<'a> {
    pub(super) localization_definition_name: Text<'a>,
    pub(super) localized_size: Text<'a>,
}

/// A warehouse from which pieces of a line ship.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Warehouse<'a> {
    pub(super) name: &'a str,
    pub(super) item_qty: u64,
}
