//! The attributes of a customer order, in the order of the vendor's table.
//!
//! The retained ones are validated and name nobody.

use crate::reading::fields::{Field, each, field, retained};

pub(super) const FIELDS: &[Field] = &[
    retained("packingslipno"),
    field("consignee"),
    field("address1"),
    field("address2"),
    field("suburb"),
    field("city"),
    field("postcode"),
    field("country"),
    field("delvref"),
    field("delvinstructions"),
    field("contactname"),
    field("contactphone"),
    field("email"),
    field("rawaddress"),
    field("costcentre"),
    field("iconUrl"),
    field("customField1Value"),
    field("customField2Value"),
    field("shippingDescription"),
    field("dangerousgoods"),
    field("isSignatureRequired"),
    each("products", PRODUCT),
    each("packages", PACKAGE),
];

const PRODUCT: &[Field] = &[
    retained("productcode"),
    field("description"),
    retained("units"),
    retained("unitvalue"),
    retained("countryofmanufacture"),
    retained("unitkg"),
    field("imageurl"),
    retained("currency"),
    retained("alreadySent"),
    field("bin"),
];

const PACKAGE: &[Field] = &[
    field("PackageStockName"),
    retained("Quantity"),
    retained("WeightKg"),
    retained("LengthCm"),
    retained("WidthCm"),
    retained("HeightCm"),
];

#[cfg(test)]
mod tests {
    use super::FIELDS;
    use crate::dialects::gosweetspot::GoSweetSpot;
    use crate::dialects::misspellings::Orders;

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        Orders {
            dialect: &GoSweetSpot,
            operation: "put_orders",
            fields: FIELDS,
            orders: include_str!("../../../tests/mappings/gosweetspot.json"),
        }
        .check();
    }
}
