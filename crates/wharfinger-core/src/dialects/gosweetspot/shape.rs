//! The attributes of a customer order, in the order of the vendor's table.

use crate::unknown::Shape;

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
        "bin",
        "dangerousgoods",
        "isSignatureRequired",
        "products",
        "packages",
    ],
    parts: &[("products", PRODUCT), ("packages", PACKAGE)],
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
