//! The attributes of a customer order, in the order of the vendor's table.

use crate::reading::unknown::Shape;

pub(super) const SHAPE: &Shape = &Shape {
    names: &[
        "packingslipno",
        "consignee",
        "address1",
        "address2",
        "suburb",
        "city",
        "postcode",
        "country",
        "delvref",
        "delvinstructions",
        "contactname",
        "contactphone",
        "email",
        "rawaddress",
        "costcentre",
        "iconUrl",
        "customField1Value",
        "customField2Value",
        "shippingDescription",
        "dangerousgoods",
        "isSignatureRequired",
        "products",
        "packages",
    ],
    parts: &[("products", PRODUCT), ("packages", PACKAGE)],
    is_keyed: false,
};

const PRODUCT: &Shape = &Shape::flat(&[
    "productcode",
    "description",
    "units",
    "unitvalue",
    "countryofmanufacture",
    "unitkg",
    "imageurl",
    "currency",
    "alreadySent",
    "bin",
]);

const PACKAGE: &Shape = &Shape::flat(&[
    "PackageStockName",
    "Quantity",
    "WeightKg",
    "LengthCm",
    "WidthCm",
    "HeightCm",
]);

#[cfg(test)]
mod tests {
    use super::SHAPE;
    use crate::dialects::gosweetspot::GoSweetSpot;
    use crate::dialects::misspellings::Orders;

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        Orders {
            dialect: &GoSweetSpot,
            operation: "put_orders",
            shape: SHAPE,
            orders: include_str!("../../../tests/mappings/gosweetspot.json"),
        }
        .check();
    }
}
